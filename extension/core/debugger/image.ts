import { type DebugInfo, readDebugInfo } from '../dwarf/debugInfo.ts';
import type { Scope } from '../dwarf/scopes.ts';
import { objectAddress } from '../dwarf/sections.ts';
import { type ElfFile, readElf } from '../elf/readElf.ts';
import { sourceOf } from '../object/programs.ts';
import type { SourcePlace } from '../object/spec.ts';
import { opcode } from '../vm/isa/opcodes.ts';
import { functionAt } from '../vm/link/codeNames.ts';
import type { LinkedFunction, LinkedObject, LinkedProgram } from '../vm/link/linkedObject.ts';

/** What is known about one instruction. */
export interface SlotPlace {
  source: SourcePlace | undefined;
  /** A statement of the source begins here: where a debugger stops. */
  startsStatement: boolean;
}

/** An instruction of one program. */
export interface CodePlace {
  program: LinkedProgram;
  slot: number;
}

/** The source of a linked object: instructions to lines and back. Pure; shared by all runs. */
export class ProgramImage {
  readonly linked: LinkedObject;
  readonly elf: ElfFile;
  /** Absent in objects that were compiled without -g; lines then come from .BTF.ext, and variables are not known. */
  readonly info: DebugInfo | undefined;
  private readonly places = new Map<LinkedProgram, SlotPlace[]>();
  private readonly bodies = new Map<number, number>();

  constructor(elf: Uint8Array, linked: LinkedObject) {
    this.linked = linked;
    this.elf = readElf(new Uint8Array(elf.buffer, elf.byteOffset, elf.byteLength));
    this.info = readDebugInfo(this.elf);
    for (const fn of this.info?.functions ?? []) {
      const start = fn.ranges[0]?.start;
      if (start !== undefined) this.bodies.set(start, this.bodyOf(fn));
    }
  }

  placeOf(program: LinkedProgram, slot: number): SlotPlace {
    let places = this.places.get(program);
    if (places === undefined) {
      places = this.readPlaces(program);
      this.places.set(program, places);
    }
    return places[slot] ?? { source: undefined, startsStatement: false };
  }

  functionAt(program: LinkedProgram, slot: number): LinkedFunction | undefined {
    return functionAt(program, slot);
  }

  /** Address of an instruction in the object, as the debug information has it. */
  addressOf(program: LinkedProgram, slot: number): number | undefined {
    const fn = this.functionAt(program, slot);
    return fn === undefined
      ? undefined
      : objectAddress(fn.place.section.index, fn.place.offset + (slot - fn.start) * 8);
  }

  /** Scopes around an instruction, the function first. */
  scopesAt(program: LinkedProgram, slot: number): Scope[] {
    const address = this.addressOf(program, slot);
    return address === undefined ? [] : (this.info?.scopesAt(address) ?? []);
  }

  /** Files with code. */
  files(): Set<string> {
    const files = new Set<string>();
    for (const program of this.linked.programs.values()) {
      for (let slot = 0; slot < program.code.length; slot++) {
        const { source } = this.placeOf(program, slot);
        if (source !== undefined) files.add(source.file);
      }
    }
    return files;
  }

  /** Statements of a file, by line: where breakpoints can be. */
  statements(isFile: (file: string) => boolean): Map<number, CodePlace[]> {
    const lines = new Map<number, CodePlace[]>();
    for (const program of this.linked.programs.values()) {
      for (let slot = 0; slot < program.code.length; slot++) {
        const { source, startsStatement } = this.placeOf(program, slot);
        if (!startsStatement || source === undefined || !isFile(source.file)) continue;
        const list = lines.get(source.line) ?? [];
        list.push({ program, slot });
        lines.set(source.line, list);
      }
    }
    return lines;
  }

  private readPlaces(program: LinkedProgram): SlotPlace[] {
    const places: SlotPlace[] = [];
    for (let slot = 0; slot < program.code.length; slot++) {
      places.push(this.readPlace(program, slot));
      if (program.code.opcode[slot] !== opcode.loadImm64) continue;
      // The second half is no instruction of its own.
      places.push({ source: undefined, startsStatement: false });
      slot++;
    }
    return places;
  }

  private readPlace(program: LinkedProgram, slot: number): SlotPlace {
    const fn = this.functionAt(program, slot);
    const address = this.addressOf(program, slot);
    if (fn === undefined || address === undefined) return { source: undefined, startsStatement: false };
    if (this.info === undefined) {
      const source = sourceOf(this.linked.lines, fn.place, slot - fn.start);
      const before = slot === fn.start ? undefined : sourceOf(this.linked.lines, fn.place, slot - fn.start - 1);
      return { source, startsStatement: source !== undefined && !samePlace(source, before) };
    }
    const span = this.info.lineAt(address);
    if (span === undefined || span.line === 0) return { source: undefined, startsStatement: false };
    const body = this.bodies.get(objectAddress(fn.place.section.index, fn.place.offset)) ?? 0;
    const source = { file: span.file, line: span.line, column: Math.max(1, span.column) };
    return { source, startsStatement: span.isStatement && span.address === address && address >= body };
  }

  /** Where a function's arguments have been stored: before that its variables hold nothing. */
  private bodyOf({ ranges }: Scope): number {
    const [range] = ranges;
    if (range === undefined) return 0;
    const end = this.info?.lines.find(
      (line) => line.prologueEnd && line.address >= range.start && line.address < range.end,
    );
    return end?.address ?? range.start;
  }
}

function samePlace(a: SourcePlace, b: SourcePlace | undefined): boolean {
  return b !== undefined && a.file === b.file && a.line === b.line && a.column === b.column;
}
