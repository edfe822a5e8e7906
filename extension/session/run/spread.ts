/** Nanoseconds for one run, over batches of runs: the median of their means, and the least and the greatest. */
export interface Spread {
  medianNs: number;
  minNs: number;
  maxNs: number;
}

export function spreadOf(means: readonly number[]): Spread {
  const sorted = [...means].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const medianNs = sorted.length % 2 === 0 ? Math.round(((sorted[middle - 1] ?? 0) + upper) / 2) : upper;
  return { medianNs, minNs: sorted[0] ?? 0, maxNs: sorted.at(-1) ?? 0 };
}

/**
 * How `repeat` runs are divided: batches of at least 100, since fewer say more about cold caches than about the program, and
 * at most 5, since each costs the kernel some 16 ms (net/bpf/test_run.c waits for RCU when it repeats).
 */
export function batchesOf(repeat: number): number[] {
  const count = Math.max(1, Math.min(5, Math.floor(repeat / 100)));
  const each = Math.floor(repeat / count);
  return Array.from({ length: count }, (_, index) => each + (index < repeat % count ? 1 : 0));
}
