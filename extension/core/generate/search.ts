import { isConditional } from '../vm/isa/decode.ts';
import { imm64Kind, opcode } from '../vm/isa/opcodes.ts';
import type { ProgramFault } from '../vm/machine.ts';
import { branchFeature, type Feature } from './features.ts';
import { FastRunner } from './fastRunner.ts';
import { answer, flip, withZero } from './flips.ts';
import type { Input } from './input.ts';
import { Mutator } from './mutations.ts';
import { Random } from './random.ts';
import { seedInputs } from './seeds.ts';
import { fillMaps, freshMachine, requestFor, type Target, traceBudget } from './target.ts';
import { type Trace, trace } from './tracer.ts';

export interface SearchOptions {
  seed: number;
  /** The search is over after so many runs without news: 20,000. */
  idleRuns?: number;
  /** What comparisons look at is put where it was read from. `false`: changes by chance only, to measure against. */
  guided?: boolean;
}

/** An input that reached something new. */
export interface Found {
  input: Input;
  trace: Trace;
}

export interface Finding {
  input: Input;
  /** What the machine's checks stopped; for a division by zero, which BPF defines, what it was. */
  what: { kind: 'fault'; fault: ProgramFault } | { kind: 'division'; program: number; slot: number };
}

interface CorpusEntry {
  input: Input;
  trace: Trace | undefined;
}

/** Entries that are there only because something ran more often. */
const maxCorpus = 2000;
/** Runs by chance between two looks at the clock. */
const chanceRuns = 200;

/**
 * The search for inputs: what reaches something new is kept and looked at; every comparison that went only one way is made to
 * go the other; when there is nothing more to look at, chance. Deterministic: the same program and seed give the same search.
 */
export class Search {
  readonly target: Target;
  /** What was reached on fresh maps. */
  readonly reached = new Set<Feature>();
  readonly found: Found[] = [];
  readonly findings = new Map<string, Finding>();
  /** Helpers that this machine does not have, or has no answers for: where runs ended without a verdict. */
  readonly stops = new Map<string, ProgramFault>();
  /** Traces that came to a jump, for telling why it went only one way. */
  readonly witnesses = new Map<Feature, Found>();
  runs = 0;
  private idle = 0;
  private readonly seeds: Input[];
  private readonly corpus: CorpusEntry[] = [];
  private readonly pending: CorpusEntry[] = [];
  private readonly fast: FastRunner;
  private readonly random: Random;
  private readonly mutator: Mutator;
  private readonly doubts = new Map<Feature, number>();
  private readonly options: Required<SearchOptions>;

  constructor(target: Target, { seed, idleRuns = 20_000, guided = true }: SearchOptions) {
    this.target = target;
    this.options = { seed, idleRuns, guided };
    this.fast = new FastRunner(target);
    this.random = new Random(seed);
    this.mutator = new Mutator(this.random, constantsOf(target));
    this.seeds = seedInputs(target);
  }

  /** A bit of work: some milliseconds. False when there is no point in going on. */
  step(): boolean {
    const seed = this.seeds.shift();
    if (seed !== undefined) {
      this.tryInput(seed, 'always');
      return true;
    }
    const entry = this.options.guided ? this.pending.shift() : undefined;
    if (entry !== undefined) this.examine(entry);
    else for (let left = chanceRuns; left > 0; left--) this.tryByChance();
    return (this.options.guided && this.pending.length > 0) || this.idle < this.options.idleRuns;
  }

  private tryByChance(): void {
    const entry = this.random.pick(this.corpus);
    const other = this.random.pick(this.corpus);
    if (entry === undefined || other === undefined) return;
    this.tryInput(this.mutator.change(entry.input, other.input), 'ifNew');
  }

  /** Everything that this input's run could have done otherwise. */
  private examine(entry: CorpusEntry): void {
    const traced = entry.trace ?? this.traceOf(entry.input);
    entry.trace = undefined;
    if (traced === undefined) return;
    const { input } = entry;
    const tried = new Map<Feature, number>();
    for (const event of traced.branches) {
      const other = branchFeature(event.program, event.slot, !event.taken);
      const count = tried.get(other) ?? 0;
      if (this.reached.has(other) || count >= 4) continue;
      tried.set(other, count + 1);
      for (const each of flip(this.target, input, event)) this.tryInput(each, 'ifNew');
    }
    for (const call of traced.calls) {
      for (const each of answer(this.target, input, call)) this.tryInput(each, 'ifMore');
    }
    for (const { by } of traced.divisions) {
      if (by.value !== 0n) for (const each of withZero(this.target, input, by)) this.tryInput(each, 'always');
    }
  }

  /**
   * Runs an input. It is looked at closely when it shows something new; `ifMore`: also when something ran more often;
   * `always`: in any case.
   */
  private tryInput(input: Input, look: 'ifNew' | 'ifMore' | 'always'): void {
    this.runs++;
    this.idle++;
    const novelty = this.fast.run(input);
    if (novelty === undefined) return;
    const { features, moreOften, fault } = novelty;
    if (fault !== undefined && this.isNewFault(fault)) this.confirm(input);
    else if (look === 'always' || this.isWorthALook(features)) {
      this.confirm(input);
      this.doubt(features);
    } else if (moreOften && this.corpus.length < maxCorpus) {
      const entry = { input, trace: undefined };
      this.corpus.push(entry);
      this.pending.push(entry);
    }
  }

  /** What maps that are not fresh made possible, and fresh ones do not. */
  private doubt(features: readonly Feature[]): void {
    for (const feature of features) {
      if (!this.reached.has(feature)) this.doubts.set(feature, 1 + (this.doubts.get(feature) ?? 0));
    }
  }

  /** What was not there on fresh maps a few times is looked at less and less often. */
  private isWorthALook(features: readonly Feature[]): boolean {
    return features.some((feature) => this.random.chance(1 / (1 + (this.doubts.get(feature) ?? 0))));
  }

  /** Runs it again on a fresh machine, and follows every value. */
  private confirm(input: Input): void {
    const traced = this.traceOf(input);
    if (traced === undefined) return;
    const fresh = [...traced.features].filter((feature) => !this.reached.has(feature));
    this.note(input, traced);
    this.witness(input, traced);
    if (fresh.length === 0) return;
    if (traced.run.fault === undefined) {
      for (const feature of fresh) this.reached.add(feature);
      this.fast.learn(fresh);
      this.found.push({ input, trace: traced });
    } else {
      // A run without a verdict is no test: what it reached is still to be reached by one that ends. But it shows the way.
      const isNews = fresh.some((feature) => !this.doubts.has(feature));
      this.doubt(fresh);
      if (!isNews) return;
    }
    this.idle = 0;
    const entry = { input, trace: traced };
    this.corpus.push(entry);
    this.pending.push(entry);
  }

  private witness(input: Input, traced: Trace): void {
    for (const event of traced.branches) {
      const feature = branchFeature(event.program, event.slot, event.taken);
      if (!this.witnesses.has(feature)) this.witnesses.set(feature, { input, trace: traced });
    }
  }

  private note(input: Input, { run, divisions }: Trace): void {
    const { fault } = run;
    if (fault !== undefined) {
      const key = `${fault.program} ${fault.insn} ${fault.reason}`;
      if (fault.reason === 'helper') this.stops.set(key, fault);
      else if (fault.reason !== 'fuel' && !this.findings.has(key)) {
        this.findings.set(key, { input, what: { kind: 'fault', fault } });
      }
    }
    for (const { program, slot, by } of divisions) {
      const key = `${program} ${slot} division`;
      if (by.value !== 0n || this.findings.has(key)) continue;
      this.findings.set(key, { input, what: { kind: 'division', program, slot } });
    }
  }

  private isNewFault({ program, insn, reason }: ProgramFault): boolean {
    const key = `${program} ${insn} ${reason}`;
    return reason !== 'fuel' && !this.findings.has(key) && !this.stops.has(key);
  }

  private traceOf(input: Input): Trace | undefined {
    return traceInput(this.target, input);
  }
}

/** A run on fresh maps; undefined where the input cannot be given, or the program takes too long. */
export function traceInput(target: Target, input: Input): Trace | undefined {
  const machine = freshMachine(target, 'interpreter');
  if (!fillMaps(machine, target, input)) return undefined;
  return trace(machine, requestFor(target, input), traceBudget);
}

/** Numbers that the programs compare with or work with: 16 bits and more, few are there by chance. */
function constantsOf({ linked }: Target): number[] {
  const constants = new Set<number>();
  for (const { code } of linked.programs.values()) {
    for (let slot = 0; slot < code.length; slot++) {
      const op = code.opcode[slot]!;
      if (isConditional(op) || op === 0xb7 || op === 0xb4) constants.add(code.imm[slot]!);
      if (op !== opcode.loadImm64) continue;
      if (code.src[slot] === imm64Kind.value) constants.add(code.imm[slot]!);
      slot++;
    }
  }
  return [...constants].sort((a, b) => a - b);
}
