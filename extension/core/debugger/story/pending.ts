import type { Scope } from '../../dwarf/scopes.ts';
import type { CType } from '../../dwarf/types.ts';
import type { Machine } from '../../vm/machine.ts';
import { callStack } from '../callStack.ts';
import { surroundingsOf } from '../frames.ts';
import type { ProgramImage } from '../image.ts';
import { Inspector } from '../inspector.ts';
import { baseTypes } from '../values.ts';
import type { Condition, Span } from './conditions.ts';
import { evaluated, type Logic, oneLine } from './logic.ts';
import type { Macros } from './macros.ts';
import { evaluateTest, type Jump, jumpOf, switchValue, type TestSetting } from './operands.ts';
import type { Position } from './position.ts';
import type { StorySource } from './sources.ts';
import type { BranchStep, BranchTest } from './types.ts';

export interface BranchPlace {
  condition: Condition;
  source: StorySource;
  scope: Scope | undefined;
  /** Of the machine's call stack. */
  depth: number;
  /** With inlined functions. */
  level: number;
}

/** What a jump is looked at with, while it has not run. */
export interface Sight {
  machine: Machine;
  image: ProgramImage;
  macros: Macros;
}

/**
 * A condition that the program stands in. Its tests are evaluated as C has it, one with each jump; where the program goes on
 * afterwards must agree with that, else the values are not told.
 */
export class PendingBranch {
  readonly condition: Condition;
  readonly source: StorySource;
  readonly scope: Scope | undefined;
  readonly depth: number;
  readonly level: number;
  private readonly tests: BranchTest[] = [];
  private readonly path: Generator<Extract<Logic, { kind: 'test' }>, boolean | undefined, boolean | undefined>;
  private next: IteratorResult<Extract<Logic, { kind: 'test' }>, boolean | undefined>;
  /** Which way the program went on, as the source tells. */
  private flow: boolean | undefined;

  constructor({ condition, source, scope, depth, level }: BranchPlace) {
    this.condition = condition;
    this.source = source;
    this.scope = scope;
    this.depth = depth;
    this.level = level;
    this.path = evaluated(source.logicOf(condition));
    this.next = this.path.next();
  }

  /** A conditional jump of the condition is about to run. */
  jump(sight: Sight): void {
    const setting = settingOf(sight);
    if (setting === undefined || this.next.done === true) return;
    if (this.condition.form === 'switch') {
      const { text } = this.next.value;
      this.tests.push({ text, truth: undefined, values: switchValue(text, setting) });
      this.next = { done: true, value: undefined };
      return;
    }
    this.take(jumpOf(sight.machine.cpu), setting);
  }

  /** True when this place tells that the condition is over. */
  arrive({ source, offset, chain }: Position): boolean {
    const { condition, scope } = this;
    const at = chain.lastIndexOf(scope as Scope);
    if (scope !== undefined && at < 0) return true;
    if (chain.at(-1) !== scope) {
      // A function that was inlined: only the line of its call is known.
      const call = chain[at + 1]?.call;
      if (call === undefined || call.file !== this.source.file) return false;
      const last = this.source.lineOf(condition.extent.end - 1);
      if (call.line <= last && call.line >= this.source.lineOf(condition.extent.start)) return false;
      this.flow = this.sideOf((span) => this.holdsLine(span, call.line));
      return true;
    }
    if (source !== this.source || isInside(condition.extent, offset)) return false;
    this.flow = this.sideOf((span) => isInside(span, offset));
    return true;
  }

  /** Undefined for a condition of which nothing is known. */
  step(): BranchStep | undefined {
    const { condition, source } = this;
    const { form, test } = condition;
    const found = this.next.done === true ? this.next.value : undefined;
    const agrees = found === undefined || this.flow === undefined || found === this.flow;
    const truth = form === 'switch' ? undefined : (this.flow ?? found);
    if (form !== 'switch' && truth === undefined) return undefined;
    const tests = agrees ? this.tests : this.tests.map(({ text }) => ({ text, truth: undefined, values: undefined }));
    // A single test went the way of the whole.
    const [only] = tests;
    if (
      tests.length === 1 &&
      only !== undefined &&
      only.truth === undefined &&
      source.logicOf(condition).kind === 'test'
    )
      only.truth = truth;
    return {
      kind: 'branch',
      file: source.file,
      line: source.lineOf(test.start),
      endLine: source.lineOf(test.end - 1),
      function: this.scope?.name ?? '',
      depth: this.level,
      form,
      text: oneLine(source.plain.slice(test.start, test.end)),
      tests,
      truth,
    };
  }

  private take(jump: Jump, setting: TestSetting): void {
    if (this.next.done === true) return;
    const test = evaluateTest(this.next.value.text, jump, setting);
    this.tests.push(test);
    this.next = this.path.next(test.truth);
  }

  private sideOf(holds: (span: Span) => boolean): boolean | undefined {
    const { form, yes, no } = this.condition;
    if (form === 'switch' || yes === undefined) return undefined;
    if (holds(yes)) return true;
    return form === 'choice' ? (no !== undefined && holds(no) ? false : undefined) : false;
  }

  private holdsLine({ start, end }: Span, line: number): boolean {
    return line >= this.source.lineOf(start) && line <= this.source.lineOf(end - 1);
  }
}

function isInside({ start, end }: Span, offset: number): boolean {
  return offset >= start && offset < end;
}

function settingOf({ machine, image, macros }: Sight): TestSetting | undefined {
  const [frame] = callStack(machine, image);
  if (frame === undefined) return undefined;
  const inspector = new Inspector(machine, image);
  return {
    inspector,
    macros,
    surroundings: surroundingsOf(frame, inspector),
    resultOf: (name) => functionResult(name, image),
  };
}

/** What a function of the program or a helper returns. A macro is none, whatever it looks like. */
function functionResult(name: string, image: ProgramImage): CType | undefined {
  const search = (scopes: readonly Scope[], depth: number): CType | undefined => {
    for (const scope of depth > 64 ? [] : scopes) {
      if (scope.kind !== 'block' && scope.name === name) return scope.result;
      const inner = search(scope.children, depth + 1);
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
  const own = search(image.info?.functions ?? [], 0);
  if (own !== undefined) return own;
  if (/^bpf_(?:ringbuf_reserve|map_lookup_elem|map_lookup_percpu_elem|dynptr_data)$/.test(name))
    return { kind: 'pointer', target: { kind: 'void' } };
  return /^bpf_(?!nto|hto|be\d|cpu_to)/.test(name) ? baseTypes.long : undefined;
}
