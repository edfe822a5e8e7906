import { errno } from '../errno.ts';
import type { Call, Helper } from './call.ts';
import type { Timer } from './timers.ts';

/** Bytes of struct bpf_timer. */
const timerBytes = 16;
/** CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME: the machine has one clock. */
const clocks = [0, 1, 7];
/** BPF_F_TIMER_ABS and BPF_F_TIMER_CPU_PIN of include/uapi/linux/bpf.h. */
const timerFlag = { absolute: 1, pinned: 2 } as const;

/** Timers in values of maps: kernel/bpf/helpers.c. They go off between runs, see Machine.runTimers(). */
export const timerHelpers: readonly Helper[] = [
  { id: 169, name: 'bpf_timer_init', run: init },
  {
    id: 170,
    name: 'bpf_timer_set_callback',
    run(call) {
      const timer = known(call);
      const slot = call.callback(2);
      if (timer === undefined) return call.give(errno.invalid);
      timer.callback = { code: call.cpu.code, slot };
      call.give(0);
    },
  },
  { id: 171, name: 'bpf_timer_start', run: start },
  {
    id: 172,
    name: 'bpf_timer_cancel',
    run(call) {
      const timer = known(call);
      if (timer === undefined) return call.give(errno.invalid);
      // Its own callback would wait for itself.
      if (call.world.timers.running === timer) return call.give(errno.deadlock);
      const wasArmed = timer.dueNs !== undefined;
      timer.dueNs = undefined;
      timer.callback = undefined;
      call.give(wasArmed ? 1 : 0);
    },
  },
];

function known(call: Call): Timer | undefined {
  return call.world.timers.at(call.writable(1, timerBytes));
}

/** bpf_timer_init(timer, map, flags). */
function init(call: Call): void {
  const { cpu, world } = call;
  const address = call.writable(1, timerBytes);
  const map = call.map(2);
  const clock = call.flags(3);
  if (!clocks.includes(clock)) return call.give(errno.invalid);
  if (world.timers.at(address) !== undefined) return call.give(errno.busy);
  // A pointer that lost its high half names no region: its address does.
  const value = cpu.hi[1] === 0 ? world.memory.regionAt(cpu.lo[1]!) : cpu.hi[1]!;
  for (const entry of map.entries()) {
    if (map.valueRegion(entry, 0) !== value) continue;
    world.timers.add(address, { map, entry, value, callback: undefined, dueNs: undefined });
    return call.give(0);
  }
  throw call.refuse(`the timer is not in a value of ${map.definition.name}`);
}

/** bpf_timer_start(timer, nsecs, flags). */
function start(call: Call): void {
  const timer = known(call);
  const flags = call.flags(3);
  if ((flags & ~(timerFlag.absolute | timerFlag.pinned)) !== 0) return call.give(errno.invalid);
  if (timer?.callback === undefined) return call.give(errno.invalid);
  const time = call.u64(2);
  timer.dueNs = (flags & timerFlag.absolute) !== 0 ? time : call.world.clockNs + time;
  call.give(0);
}
