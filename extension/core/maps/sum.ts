import { elementCount, setField, viewOf } from './decode.ts';
import { readBits, readInt } from './integers.ts';
import type { Layout } from './layout.ts';
import type { Value } from './value.ts';

/**
 * A value that mirrors the layout with its integer fields only, each summed over all CPUs exactly (it never wraps): 64-bit
 * fields as decimal strings, smaller ones as numbers. undefined when there is no integer field.
 */
export function sumOf(layout: Layout, slots: readonly Uint8Array[]): Value | undefined {
  return sumAt(layout, slots.map(viewOf), 0, slots[0]?.length ?? 0);
}

function sumAt(layout: Layout, views: readonly DataView[], offset: number, end: number): Value | undefined {
  switch (layout.kind) {
    case 'int': {
      let sum = 0n;
      for (const view of views) sum += BigInt(readInt(view, offset, layout));
      return layout.size > 4 ? sum.toString() : plain(sum);
    }
    case 'bits': {
      if (layout.base !== 'int') return undefined;
      let sum = 0n;
      for (const view of views) sum += readBits(view, offset, layout);
      return plain(sum);
    }
    case 'array': {
      const count = elementCount(layout, end - offset);
      const sums: Value[] = [];
      for (let i = 0; i < count; i++) {
        const start = offset + i * layout.element.size;
        const sum = sumAt(layout.element, views, start, start + layout.element.size);
        if (sum === undefined) return undefined;
        sums.push(sum);
      }
      return sums.length === 0 ? undefined : sums;
    }
    case 'struct':
    case 'union': {
      const object: { [field: string]: Value } = {};
      const last = layout.fields.length - 1;
      layout.fields.forEach((field, index) => {
        const start = offset + field.offset;
        const stop = index === last && layout.kind === 'struct' ? end : start + field.layout.size;
        const sum = sumAt(field.layout, views, start, stop);
        if (sum !== undefined) setField(object, field.name, sum);
      });
      return Object.keys(object).length === 0 ? undefined : object;
    }
    case 'bool':
    case 'enum':
    case 'float':
    case 'pointer':
    case 'text':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return undefined;
  }
}

function plain(sum: bigint): Value {
  const number = Number(sum);
  return Number.isSafeInteger(number) ? number : sum.toString();
}
