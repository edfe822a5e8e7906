/** A change of the source; offsets are those of the text before any edit. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

export interface QuickFix {
  /** What it does, as a menu says it. */
  title: string;
  /** In the order of the text, not overlapping. */
  edits: Edit[];
}

/** The text with all of a fix's edits made. */
export function applyFix(text: string, fix: QuickFix): string {
  let result = '';
  let at = 0;
  for (const { start, end, text: replacement } of fix.edits) {
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}

/** The offset of a 1-based place; columns count UTF-16 units. */
export function offsetAt(text: string, line: number, column: number): number | undefined {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const next = text.indexOf('\n', start);
    if (next < 0) return undefined;
    start = next + 1;
  }
  const at = start + column - 1;
  return at <= text.length ? at : undefined;
}

export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** The blanks before the first word of the line. */
export function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset)))?.[0] ?? '';
}
