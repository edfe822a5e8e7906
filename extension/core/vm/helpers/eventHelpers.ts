import { errno } from '../errno.ts';
import { RingBuffer } from '../maps/ringBuffer.ts';
import type { Call, Helper } from './call.ts';

/** Ring buffers and perf events: kernel/bpf/ringbuf.c, net/core/filter.c, kernel/trace/bpf_trace.c. */
export const eventHelpers: readonly Helper[] = [
  { id: 25, name: 'bpf_perf_event_output', run: perfEventOutput },
  {
    id: 130,
    name: 'bpf_ringbuf_output',
    run(call) {
      const size = call.u32(3);
      call.give(ring(call).output(call.readable(2, size), size, call.flags(4)));
    },
  },
  {
    id: 131,
    name: 'bpf_ringbuf_reserve',
    run: (call) => call.giveRegion(ring(call).reserve(call.u32(2), call.flags(3))),
  },
  { id: 132, name: 'bpf_ringbuf_submit', run: (call) => finish(call, true) },
  { id: 133, name: 'bpf_ringbuf_discard', run: (call) => finish(call, false) },
  { id: 134, name: 'bpf_ringbuf_query', run: (call) => call.give(ring(call).query(call.flags(2))) },
];

function ring(call: Call): RingBuffer {
  const map = call.map(1);
  if (map instanceof RingBuffer) return map;
  throw call.refuse(`${map.definition.name} is a ${map.definition.type}, not a ring buffer`);
}

/** The record alone says which ring it belongs to. */
function finish(call: Call, keep: boolean): void {
  const region = call.cpu.hi[1]!;
  const address = call.cpu.lo[1]!;
  const done = call.world.maps.some((map) => map instanceof RingBuffer && map.finish(region, address, keep));
  if (!done) throw call.refuse('its argument is no reserved record');
  call.give(0);
}

/** BPF_F_INDEX_MASK; also BPF_F_CURRENT_CPU. */
const currentCpu = 0xffff_ffff;
/** BPF_F_CTXLEN_MASK in the high half. */
const packetLengthMask = 0xfffff;

/** bpf_perf_event_output(context, map, flags, data, size). */
function perfEventOutput(call: Call): void {
  call.context();
  const { world, cpu } = call;
  const map = call.map(2);
  if (map.definition.type !== 'perf_event_array') throw call.refuse(`${map.definition.name} is no perf event array`);
  const packetBytes = cpu.hi[3]! & packetLengthMask;
  const size = call.u32(5);
  const at = call.readable(4, size);
  if ((cpu.hi[3]! & ~packetLengthMask) !== 0) return call.give(errno.invalid);
  if (packetBytes > world.frame.length()) return call.give(errno.fault);
  const own = world.inputs.cpu ?? 0;
  const index = call.u32(3) === currentCpu ? own : call.u32(3);
  if (index >= map.definition.maxEntries) return call.give(errno.tooBig);
  const data = new Uint8Array(size + packetBytes);
  data.set(world.memory.bytes.subarray(at, at + size));
  data.set(world.frame.packet().subarray(0, packetBytes), size);
  if (world.inputs.perfReaders !== true) return call.give(errno.noEntry);
  // A reader's buffer takes events only from the CPU that it was opened for.
  if (index !== own) return call.give(errno.notSupported);
  world.perfEvents.push({ map: map.definition.name, cpu: index, data });
  call.give(0);
}
