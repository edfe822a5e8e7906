import type { ProgramImage } from '../debugger/image.ts';
import type { Condition } from '../debugger/story/conditions.ts';
import type { Logic } from '../debugger/story/logic.ts';
import type { StorySource, StorySources } from '../debugger/story/sources.ts';
import { conditionalSlots } from '../generate/features.ts';
import type { SourcePlace } from '../object/spec.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import { isMove, negated, otherBoundary, verdictMoves } from './bytecode.ts';
import type { Edit, Mutant } from './mutant.ts';

/** As many are made of one source: what is generated can be large. */
const maxMutants = 2000;

const opposite: Readonly<Record<string, string>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
};
const boundary: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
/** What a mistaken verdict would be. */
const otherVerdict: Readonly<Record<string, string>> = {
  XDP_ABORTED: 'XDP_PASS',
  XDP_DROP: 'XDP_PASS',
  XDP_PASS: 'XDP_DROP',
  XDP_TX: 'XDP_DROP',
  XDP_REDIRECT: 'XDP_DROP',
};
const verdicts = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];

/**
 * One mutant for each comparison turned round, for each `<` that could be `<=`, and for each verdict that could be another. A
 * function that was inlined in several places changes in all of them. `sources`: the files whose conditions count.
 */
export function mutantsOf(image: ProgramImage, sources: StorySources): Mutant[] {
  const mutants = new Map<string, Mutant & { edits: Edit[] }>();
  const add = (mutant: Omit<Mutant, 'edits'>, edit: Edit): void => {
    const { place, kind } = mutant;
    const key = `${place.file}:${place.line}:${place.column} ${kind}`;
    const known = mutants.get(key) ?? { ...mutant, edits: [] };
    if (mutants.size < maxMutants || mutants.has(key)) mutants.set(key, known);
    known.edits.push(edit);
  };
  for (const program of image.linked.programs.values()) {
    for (const slot of conditionalSlots(program.code)) comparison(image, sources, { program, slot }, add);
    for (const slot of verdictMoves(program.code)) verdict(image, sources, { program, slot }, add);
  }
  return [...mutants.values()].sort(
    (a, b) =>
      a.place.file.localeCompare(b.place.file) || a.place.line - b.place.line || a.place.column - b.place.column,
  );
}

type Add = (mutant: Omit<Mutant, 'edits'>, edit: Edit) => void;

interface At {
  program: LinkedProgram;
  slot: number;
}

function comparison(image: ProgramImage, sources: StorySources, { program, slot }: At, add: Add): void {
  const { source: place } = image.placeOf(program, slot);
  const source = place === undefined ? undefined : sources.byFile.get(place.file);
  if (place === undefined || source === undefined) return;
  const offset = source.offsetOf(place);
  const condition = source.conditionAt(offset);
  // The cases of a switch share one place: which of them a jump is for cannot be said in C words.
  if (condition === undefined || condition.form === 'switch') return;
  const test = testOf(source, condition, offset);
  if (test === undefined) return;
  const edit = (change: Edit['change']): Edit => ({ program: program.name, slot, change });
  const operator = operatorIn(source.scan.code.slice(test.span.start, test.span.end));
  const at = operator === undefined ? test.span.start : test.span.start + operator.at;
  const { code } = program;
  const swap = negated(code, slot);
  const [from, to] =
    operator === undefined ? [test.text, inverse(test.text)] : [operator.text, opposite[operator.text] ?? ''];
  const mutant = { place: placeAt(source, at), text: test.text, from, to };
  if (swap !== undefined) add({ ...mutant, kind: 'negated' }, edit(swap));
  const next = operator === undefined ? undefined : boundary[operator.text];
  if (operator === undefined || next === undefined) return;
  const swapped = isConstant(test.text.slice(0, test.text.indexOf(operator.text)));
  const moved = otherBoundary(code, slot, { operator: operator.text, swapped });
  if (moved !== undefined) add({ ...mutant, kind: 'boundary', to: next }, { program: program.name, ...moved });
}

/** A number, or a name as constants have: `10 > x` has its constant on the left. */
function isConstant(text: string): boolean {
  return /^\s*\(*\s*(?:-?\d[\w.]*|[A-Z][A-Z0-9_]*|sizeof\b.*|bpf_[hn]to[hn][sl]\(.*)\s*$/.test(text);
}

function inverse(text: string): string {
  if (text.startsWith('!')) return text.slice(1).trim();
  return /^[\w.>*-]+$/.test(text) ? `!${text}` : `!(${text})`;
}

/**
 * The test that a jump decides. clang puts it at the `&&` or `||` behind the test, or at the beginning of the whole condition
 * for the last one: lib/CodeGen/CodeGenFunction.cpp, EmitBranchOnBoolExpr().
 */
function testOf(
  source: StorySource,
  condition: Condition,
  offset: number,
): Extract<Logic, { kind: 'test' }> | undefined {
  const tests = [...testsIn(source.logicOf(condition))];
  const operator = source.scan.code.slice(offset, offset + 2);
  if (operator !== '&&' && operator !== '||') return tests.at(-1);
  return tests.findLast(({ span }) => span.end <= offset);
}

function* testsIn(logic: Logic): Generator<Extract<Logic, { kind: 'test' }>> {
  switch (logic.kind) {
    case 'test':
      yield logic;
      return;
    case 'not':
      yield* testsIn(logic.part);
      return;
    case 'and':
    case 'or':
      for (const part of logic.parts) yield* testsIn(part);
  }
}

/** The comparison of a test that stands outside of all brackets. */
function operatorIn(text: string): { text: string; at: number } | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '(' || char === '[') depth++;
    else if (char === ')' || char === ']') depth--;
    if (depth !== 0) continue;
    const two = text.slice(at, at + 2);
    if (two === '->' || two === '<<' || two === '>>') at++;
    else if (['==', '!=', '<=', '>='].includes(two)) return { text: two, at };
    else if (char === '<' || char === '>') return { text: char, at };
  }
  return undefined;
}

/** `return XDP_DROP;` of the source, by the instruction that loads the number for it. */
function verdict(image: ProgramImage, sources: StorySources, { program, slot }: At, add: Add): void {
  const { code } = program;
  // The number itself often has no place: what stores it has.
  for (let at = slot; at <= slot + 2 && at < code.length; at++) {
    if (at > slot && isMove(code, at)) return;
    const { source: place } = image.placeOf(program, at);
    const source = place === undefined ? undefined : sources.byFile.get(place.file);
    if (place === undefined || source === undefined) continue;
    const offset = source.offsetOf(place);
    const line = source.scan.code.slice(offset, offset + 80);
    const [text, name = ''] = /^return\s+(XDP_\w+)\s*;/.exec(line) ?? [];
    const to = otherVerdict[name];
    if (text === undefined || to === undefined || verdicts.indexOf(name) !== code.imm[slot]) continue;
    const mutant = { place, kind: 'verdict' as const, text, from: name, to };
    add(mutant, { program: program.name, slot, change: { kind: 'immediate', imm: verdicts.indexOf(to) } });
    return;
  }
}

function placeAt(source: StorySource, offset: number): SourcePlace {
  const line = source.lineOf(offset);
  return { file: source.file, line, column: offset - source.offsetOf({ line, column: 1 }) + 1 };
}
