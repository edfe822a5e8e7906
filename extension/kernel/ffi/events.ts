import koffi from 'koffi';
import type { EventSink, EventSource } from '../libbpf/port.ts';
import type { Pointer } from './library.ts';
import { copyOut } from './memory.ts';
import type { LibbpfSymbols } from './symbols.ts';

/** Pages of each CPU's perf buffer: a power of two. 256 KiB hold a burst between two looks. */
const perfPages = 64;
/** A sample callback that answers below zero ends a look; the record that it was given counts as read. */
const enough = -11; // -EAGAIN

/** Anonymous prototypes, since koffi's names are global and a stream may be opened many times. */
const sampleOfRing = koffi.pointer(koffi.proto('int', ['void *', 'void *', 'size_t']));
const sampleOfPerf = koffi.pointer(koffi.proto('void', ['void *', 'int', 'void *', 'uint32_t']));
const lostOfPerf = koffi.pointer(koffi.proto('void', ['void *', 'int', 'uint64_t']));

/** Reads through libbpf's ring_buffer and perf_buffer. Their callbacks run inside consume(), on the calling thread. */
export function openEvents(
  libbpf: LibbpfSymbols,
  type: 'ringbuf' | 'perf_event_array',
  mapFd: number,
  sink: EventSink,
): EventSource | number {
  return type === 'ringbuf' ? openRing(libbpf, mapFd, sink) : openPerf(libbpf, mapFd, sink);
}

function openRing(libbpf: LibbpfSymbols, mapFd: number, sink: EventSink): EventSource | number {
  let left = 0;
  const sample = koffi.register((_context: unknown, data: Pointer, size: number | bigint) => {
    sink.record(copyOut(data, Number(size)), undefined);
    return --left > 0 ? 0 : enough;
  }, sampleOfRing) as Pointer;
  const buffer = libbpf.ringBufferNew(mapFd, sample, null, null);
  if (buffer === null) return failed([sample]);
  return {
    consume: (limit) => {
      left = limit;
      const result = libbpf.ringBufferConsume(buffer);
      return result === enough ? limit : result;
    },
    close: () => {
      libbpf.ringBufferFree(buffer);
      koffi.unregister(sample);
    },
  };
}

function openPerf(libbpf: LibbpfSymbols, mapFd: number, sink: EventSink): EventSource | number {
  const sample = koffi.register((_context: unknown, cpu: number, data: Pointer, size: number) => {
    sink.record(copyOut(data, size), cpu);
  }, sampleOfPerf) as Pointer;
  const lost = koffi.register((_context: unknown, _cpu: number, count: number | bigint) => {
    sink.lost(Number(count));
  }, lostOfPerf) as Pointer;
  const buffer = libbpf.perfBufferNew(mapFd, perfPages, sample, lost, null, null);
  if (buffer === null) return failed([sample, lost]);
  return {
    consume: () => libbpf.perfBufferConsume(buffer),
    close: () => {
      libbpf.perfBufferFree(buffer);
      for (const callback of [sample, lost]) koffi.unregister(callback);
    },
  };
}

function failed(callbacks: readonly Pointer[]): number {
  const errno = koffi.errno();
  for (const callback of callbacks) koffi.unregister(callback);
  return errno > 0 ? -errno : -22;
}
