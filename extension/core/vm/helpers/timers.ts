import type { Code } from '../isa/code.ts';
import type { VmMap } from '../maps/map.ts';

/** A bpf_timer in a map's value, once bpf_timer_init() has been there. */
export interface Timer {
  readonly map: VmMap;
  readonly entry: number;
  /** Region of the value. */
  readonly value: number;
  /** What bpf_timer_set_callback() gave it. */
  callback: { code: Code; slot: number } | undefined;
  /** When it goes off; undefined while it is not armed. */
  dueNs: bigint | undefined;
}

/** The timers of a machine, by address: kernel/bpf/helpers.c, struct bpf_hrtimer. */
export class Timers {
  /** Whose callback runs. */
  running: Timer | undefined;
  private readonly known = new Map<number, Timer>();

  get isEmpty(): boolean {
    return this.known.size === 0;
  }

  at(address: number): Timer | undefined {
    return this.known.get(address);
  }

  add(address: number, timer: Timer): void {
    this.known.set(address, timer);
    timer.map.onReplaced ??= (entry) => this.drop(timer.map, entry);
  }

  /** The one that goes off first, if it does until then. */
  nextDue(untilNs: bigint): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.known.values()) {
      if (timer.dueNs === undefined || timer.dueNs > untilNs) continue;
      if (next?.dueNs === undefined || timer.dueNs < next.dueNs) next = timer;
    }
    return next;
  }

  /** An entry that goes takes its timers with it. */
  private drop(map: VmMap, entry: number): void {
    for (const [address, timer] of this.known) {
      if (timer.map === map && timer.entry === entry) this.known.delete(address);
    }
  }
}
