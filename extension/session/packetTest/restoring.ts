import { entryValueBytes, type RawPage } from '../../core/maps/entries.ts';
import type { Layout } from '../../core/maps/layout.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import type { OpenMap } from '../maps/maps.ts';

/** Reading more than this after every test costs more than loading the object again. Bytes; entries. */
export const maxRestoredBytes = 512 << 10;
const maxRestoredEntries = 65_536;

/** How a map becomes as it was after loading. */
export type Restoring =
  /** It is read after each test, and what differs is written back. */
  | 'compare'
  /** No program can change it: only what a test put in has to go. */
  | 'undo'
  | 'none'
  /** It keeps state that cannot be seen or written: the whole object is loaded again. */
  | 'reload';

export interface KernelMap extends OpenMap {
  restoring: Restoring;
  /** Absent where the map cannot be listed. */
  initial: RawPage | undefined;
}

/** `asksRings`: the program can tell a ring buffer that was used and emptied from a fresh one. */
export function restoringOf({ info, schema }: OpenMap, asksRings: boolean): Restoring {
  if (info.frozen) return 'none';
  switch (info.type) {
    case 'array':
    case 'percpu_array':
      return hasHiddenState(schema.value) ? 'reload' : 'compare';
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
    case 'lpm_trie':
      return hasHiddenState(schema.value) || info.maxEntries > maxRestoredEntries ? 'reload' : 'compare';
    case 'prog_array':
    case 'array_of_maps':
    case 'hash_of_maps':
      return 'compare';
    case 'devmap':
    case 'devmap_hash':
    case 'cpumap':
      return 'undo';
    case 'perf_event_array':
    case 'xskmap':
      return 'none';
    case 'ringbuf':
      return asksRings ? 'reload' : 'none';
    default:
      return 'reload';
  }
}

/** Timers, lists and trees of the kernel (`struct bpf_timer`, …): user space sees zeros there. A bpf_spin_lock is free again. */
function hasHiddenState(layout: Layout | undefined): boolean {
  switch (layout?.kind) {
    case 'struct':
    case 'union':
      return (
        (layout.name.startsWith('bpf_') && layout.name !== 'bpf_spin_lock') ||
        layout.fields.some((field) => hasHiddenState(field.layout))
      );
    case 'array':
      return hasHiddenState(layout.element);
    default:
      return false;
  }
}

/** Arrays are read whole, however little is in them. */
export function pageBytes(schema: MapSchema): number {
  return /array/.test(schema.type) ? schema.maxEntries * (schema.keySize + entryValueBytes(schema)) : 0;
}
