import { mapTypeName } from '../../../core/maps/types.ts';
import type { EventRecords } from '../../../protocol/kernel.ts';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Context } from '../context.ts';
import { openMap } from '../maps/mapRefs.ts';
import type { EventReader } from '../object/objects.ts';

/** The readers of one object's ring buffers and perf event arrays. */
export interface EventReaders {
  /** What came since the last call, a record for each map that was asked for. */
  take(): EventRecords[];
}

/**
 * Listens to maps from now on. What they hold already is not the coming run's: it is taken away here. A map that cannot be
 * listened to says why in its records.
 */
export function readersOf(context: Context, object: number, maps: readonly number[]): EventReaders {
  const readers = maps.map((map) => ({ map, reader: readerOf(context, object, map) }));
  for (const { reader } of readers) if ('take' in reader) reader.take();
  return {
    take: () =>
      readers.map(({ map, reader }): EventRecords => {
        if ('problem' in reader) return { map, records: [], lost: 0, problem: reader.problem };
        const { result, records, lost } = reader.take();
        return { map, records, lost, ...(result < 0 ? { problem: `it cannot be read: ${errnoText(result)}` } : {}) };
      }),
  };
}

/** A reader lives as long as its object: opening perf events on every CPU takes its time. */
function readerOf(context: Context, object: number, map: number): EventReader | { problem: string } {
  const readers = context.objects.readers(object);
  const reader = readers.get(map) ?? openReader(context, map);
  readers.set(map, reader);
  return reader;
}

/** A ring buffer holds fewer. */
const allRecords = 0x7fffffff;

function openReader(context: Context, id: number): EventReader | { problem: string } {
  const map = openMap(context, { id });
  try {
    const type = mapTypeName(map.info.type);
    if (type !== 'ringbuf' && type !== 'perf_event_array') return { problem: `a ${type} holds no events` };
    let taken: ReturnType<EventReader['take']> = { result: 0, records: [], lost: 0 };
    const source = context.libbpf.openEvents(type, map.fd, {
      record: (data, cpu) => void taken.records.push(cpu === undefined ? { data } : { cpu, data }),
      lost: (count) => {
        taken.lost += count;
      },
    });
    if (typeof source === 'number') {
      const denied = source === -errno.EPERM || source === -errno.EACCES;
      const why = denied ? 'the kernel wants CAP_PERFMON (and CAP_BPF) for it' : errnoText(source);
      return { problem: `it cannot be listened to: ${why}` };
    }
    return {
      take: () => {
        taken = { result: 0, records: [], lost: 0 };
        taken.result = Math.min(0, source.consume(allRecords));
        return taken;
      },
      close: () => source.close(),
    };
  } finally {
    map.close();
  }
}
