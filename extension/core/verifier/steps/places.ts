import type { StepLog } from './stepLog.ts';

/** Source places of a program's instructions, flat so that it crosses to a webview cheaply. */
export interface PlaceTable {
  files: string[];
  /** Four numbers where another place begins: instruction, index into `files`, line, column; ascending. */
  rows: number[];
}

export interface StepPlace {
  /** Absolute from an object; from a log alone the name without folders. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based; undefined where only the log is known. */
  column: number | undefined;
}

/** The place of an instruction: of the last row that begins at it or before it. */
export function placeIn(table: PlaceTable, insn: number): StepPlace | undefined {
  const { rows, files } = table;
  let low = 0;
  let high = Math.floor(rows.length / 4);
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle * 4] ?? 0) <= insn) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  const at = (low - 1) * 4;
  const file = files[rows[at + 1] ?? -1];
  const line = rows[at + 2];
  return file === undefined || line === undefined ? undefined : { file, line, column: rows[at + 3] };
}

/** The source place of a step: as the object says where there is one, else as the log does. */
export function placeOfStep(log: StepLog, step: number, table: PlaceTable | undefined): StepPlace | undefined {
  const { insns, notes, noteOf } = log.lines;
  const known = table === undefined ? undefined : placeIn(table, insns[step] ?? 0);
  if (known !== undefined) return known;
  const note = notes[noteOf[step] ?? -1];
  if (note?.file === undefined || note.line === undefined) return undefined;
  return { file: note.file, line: note.line, column: undefined };
}

/** Whether two files may be the same: one may be known by its name only. */
export function sameFile(left: string, right: string): boolean {
  if (left === right) return true;
  const [shorter, longer] = left.length < right.length ? [left, right] : [right, left];
  return !shorter.includes('/') && longer.slice(longer.lastIndexOf('/') + 1) === shorter;
}
