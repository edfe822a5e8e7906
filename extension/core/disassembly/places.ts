import type { SourcePlace } from '../object/spec.ts';

/** Names a C line where lines of several files meet. */
export function textKey({ file, line }: Pick<SourcePlace, 'file' | 'line'>): string {
  return `${line}:${file}`;
}

export function isSameLine(a: SourcePlace | undefined, b: SourcePlace | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.line === b.line && a.file === b.file;
}
