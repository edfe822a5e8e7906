import { type ElfFile, readElf } from '../elf/readElf.ts';
import { readLines } from '../object/parseObject.ts';
import {
  entryPoints,
  functionsOf,
  type LineTable,
  lineTable,
  type ProgramPlace,
  sourceOf,
} from '../object/programs.ts';
import type { SourcePlace } from '../object/spec.ts';
import { subprogramsOf } from '../object/subprograms.ts';

/** What is needed to find the source of instructions; keep it to look up many. */
export interface ObjectLines {
  elf: ElfFile;
  lines: LineTable;
  /** Text of the source lines that have code. */
  texts: ReadonlyMap<string, string>;
  /** Parts of the programs looked at so far. */
  parts: Map<string, readonly ProgramPlace[]>;
}

export function objectLines(bytes: Uint8Array): ObjectLines {
  const elf = readElf(bytes);
  const lines = readLines(elf)?.lines ?? [];
  return {
    elf,
    lines: lineTable(lines),
    parts: new Map(),
    texts: new Map(lines.map((line) => [`${line.line}:${line.file}`, line.text])),
  };
}

/** The source line of a place, as the compiler stored it; undefined when it did not. */
export function lineText(object: ObjectLines, place: SourcePlace): string | undefined {
  return object.texts.get(`${place.line}:${place.file}`);
}

/** Names of the programs of an object. */
export function programNames(object: ObjectLines): string[] {
  return entryPoints(object.elf, []).map((place) => place.name);
}

/** First line of a function or program of the object. */
export function locateFunction(object: ObjectLines, name: string): SourcePlace | undefined {
  const place = functionsOf(object.elf).find((each) => each.name === name);
  return place === undefined ? undefined : sourceOf(object.lines, place, 0);
}

/**
 * Source of instruction `insn` of the loaded program `programName`, counted in 8-byte slots as the verifier does. Behind the
 * program's own instructions stand the subprograms it calls, in the order in which libbpf appends them. undefined: no such
 * program or instruction, or no line information.
 */
export function locateInsn(
  object: Uint8Array | ObjectLines,
  programName: string,
  insn: number,
): SourcePlace | undefined {
  const known = object instanceof Uint8Array ? objectLines(object) : object;
  if (insn < 0) return undefined;
  let start = 0;
  for (const part of partsOf(known, programName)) {
    const count = part.size / 8;
    if (insn < start + count) return sourceOf(known.lines, part, insn - start);
    start += count;
  }
  return undefined;
}

/** The program and its subprograms, in the order in which they are loaded; empty when there is no such program. */
export function partsOf(object: ObjectLines, programName: string): readonly ProgramPlace[] {
  const known = object.parts.get(programName);
  if (known !== undefined) return known;
  const program = entryPoints(object.elf, []).find((place) => place.name === programName);
  const parts = program === undefined ? [] : [program, ...subprogramsOf(object.elf, program)];
  object.parts.set(programName, parts);
  return parts;
}
