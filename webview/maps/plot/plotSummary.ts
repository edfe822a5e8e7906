import type { Range } from './plotRange.ts';

interface Series {
  /** Seconds, rising. */
  times: readonly number[];
  values: readonly (number | null)[];
  range: Range;
}

/** The number at a place, or the last one that is in sight. */
export function latestIn({ times, values, range, at }: Series & { at: number | undefined }): number | undefined {
  if (at !== undefined) return values[at] ?? undefined;
  for (let place = times.length - 1; place >= 0; place--) {
    const time = times[place] ?? 0;
    if (time < range.from) return undefined;
    const value = values[place];
    if (time <= range.to && value !== null && value !== undefined) return value;
  }
  return undefined;
}

/** The smallest and the largest number in sight. */
export function spreadIn({ times, values, range }: Series): { low: number; high: number } | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  times.forEach((time, place) => {
    const value = values[place];
    if (time < range.from || time > range.to || value === null || value === undefined) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  });
  return low > high ? undefined : { low, high };
}
