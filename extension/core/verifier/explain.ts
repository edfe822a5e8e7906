import { type Match, matchRule } from './catalogue/catalogue.ts';
import type { FailureCode } from './catalogue/codes.ts';
import { unknownExplanation } from './catalogue/control.ts';
import type { RuleContext } from './catalogue/rule.ts';
import { calledBy, followBack, lastPath, stateBefore, type Way } from './follow.ts';
import { locateFunction, locateInsn, type ObjectLines, partsOf } from './locate.ts';
import { insnOf } from './log.ts';
import { packetChangers } from './packetChangers.ts';
import { type Place, Places, type Source } from './places.ts';
import { type StoryEntry, tellStory } from './story.ts';
import { readTraces, type Trace } from './trace.ts';
import type { RegisterValue } from './values.ts';

/** Why the verifier refused a program, in words. */
export interface Failure {
  /** Stable; listed in docs/verifier.md. */
  code: FailureCode;
  /** The verifier's own words. */
  message: string;
  explanation: string;
  /** What to write instead. */
  fix?: string;
  place?: Place;
  /** The C expression that failed. */
  expression?: string;
  /** Stations on the way to the failure, in the order in which the program passes them. */
  story: StoryEntry[];
}

export interface ExplainedLog {
  /** Name of the program, where the log or the object tells it. */
  program: string | undefined;
  failure: Failure;
  /** This program's part of the text. */
  log: string;
}

/** Every failure in a text: a raw log, several of them, or the output of a loader. Pure; any text is taken. */
export function explainLog(text: string, object?: ObjectLines): ExplainedLog[] {
  return readTraces(text).flatMap((trace) => {
    const explained = explainTrace(trace, object, undefined);
    return explained === undefined ? [] : [explained];
  });
}

/** The failure in the log of one program of an object. undefined: the verifier had nothing to say against it. */
export function explainProgram(log: string, object: ObjectLines, program: string): Failure | undefined {
  const trace = readTraces(log).at(-1);
  return trace === undefined ? undefined : explainTrace(trace, object, program)?.failure;
}

function explainTrace(
  trace: Trace,
  object: ObjectLines | undefined,
  name: string | undefined,
): ExplainedLog | undefined {
  const { messages } = trace;
  const words = messages.at(-1);
  if (words === undefined) return undefined;
  const path = lastPath(trace);
  const places = new Places(trace, object, name);
  const last = path.steps.length - 1;
  const insn = insnOf(trace);
  const source: Source =
    insn === undefined ? { place: undefined, line: undefined, expression: undefined } : places.ofInsn(insn);
  // Only a message about the last step is about its registers and its call.
  const here = insn !== undefined && path.steps[last]?.insn === insn;
  const register = here ? registerOf(messages) : undefined;
  const way = register === undefined ? undefined : followBack(path, last, register);
  const acquiredAt = acquiredInsn(messages);
  const value = register === undefined ? undefined : currentValue(path, last, register, messages);
  const lost = way === undefined ? undefined : lostPointer(path, way, value);
  const giver =
    acquiredAt === undefined
      ? way?.origin.kind === 'call'
        ? way.origin.name
        : undefined
      : calledBy(path.steps.findLast((step) => step.insn === acquiredAt));
  const context: RuleContext = {
    subject: subjectOf(source),
    helper: here ? calledBy(path.steps[last]) : undefined,
    value,
    way,
    giver: giver === undefined || /^pc[+-]/.test(giver) ? undefined : giver,
    lost,
  };
  const match = matchRule(messages, context);
  if (match === undefined && !trace.genuine) return undefined;
  const code = match?.rule.code ?? 'unknown';
  const place = source.place ?? placeOfWhole(trace, places, messages);
  const fix = fixOf(match, context);
  const failure: Failure = {
    code,
    message: words,
    explanation: match === undefined ? unknownExplanation(context.subject) : match.rule.explain(match.groups, context),
    ...(fix === undefined ? {} : { fix }),
    ...(place === undefined ? {} : { place }),
    ...(source.expression === undefined ? {} : { expression: source.expression }),
    story: [
      ...tellStory({ path, places, code, last, way, lostAt: lost?.step, lostKind: lost?.kind, acquiredAt }),
      ...(code === 'stack-limit' ? stackStory(trace, places) : []),
    ],
  };
  if (match !== undefined && match.message !== words && messages.includes(match.message))
    failure.message = `${match.message}; ${words}`;
  return { program: places.program ?? trace.program, failure, log: trace.log };
}

function subjectOf(source: Source): string {
  if (source.expression !== undefined) return `\`${source.expression}\``;
  // Inline assembly and macros can be long; the first words tell enough.
  if (source.line !== undefined && source.line !== '' && source.line.length <= 120)
    return `the line \`${source.line}\``;
  return 'this instruction';
}

function fixOf(match: Match | undefined, context: RuleContext): string | undefined {
  const fix = match?.rule.fix;
  return typeof fix === 'function' ? fix(match?.groups ?? {}, context) : fix;
}

/** What the register held when it failed. A call that makes numbers of pointers does not print them. */
function currentValue(
  path: Trace,
  last: number,
  register: number,
  messages: readonly string[],
): RegisterValue | undefined {
  const value = stateBefore(path, last, register);
  const isNumber = messages.some((message) => /(?:mem access '|type=)(?:inv|scalar)\b/.test(message));
  return isNumber && value?.type !== 'scalar' ? undefined : value;
}

/** The register that a message is about. Arguments are counted from 0 in some messages, from 1 in others. */
function registerOf(messages: readonly string[]): number | undefined {
  for (const message of messages) {
    const named = /\bR(\d{1,2})\b/.exec(message);
    if (named !== null) return Number(named[1]);
    const helper = /passed to helper arg(\d)\b/.exec(message);
    if (helper !== null) return Number(helper[1]);
    const argument = /(?:trusted arg|arg#)(\d)\b/.exec(message);
    if (argument !== null) return Number(argument[1]) + 1;
  }
  return undefined;
}

function acquiredInsn(messages: readonly string[]): number | undefined {
  const found = messages.map((message) => /alloc_insn=(\d{1,9})/.exec(message)).find((match) => match !== null);
  return found === undefined ? undefined : Number(found?.[1]);
}

/** The call that made a plain number of a pointer, by moving the packet or by giving memory back. */
function lostPointer(
  path: Trace,
  way: Way,
  value: RegisterValue | undefined,
): { kind: 'packet' | 'reference'; by: string; step: number } | undefined {
  if (value !== undefined && value.type !== 'scalar') return undefined;
  const was = way.seen.find(({ value: seen }) => seen.type !== 'scalar');
  if (was === undefined) return undefined;
  const later = way.calls.filter((step) => step >= was.step).reverse();
  const kind = /^pkt(_meta)?$/.test(was.value.type) ? 'packet' : 'reference';
  const named = later.find((step) => {
    const name = calledBy(path.steps[step]) ?? '';
    return kind === 'packet' ? packetChangers.has(name) : /submit|discard|release|drop|destroy|put/.test(name);
  });
  // A function of the program that was checked before: what it does inside is not in the log.
  const own = kind === 'packet' ? later.find((step) => /^pc[+-]/.test(calledBy(path.steps[step]) ?? '')) : undefined;
  const step = named ?? own;
  return step === undefined ? undefined : { kind, by: calledBy(path.steps[step]) ?? '', step };
}

/** Messages that name no instruction: the function that they name, the one with the largest stack, or the program itself. */
function placeOfWhole(trace: Trace, places: Places, messages: readonly string[]): Place | undefined {
  const { object, program } = places;
  if (object === undefined || program === undefined) return undefined;
  for (const message of messages) {
    const named = /\b(\w+)\(\)/.exec(message)?.[1];
    const place = named === undefined ? undefined : locateFunction(object, named);
    if (place !== undefined) return place;
  }
  const parts = partsOf(object, program);
  const { stack } = trace;
  if (messages.some((message) => /stack size/.test(message)) && stack !== undefined && stack.length === parts.length) {
    const largest = parts[stack.indexOf(Math.max(...stack))];
    const place = largest === undefined ? undefined : locateFunction(object, largest.name);
    if (place !== undefined) return place;
  }
  return locateInsn(object, program, 0);
}

/** Bytes of stack of each function. */
function stackStory(trace: Trace, places: Places): StoryEntry[] {
  const { object, program } = places;
  const { stack } = trace;
  if (object === undefined || program === undefined || stack === undefined) return [];
  const parts = partsOf(object, program);
  if (parts.length !== stack.length) return [];
  return parts
    .map((part, index) => ({ part, size: stack[index] ?? 0 }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size)
    .slice(0, 6)
    .flatMap(({ part, size }) => {
      const place = locateFunction(object, part.name);
      return place === undefined ? [] : [{ place, text: `\`${part.name}\` needs ${size} bytes of stack` }];
    });
}
