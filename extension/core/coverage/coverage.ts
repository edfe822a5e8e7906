import type { Scope } from '../dwarf/scopes.ts';
import type { ProgramImage } from '../debugger/image.ts';
import { isConditional } from '../vm/isa/decode.ts';
import { opcode } from '../vm/isa/opcodes.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import type { Machine } from '../vm/machine.ts';

/** What ran of one source file. Lines count from 1. */
export interface FileCoverage {
  /** Absolute. */
  file: string;
  /** Line → how often it was begun. Lines without code are absent. */
  lines: Map<number, number>;
  functions: Map<string, { line: number; count: number }>;
  /** The conditional jumps of each line, in the order of the code. */
  branches: Map<number, BranchCoverage[]>;
}

export interface BranchCoverage {
  taken: number;
  notTaken: number;
}

/** Counts of what ran, of any number of machines, by source. Nothing is added to the programs: their blocks are counted. */
export class Coverage {
  private readonly byFile = new Map<string, FileCoverage>();

  /** Adds a machine's counts. It must have been made with `engine: 'wasm'` and `coverage`; what never ran counts as 0. */
  add(image: ProgramImage, machine: Machine): void {
    for (const program of image.linked.programs.values()) this.addProgram(image, program, machine);
  }

  /** By name of the file. */
  files(): FileCoverage[] {
    return [...this.byFile.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
  }

  private addProgram(image: ProgramImage, program: LinkedProgram, machine: Machine): void {
    const { counts, taken } = slotCounts(program, machine);
    const lines = new Map<string, number>();
    const ordinals = new Map<string, number>();
    const entered = new Set<Scope>();
    const ids = new Map<Scope | undefined, number>();
    const { code } = program;
    for (let slot = 0; slot < code.length; slot++) {
      const { source, startsStatement } = image.placeOf(program, slot);
      const op = code.opcode[slot]!;
      if (source === undefined || (!startsStatement && !isConditional(op))) continue;
      const scopes = image.scopesAt(program, slot).filter(({ kind }) => kind !== 'block');
      const scope = scopes.at(-1);
      const id = ids.get(scope) ?? ids.size;
      ids.set(scope, id);
      const file = this.file(source.file);
      const key = `${id} ${source.line} ${source.file}`;
      if (startsStatement) {
        // Several statements on a line run at most as often as its first; each place where a function was inlined adds.
        const count = counts[slot]!;
        const known = lines.get(key) ?? 0;
        if (count > known || !lines.has(key)) {
          lines.set(key, count);
          file.lines.set(source.line, (file.lines.get(source.line) ?? 0) + count - known);
        }
        for (const each of scopes) {
          if (entered.has(each)) continue;
          entered.add(each);
          this.enter(each, counts[slot]!);
        }
      }
      if (isConditional(op)) {
        const ordinal = ordinals.get(key) ?? 0;
        ordinals.set(key, ordinal + 1);
        addBranch(file, source.line, ordinal, { taken: taken[slot]!, notTaken: counts[slot]! - taken[slot]! });
      }
      if (op === opcode.loadImm64) slot++;
    }
  }

  private enter({ name, declared }: Scope, count: number): void {
    if (declared === undefined || name === '') return;
    const { functions } = this.file(declared.file);
    const known = functions.get(name) ?? { line: declared.line, count: 0 };
    functions.set(name, { line: known.line, count: known.count + count });
  }

  private file(name: string): FileCoverage {
    const known = this.byFile.get(name) ?? { file: name, lines: new Map(), functions: new Map(), branches: new Map() };
    this.byFile.set(name, known);
    return known;
  }
}

/** How often each instruction ran, and each conditional jump was taken. */
function slotCounts(program: LinkedProgram, machine: Machine): { counts: Float64Array; taken: Float64Array } {
  const counts = new Float64Array(program.code.length);
  const taken = new Float64Array(program.code.length);
  for (const block of machine.blockCounts(program.name)) {
    for (let slot = block.start; slot < block.end; slot++) counts[slot] = counts[slot]! + block.count;
    taken[block.end - 1] = taken[block.end - 1]! + block.taken;
  }
  return { counts, taken };
}

function addBranch(file: FileCoverage, line: number, ordinal: number, { taken, notTaken }: BranchCoverage): void {
  const list = file.branches.get(line) ?? [];
  file.branches.set(line, list);
  const known = list[ordinal] ?? { taken: 0, notTaken: 0 };
  list[ordinal] = { taken: known.taken + taken, notTaken: known.notTaken + notTaken };
}

/** Only what ran: of many tests all that is worth keeping. */
export function ranOnly({ file, lines, functions, branches }: FileCoverage): FileCoverage {
  return {
    file,
    lines: new Map([...lines].filter(([, count]) => count > 0)),
    functions: new Map([...functions].filter(([, { count }]) => count > 0)),
    branches: new Map([...branches].filter(([, list]) => list.some((each) => each.taken + each.notTaken > 0))),
  };
}

/** The counts of one test among everything that there is in the file. `ran`: what ranOnly() kept. */
export function amongAll(all: FileCoverage, ran: FileCoverage): FileCoverage {
  const none: BranchCoverage = { taken: 0, notTaken: 0 };
  return {
    file: all.file,
    lines: new Map([...all.lines.keys()].map((line) => [line, ran.lines.get(line) ?? 0])),
    functions: new Map(
      [...all.functions].map(([name, { line }]) => [name, { line, count: ran.functions.get(name)?.count ?? 0 }]),
    ),
    branches: new Map(
      [...all.branches].map(([line, list]) => [
        line,
        list.map((_, ordinal) => ran.branches.get(line)?.[ordinal] ?? none),
      ]),
    ),
  };
}

export interface Totals {
  lines: { covered: number; total: number };
  functions: { covered: number; total: number };
  branches: { covered: number; total: number };
}

export function totalsOf({ lines, functions, branches }: FileCoverage): Totals {
  const share = (counts: readonly number[]): { covered: number; total: number } => ({
    covered: counts.filter((count) => count > 0).length,
    total: counts.length,
  });
  return {
    lines: share([...lines.values()]),
    functions: share([...functions.values()].map(({ count }) => count)),
    branches: share([...branches.values()].flat().flatMap(({ taken, notTaken }) => [taken, notTaken])),
  };
}
