import type { Annotation } from '../trace.ts';
import { type Instruction, readInstruction } from './instruction.ts';
import { afterInstruction, emptyState, type MachineState, overlay, replace } from './machineState.ts';
import { type PrintedState, readPrinted } from './printed.ts';
import { type PathEnd, readSteps, type StepLines, stepText } from './readSteps.ts';

/** One instruction as the verifier walked over it, once. */
export interface Step {
  index: number;
  insn: number;
  /** Disassembly. */
  text: string;
  instruction: Instruction;
  /** Depth of the call. */
  frame: number;
  /** The step that the verifier took before this one on the same path; undefined at the start of a function. */
  previous: number | undefined;
  /** The other way of a jump that was walked before begins here. */
  isBranch: boolean;
  end: PathEnd | undefined;
  /** The source line as the log names it. */
  note: Annotation | undefined;
}

/** States are kept at every so many steps of a path: fewer cost time, more memory. */
const keepEvery = 64;
const maxRecent = 512;
/** Steps that are looked at, over all, to find the jumps that paths go on from: no hang on a hostile log. */
const maxLookTotal = 20_000_000;
/** Jumps that are compared where several may be meant. */
const maxCandidates = 24;

/**
 * The verifier's walk, step by step, with what it knew at each. The log prints what changed; the rest is carried forward
 * along the path, which is not always the step before in the log: the verifier goes one way at each jump and comes back later.
 */
export class StepLog {
  readonly lines: StepLines;
  readonly #previous: Int32Array;
  readonly #branches: ReadonlySet<number>;
  readonly #kept = new Map<number, MachineState>();
  /** States around those that were asked for last: who asks goes on from there, in one direction or the other. */
  readonly #recent = new Map<number, MachineState>();

  constructor(log: string) {
    this.lines = readSteps(log);
    const { count, beginnings, returns } = this.lines;
    this.#previous = Int32Array.from({ length: count }, (_, index) => (beginnings.has(index) ? -1 : index - 1));
    this.#branches = new Set(returns.flatMap(({ step }) => (step === undefined ? [] : [step])));
    this.#findReturns();
  }

  get count(): number {
    return this.lines.count;
  }

  step(index: number): Step {
    const { log, insns, starts, frames, noteOf, notes, around } = this.lines;
    const { text } = stepText(log, starts[index] ?? 0);
    return {
      index,
      insn: insns[index] ?? 0,
      text,
      instruction: readInstruction(text),
      frame: frames[index] ?? 0,
      previous: this.previous(index),
      isBranch: this.isBranch(index),
      end: around.get(index)?.end,
      note: notes[noteOf[index] ?? -1],
    };
  }

  /** Whether the other way of a jump that was walked before begins with the step. */
  isBranch(index: number): boolean {
    return this.#branches.has(index);
  }

  previous(index: number): number | undefined {
    const previous = this.#previous[index] ?? -1;
    return previous < 0 ? undefined : previous;
  }

  /** What the verifier knew when it came to the step. */
  before(index: number): MachineState {
    const previous = this.previous(index);
    return this.#entered(index, previous === undefined ? emptyState : this.after(previous));
  }

  /** What it knew behind the step. */
  after(index: number): MachineState {
    const way: number[] = [];
    let at: number | undefined = index;
    let state: MachineState | undefined;
    for (; at !== undefined; at = this.previous(at)) {
      state = this.#recent.get(at) ?? this.#kept.get(at);
      if (state !== undefined) break;
      way.push(at);
    }
    state ??= emptyState;
    for (let left = way.length - 1; left >= 0; left--) {
      const step = way[left] ?? 0;
      state = this.#applied(step, this.#entered(step, state));
      if (step % keepEvery === 0) this.#kept.set(step, state);
      if (left < maxRecent / 4) this.#remember(step, state);
    }
    return state;
  }

  #remember(step: number, state: MachineState): void {
    if (this.#recent.size >= maxRecent) this.#recent.clear();
    this.#recent.set(step, state);
  }

  /** Whole states as the log prints them where a path begins, for the step's own frame. */
  printedBefore(index: number): PrintedState | undefined {
    const entry = this.lines.around.get(index)?.entry[0];
    return entry === undefined ? undefined : readPrinted(entry);
  }

  #entered(index: number, state: MachineState): MachineState {
    const entry = this.lines.around.get(index)?.entry ?? [];
    return entry.reduce((known, text, place) => {
      const printed = readPrinted(text);
      return place === 0 ? replace(known, printed, index) : overlay(known, printed, index);
    }, state);
  }

  #applied(index: number, before: MachineState): MachineState {
    const { log, starts, around } = this.lines;
    const { text, printed } = stepText(log, starts[index] ?? 0);
    const own = printed === '' ? undefined : readPrinted(printed);
    const state = afterInstruction(before, readInstruction(text), own, index);
    const behind = around.get(index)?.after ?? [];
    return behind.reduce((known, { text: more, whole }) => {
      const also = readPrinted(more);
      return whole ? replace(known, also, index) : overlay(known, also, index);
    }, state);
  }

  /**
   * Finds the jump that each path goes on from. The log names its instruction, which a loop passes many times: the verifier
   * takes up the latest one that it left (a stack, pop_stack()), but leaves only those where both ways are possible, and the
   * log does not say which; so the state that it prints there decides.
   */
  #findReturns(): void {
    const taken = new Set<number>();
    let left = maxLookTotal;
    for (const { step, behind, from, state } of this.lines.returns) {
      const printed = state === '' ? undefined : readPrinted(state);
      const candidates: number[] = [];
      let at: number | undefined = behind - 1 >= 0 ? behind - 1 : undefined;
      for (; at !== undefined && left > 0 && candidates.length < maxCandidates; at = this.previous(at), left--)
        if (this.lines.insns[at] === from && !taken.has(at)) candidates.push(at);
      const found = this.#bestOf(candidates, printed);
      if (found !== undefined) taken.add(found);
      if (step !== undefined) this.#previous[step] = found ?? -1;
    }
  }

  #bestOf(candidates: readonly number[], printed: PrintedState | undefined): number | undefined {
    if (candidates.length < 2 || printed === undefined) return candidates[0];
    let best: { step: number; different: number } | undefined;
    for (const step of candidates) {
      const different = differences(this.before(step), printed, this.step(step).instruction);
      if (best === undefined || different < best.different) best = { step, different };
      if (best.different === 0) break;
    }
    return best?.step;
  }
}

/**
 * Registers and slots that are not as printed. What the jump compares is known better on its other way, so that it counts only
 * where it was a constant: then it is another one.
 */
function differences(state: MachineState, printed: PrintedState, jump: Instruction): number {
  const frame = state.frames[printed.frame];
  if (frame === undefined) return Number.MAX_SAFE_INTEGER;
  const compared = jump.kind === 'test' ? [jump.left, jump.right] : [];
  let different = 0;
  const seen = new Set<number>();
  for (const { register, text } of printed.registers) {
    seen.add(register);
    const known = frame.registers[register]?.text;
    const mayDiffer = compared.includes(register) && known !== undefined && !isConstant(known);
    if (known !== text && !mayDiffer) different++;
  }
  frame.registers.forEach((value, register) => {
    if (value !== undefined && !seen.has(register)) different++;
  });
  for (const { offset, text } of printed.slots) if (frame.slots.get(offset)?.text !== text) different++;
  return different;
}

function isConstant(text: string): boolean {
  return /^-?(?:0x[\da-f]+|\d+)$/.test(text);
}
