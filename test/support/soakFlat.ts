import { readFileSync } from 'node:fs';
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

/** CPU time that a process has used, in milliseconds: utime and stime of /proc/PID/stat, in ticks of 10 ms (proc(5)). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
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
