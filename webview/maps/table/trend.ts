export const trendSize = { width: 64, height: 16 } as const;

/** `0.0`, `0.1` and so on, as far as the picture is wide: a screen of trends has thousands of places, ten times a second. */
const places = Array.from({ length: 10 * trendSize.width + 1 }, (_, tenth) => (tenth / 10).toFixed(1));

function placeAt(pixels: number): string {
  return places[Math.round(10 * pixels)] ?? '0.0';
}

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
    const y = height - 1 - (Math.max(0, value) / top) * (height - 2);
    path += `${at === 0 ? 'M' : 'L'}${placeAt((first + at) * step)} ${placeAt(y)}`;
  });
  return path;
}
