/** A part of the time axis, in seconds since 1970. */
export interface Range {
  from: number;
  to: number;
}

/** Nothing is read more often than 20 times a second: less than this shows no two readings. */
const shortest = 0.2;
/** What one key takes away, or moves by. */
const zoomStep = 2;
const panStep = 0.25;

export type RangeKey = 'in' | 'out' | 'back' | 'forth' | 'first' | 'last';

/**
 * What is shown after a key; `held`: what there is to be shown, `whole`: seconds that are shown when nothing is chosen. What ends at the
 * newest reading goes on to do so when it is zoomed; else the middle stays.
 */
export function movedRange(range: Range, key: RangeKey, { held, whole }: { held: Range; whole: number }): Range {
  const length = range.to - range.from;
  switch (key) {
    case 'in':
    case 'out': {
      const most = Math.max(whole, held.to - held.from);
      const next = key === 'in' ? Math.max(shortest, length / zoomStep) : Math.min(most, length * zoomStep);
      const to = range.to >= held.to ? held.to : (range.from + range.to) / 2 + next / 2;
      return within({ from: to - next, to }, held);
    }
    case 'back':
      return within({ from: range.from - length * panStep, to: range.to - length * panStep }, held);
    case 'forth':
      return within({ from: range.from + length * panStep, to: range.to + length * panStep }, held);
    case 'first':
      return within({ from: held.from, to: held.from + length }, held);
    case 'last':
      return within({ from: held.to - length, to: held.to }, held);
  }
}

/** As long as it is, moved to where there is something. */
function within({ from, to }: Range, held: Range): Range {
  const length = to - from;
  // What has just begun is narrower than what is shown: its readings stay at the right.
  if (to > held.to || length >= held.to - held.from) return { from: held.to - length, to: held.to };
  return from < held.from ? { from: held.from, to: held.from + length } : { from, to };
}
