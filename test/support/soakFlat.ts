import path from 'node:path';
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type HeapKinds, heapKinds, kib } from './helperMemory.ts';
import { repository } from './toolchain.ts';

/** Value below which this share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/**
 * How much a series grows from its middle to its end, by the slope of Theil and Sen (the median of the slopes between all pairs):
 * one interval in which the machine was busy does not move it, as it would a line of least squares.
 */
export function growth(series: readonly number[]): number {
  const half = series.slice(Math.floor(series.length / 2));
  const slopes = half.flatMap((from, at) => half.slice(at + 1).map((to, further) => (to - from) / (further + 1)));
  return quantile(slopes, 0.5) * (half.length - 1);
}

/** A piece of work that is always the same, and about as long as a poll. */
export function fixedWorkMs(): number {
  const startedMs = performance.now();
  let mixed = 1;
  for (let round = 0; round < 100_000; round++) mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) + round;
  // Used, so that it is not left out.
  return performance.now() - startedMs + (mixed === 0 ? 1e-9 : 0);
}

let collect: (() => void) | undefined;
/** KiB that V8 still reaches in this process after a full collection; `data` with what lies outside of its heap. */
export function ownMemory(): HeapKinds {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect();
  const { external } = process.memoryUsage();
  const snapshot = path.join(repository, '.cache', `soak-${process.pid}.heapsnapshot`);
  const { data, engine } = heapKinds(writeHeapSnapshot(snapshot));
  return { data: data + kib(external), engine };
}
