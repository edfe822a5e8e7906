import type { Btf } from '../btf/types.ts';
import { typeName } from '../btf/typeName.ts';
import { type Layout, layoutOf } from './layout.ts';
import { decodeValue, type Value } from './value.ts';

/** A type that an event may be of. */
export interface EventType {
  id: number;
  /** C spelling: `struct event`. */
  name: string;
  size: number;
}

/** Named structs of a program, smallest first; the program says nowhere which of them it sends. */
export function eventTypes(btf: Btf): EventType[] {
  return btf.types
    .flatMap((type, id) =>
      type?.kind === 'struct' && type.name !== '' ? [{ id, name: typeName(btf, id), size: type.size }] : [],
    )
    .filter(({ size }) => size > 0)
    .sort((a, b) => a.size - b.size || a.id - b.id);
}

/** A struct by name, with or without `struct`. */
export function findEventType(btf: Btf, name: string): EventType | undefined {
  return eventTypes(btf).find((type) => type.name === name || type.name === `struct ${name}`);
}

/**
 * A record as that type. Ring buffers round nothing, perf records are padded to a multiple of 8 behind their size word
 * (kernel/events/core.c, perf_prepare_sample()): up to 7 bytes more than the type are no data. undefined: it is none of it.
 */
export function decodeEvent(layout: Layout | undefined, data: Uint8Array): Value | undefined {
  if (layout === undefined || data.length < layout.size) return undefined;
  return decodeValue(layout, data);
}

export function eventLayout(btf: Btf, type: EventType): Layout | undefined {
  return layoutOf(btf, type.id);
}
