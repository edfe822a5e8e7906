export const trendSize = { width: 64, height: 16 } as const;

/** A line through the numbers, the last one at the right edge; from zero up, so that little noise does not look like much. */
export function trendPath(history: readonly number[], length: number): string {
  const { width, height } = trendSize;
  const top = Math.max(...history);
  // A flat line at the bottom of every idle row would only be noise.
  if (history.length < 2 || top <= 0) return '';
  const step = width / (length - 1);
  const first = length - history.length;
  let path = '';
  history.forEach((value, at) => {
    const x = ((first + at) * step).toFixed(1);
    const y = (height - 1 - (Math.max(0, value) / top) * (height - 2)).toFixed(1);
    path += `${at === 0 ? 'M' : 'L'}${x} ${y}`;
  });
  return path;
}
