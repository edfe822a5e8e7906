/**
 * Characters that take two cells of a terminal: wide and fullwidth ones (Unicode Annex 11), as far as Chinese, Japanese and Korean
 * text has them.
 */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/gu;

/** Cells of a terminal that the text takes. */
export function widthOf(text: string): number {
  return text.length + [...text.matchAll(wide)].reduce((sum, [char]) => sum + 2 - char.length, 0);
}

/** Filled with spaces on the right up to that many cells. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function paddedLeft(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}
