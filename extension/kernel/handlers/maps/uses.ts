import type { MapUse } from '../../../protocol/kernel.ts';
import type { MapUse as Counts } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';

/**
 * Who uses these maps. The kernel keeps a map for as long as anybody holds it, so that one whose program was replaced goes on to be
 * readable, and never moves again.
 */
export function usesOf(context: Context, ids: readonly number[]): MapUse[] {
  const all = context.libbpf.mapUses();
  if (typeof all === 'number') return [];
  const wanted = new Set(ids);
  return all.filter(({ id }) => wanted.has(id)).map((map) => useOf(context, map, all));
}

function useOf(context: Context, map: Counts, all: readonly Counts[]): MapUse {
  const { id } = map;
  if (map.inKernel > 0) return { id, use: 'program' };
  const taken = context.takenMaps.fdOf(id) !== undefined;
  const use = taken && map.holders === 1 ? 'held' : 'others';
  // Ids only rise: kernel/bpf/syscall.c, bpf_map_alloc_id().
  const newer = all.findLast(
    (other) => other.id > id && other.name === map.name && other.type === map.type && other.inKernel > 0,
  );
  return newer === undefined ? { id, use } : { id, use, newer: newer.id };
}
