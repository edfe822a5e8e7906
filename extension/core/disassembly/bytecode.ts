import { XdpError } from '../errors.ts';
import { readLines } from '../object/parseObject.ts';
import { lineTable, sourceOf } from '../object/programs.ts';
import type { ObjectSpec, SourcePlace } from '../object/spec.ts';
import { english } from '../text/language.ts';
import { isConditional } from '../vm/isa/decode.ts';
import { type DisassemblyNames, disassemble } from '../vm/isa/disassemble.ts';
import { callKind, imm64Kind, opcode, slotBytes } from '../vm/isa/opcodes.ts';
import { codeNames, functionAt } from '../vm/link/codeNames.ts';
import { linkOneProgram } from '../vm/link/linkObject.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import { textKey } from './places.ts';
import { relocationWords } from './words.ts';

/** A program as it is given to the kernel: itself, and behind it the subprograms that it calls, numbered as the verifier's log does. */
export interface BytecodeListing {
  program: string;
  section: string;
  functions: readonly { name: string; start: number }[];
  instructions: readonly Instruction[];
  /** Slot that a jump leads to → the name it has in the listing. */
  labels: ReadonlyMap<number, string>;
  /** The C line of each place, as the compiler stored it. */
  texts: ReadonlyMap<string, string>;
}

export interface Instruction {
  /** Of 8 bytes; a 64-bit immediate takes two. */
  slot: number;
  text: string;
  /** What stands behind its numbers: a type of map, a variable, a field that libbpf relocates. */
  note: string | undefined;
  place: SourcePlace | undefined;
}

/** Lists a program of an object. Errors: `object-damaged`, `load-failed`, `not-available` (big-endian), `program-not-found`. */
export function listBytecode(elfBytes: Uint8Array, spec: ObjectSpec, name: string): BytecodeListing {
  // Every extern is taken for there: a listing is about the object, not about this kernel.
  const linked = linkOneProgram(elfBytes, name, { cpuCount: 1, hasKfunc: () => true }, spec);
  if (linked === undefined) {
    throw new XdpError('program-not-found', `There is no program ${name} in this object.`, {
      fix: `It has: ${spec.programs.map((program) => program.name).join(', ')}.`,
    });
  }
  const { elf, program } = linked;
  const { code } = program;
  const lines = readLines(elf)?.lines ?? [];
  const table = lineTable(lines);
  const labels = labelsOf(program);
  const words = relocationWords(elf, spec);
  const names: DisassemblyNames = {
    ...codeNames(
      program,
      spec.maps.map((map) => map.name),
    ),
    target: (slot) => labels.get(slot),
  };
  const instructions: Instruction[] = [];
  for (let slot = 0; slot < code.length; slot++) {
    const fn = functionAt(program, slot);
    const offset = fn === undefined ? 0 : fn.place.offset + (slot - fn.start) * slotBytes;
    const word = fn === undefined ? undefined : words(fn.place, offset);
    instructions.push({
      slot,
      text: disassemble(code, slot, { ...names, symbol: (at) => word?.symbol ?? names.symbol(at) }),
      note: noteOf(program, slot, spec, word?.note),
      place: fn === undefined ? undefined : sourceOf(table, fn.place, slot - fn.start),
    });
    if (code.opcode[slot] === opcode.loadImm64) slot++;
  }
  return {
    program: name,
    section: program.section,
    functions: program.functions.map((fn) => ({ name: fn.name, start: fn.start })),
    instructions,
    labels,
    texts: new Map(lines.map((line) => [textKey(line), line.text])),
  };
}

/** Names of the slots that jumps lead to, in their order. */
function labelsOf({ code }: LinkedProgram): Map<number, string> {
  const targets = new Set<number>();
  for (let slot = 0; slot < code.length; slot++) {
    const op = code.opcode[slot]!;
    if (isConditional(op) || op === opcode.ja || op === opcode.jaLong) targets.add(code.offset[slot]!);
    if (op === opcode.loadImm64) slot++;
  }
  return new Map([...targets].sort((a, b) => a - b).map((slot, index) => [slot, `L${index + 1}`]));
}

function noteOf(program: LinkedProgram, slot: number, spec: ObjectSpec, words: string | undefined): string | undefined {
  const { code } = program;
  const notes = words === undefined ? [] : [words];
  const op = code.opcode[slot]!;
  if (op === opcode.call) notes.push(calledNote(code.src[slot]!, code.imm[slot]!, code.offset[slot]!));
  const map = spec.maps[code.imm[slot]!];
  if (op === opcode.loadImm64 && code.src[slot] === imm64Kind.mapByFd && map !== undefined)
    notes.push(`map, ${map.type}`);
  return notes.length === 0 ? undefined : notes.join('; ');
}

function calledNote(kind: number, helper: number, target: number): string {
  if (kind === callKind.helper) return english(`helper ${helper}`);
  return kind === callKind.kfunc ? english('kernel function') : `at ${target}`;
}
