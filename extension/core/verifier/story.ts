import { english } from '../text/language.ts';
import { functionName, typeWords } from './catalogue/rule.ts';
import { calledBy, followBack, stateBefore, type Way } from './follow.ts';
import type { Place, Places } from './places.ts';
import type { Step, Trace } from './trace.ts';
import { isPacketPointer, registerIn, type RegisterValue } from './values.ts';

/** One station on the way to a failure: where a value came from, where something was proven, where the proof was lost. */
export interface StoryEntry {
  place: Place;
  text: string;
}

export interface StoryInput {
  path: Trace;
  places: Places;
  code: string;
  /** Index of the failing step. */
  last: number;
  /** Way of the value that the message is about. */
  way: Way | undefined;
  /** Step that made a number of a pointer. */
  lostAt: number | undefined;
  lostKind: 'packet' | 'reference' | undefined;
  /** Instruction that acquired what was not given back. */
  acquiredAt: number | undefined;
}

/** Few, so that they are read. */
const maxEntries = 6;

export function tellStory(input: StoryInput): StoryEntry[] {
  const { path, places, code, last, way, lostAt, acquiredAt } = input;
  const found: { step: number; text: string }[] = [];
  if (way !== undefined) found.push(...wayOf(path, way));
  if (code.startsWith('packet-')) found.push(...packetProof(path, last));
  if (lostAt !== undefined) {
    const name = functionName(calledBy(path.steps[lostAt]));
    found.push({
      step: lostAt,
      text:
        input.lostKind === 'reference'
          ? `${name} gives the memory back here`
          : `${name} may move or resize the packet here: pointers and comparisons from before no longer count`,
    });
  }
  if (acquiredAt !== undefined) {
    const step = path.steps.findLastIndex((each) => each.insn === acquiredAt);
    if (step >= 0) found.push({ step, text: `${functionName(calledBy(path.steps[step]))} acquires it here` });
  }
  if (code === 'spin-lock') {
    const step = path.steps.findLastIndex((each, index) => index < last && calledBy(each) === 'bpf_spin_lock');
    if (step >= 0) found.push({ step, text: 'the lock is taken here' });
  }
  if (code === 'infinite-loop') {
    const step = path.steps.findLastIndex((each) => /goto pc-/.test(each.text));
    if (step >= 0) found.push({ step, text: 'the loop jumps back here' });
  }
  return placed(path, places, found);
}

function placed(path: Trace, places: Places, found: readonly { step: number; text: string }[]): StoryEntry[] {
  const entries: StoryEntry[] = [];
  const seen = new Set<string>();
  for (const { step, text } of [...found].sort((a, b) => a.step - b.step)) {
    const place = places.ofStep(path.steps[step] as Step).place;
    const key = `${place?.file}:${place?.line}:${text}`;
    if (place === undefined || seen.has(key)) continue;
    seen.add(key);
    entries.push({ place, text });
  }
  return entries.slice(-maxEntries);
}

function wayOf(path: Trace, way: Way): { step: number; text: string }[] {
  const found: { step: number; text: string }[] = [];
  const origin = originOf(way);
  if (origin !== undefined) found.push(origin);
  const [change] = way.changes.filter((each) => isVariable(path, each));
  if (change?.operand === undefined) return found;
  found.push({ step: change.step, text: 'a variable offset is added to the pointer here' });
  const offset = followBack(path, change.step, change.operand);
  const from = originOf(offset, 'the offset');
  if (from !== undefined) found.push(from);
  const test = offset.tests[0];
  const value = stateBefore(path, change.step, change.operand);
  if (test !== undefined) found.push({ step: test, text: `this test is about the offset${limits(value)}` });
  return found;
}

/** A register was added whose value is not a known number. */
function isVariable(path: Trace, change: { step: number; operand: number | undefined }): boolean {
  if (change.operand === undefined) return false;
  return stateBefore(path, change.step, change.operand)?.constant === undefined;
}

function originOf(way: Way, what = 'the value'): { step: number; text: string } | undefined {
  const { origin } = way;
  switch (origin.kind) {
    case 'call': {
      const mayBeNull = way.seen.some(({ value }) => /_or_null/.test(value.type));
      const who = functionName(origin.name);
      return {
        step: origin.step,
        text: mayBeNull ? `${who} gave the pointer here, and may give NULL` : english(`${who} gave ${what} here`),
      };
    }
    case 'load': {
      const at = way.seen.findLast(({ step }) => step === origin.step)?.value;
      if (origin.base?.type === 'ctx')
        return {
          step: origin.step,
          text: isPacketPointer(at)
            ? 'the packet pointer is read from the context here'
            : `${what} is read from the context here`,
        };
      return {
        step: origin.step,
        text: `${what} is read from ${origin.base === undefined ? 'memory' : typeWords(origin.base.type)} here`,
      };
    }
    case 'constant':
    case 'context':
    case 'argument':
    case 'unknown':
      return undefined;
  }
}

function limits(value: RegisterValue | undefined): string {
  if (value === undefined || value.type !== 'scalar' || value.constant !== undefined) return '';
  const low = value.args.get('smin') ?? value.args.get('smin_value');
  const high =
    value.args.get('umax') ?? value.args.get('umax_value') ?? value.args.get('smax') ?? value.args.get('smax_value');
  if (low === undefined && high === undefined) return ': behind it nothing is known';
  return `: behind it the offset is ${low === undefined ? '' : `at least ${low}`}${low !== undefined && high !== undefined ? ' and ' : ''}${high === undefined ? '' : `at most ${high}`}`;
}

/** Ranges are 16 bits wide; what is beyond stands for `the end was passed`: include/linux/bpf_verifier.h, AT_PKT_END. */
const maxPacket = 0xffff;

/** The last comparison with the end of the packet. */
function packetProof(path: Trace, last: number): { step: number; text: string }[] {
  for (let at = last - 1; at >= 0 && last - at < 20_000; at--) {
    const step = path.steps[at] as Step;
    const compared = /^if r(\d+) \S+ r(\d+) goto/.exec(step.text);
    if (compared === null) continue;
    const sides = [Number(compared[1]), Number(compared[2])];
    // Kernels before 5.16 print the state on a line of its own, before the next instruction.
    const next = path.steps[at + 1]?.before ?? '';
    const values = sides.map(
      (side) => registerIn(step.after, side) ?? registerIn(next, side) ?? stateBefore(path, at, side),
    );
    if (!values.some((value) => value?.type === 'pkt_end')) continue;
    const range = Number(values.find(isPacketPointer)?.args.get('r') ?? Number.NaN);
    if (Number.isNaN(range)) return [];
    const text =
      range > 0 && range <= maxPacket
        ? `this comparison proves the first ${range} bytes`
        : 'this comparison with `data_end` proves nothing on this path';
    return [{ step: at, text }];
  }
  return [];
}
