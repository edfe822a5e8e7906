import type { Step, Trace } from './trace.ts';
import { type RegisterValue, registerIn } from './values.ts';

/** Where a value came from. */
export type Origin =
  | { kind: 'call'; step: number; name: string }
  | { kind: 'load'; step: number; base: RegisterValue | undefined; offset: number; register: number }
  | { kind: 'constant'; step: number }
  | { kind: 'context' }
  | { kind: 'argument' }
  | { kind: 'unknown' };

/** The way of a value through the program, from a step back to where it came from. Steps are indices into `Trace.steps`. */
export interface Way {
  origin: Origin;
  /** Arithmetic on the value, latest first; `operand` is the register that was added, if one was. */
  changes: { step: number; operand: number | undefined }[];
  /** Comparisons of the value, latest first. */
  tests: number[];
  /** What the value was when it was last printed on the way, latest first, and at which step. */
  seen: { step: number; value: RegisterValue }[];
  /** Steps of called functions that the value lived through. */
  calls: number[];
}

/** Steps that are looked at: enough for any straight piece of code, and no hang on a long loop. */
const maxLook = 20_000;
const maxSeen = 200;

/** Follows the value that register `register` holds before step `from` back to its origin: through copies, arithmetic, calls and the stack. */
export function followBack(trace: Trace, from: number, register: number): Way {
  const way: Way = { origin: { kind: 'unknown' }, changes: [], tests: [], seen: [], calls: [] };
  const { steps } = trace;
  let frame = steps[from]?.frame ?? 0;
  /** The value lives in a register, or in the stack slot of the frame it was spilled in. */
  let place: { register: number } | { slot: number } = { register };
  note(way, from, 'register' in place ? registerIn(steps[from]?.before ?? '', register) : undefined);
  for (let at = from - 1; at >= 0 && from - at < maxLook; at--) {
    const step = steps[at] as Step;
    if (step.frame > frame) {
      const returned = 'register' in place && place.register === 0 && step.text === 'exit';
      if (!returned || step.frame !== frame + 1) {
        if (step.text.startsWith('call ')) way.calls.push(at);
        continue;
      }
      frame = step.frame;
    }
    if (step.frame < frame) {
      // The start of the called function: its arguments are the caller's registers 1 to 5.
      if (!('register' in place) || place.register < 1 || place.register > 5 || !step.text.startsWith('call ')) {
        way.origin = { kind: 'argument' };
        return way;
      }
      frame = step.frame;
    }
    if ('slot' in place) {
      const stored = /^\*\(u64 \*\)\(r10 ([+-]\d+)\) = r(\d+)/.exec(step.text);
      if (stored !== null && Number(stored[1]) === place.slot) place = { register: Number(stored[2]) };
      else if (step.text.startsWith('call ')) way.calls.push(at);
      continue;
    }
    const own: number = place.register;
    note(way, at, registerIn(step.after, own));
    const effect = effectOn(step.text, own);
    switch (effect.kind) {
      case 'none':
        if (effect.test) way.tests.push(at);
        else if (step.text.startsWith('call ')) way.calls.push(at);
        break;
      case 'copy':
        place = { register: effect.source };
        if (effect.source === 10) {
          way.origin = { kind: 'constant', step: at };
          return way;
        }
        break;
      case 'change':
        way.changes.push({ step: at, operand: effect.operand });
        break;
      case 'load': {
        if (effect.register === 10 && effect.wide && at > 0) {
          place = { slot: effect.offset };
          break;
        }
        const base = stateBefore(trace, at, effect.register);
        way.origin = { kind: 'load', step: at, base, offset: effect.offset, register: effect.register };
        return way;
      }
      case 'call':
        way.origin = { kind: 'call', step: at, name: effect.name };
        // A function of the program: the value is what it returned, so go on inside, if the log holds it.
        if (/^pc[+-]/.test(effect.name) && steps[at + 1] !== undefined && (steps[at + 1] as Step).frame > frame) break;
        return way;
      case 'constant':
        way.origin = { kind: 'constant', step: at };
        return way;
    }
    note(way, at, 'register' in place ? registerIn(step.before, place.register) : undefined);
  }
  if (way.origin.kind === 'unknown' && 'register' in place && place.register === 1) way.origin = { kind: 'context' };
  return way;
}

function note(way: Way, step: number, value: RegisterValue | undefined): void {
  if (value !== undefined && way.seen.length < maxSeen) way.seen.push({ step, value });
}

type Effect =
  | { kind: 'none'; test: boolean }
  | { kind: 'copy'; source: number }
  | { kind: 'change'; operand: number | undefined }
  | { kind: 'load'; register: number; offset: number; wide: boolean }
  | { kind: 'call'; name: string }
  | { kind: 'constant' };

/** What an instruction does to a register. Forms: kernel/bpf/disasm.c, print_bpf_insn(). */
function effectOn(text: string, register: number): Effect {
  const call = /^call (\S+)/.exec(text);
  if (call !== null) {
    if (register === 0) return { kind: 'call', name: (call[1] ?? '').replace(/#-?\d+$/, '') };
    // Registers 1 to 5 are gone behind a call: nothing can read them, so the value is not theirs.
    return { kind: 'none', test: false };
  }
  if (text.startsWith('if ')) return { kind: 'none', test: new RegExp(`\\b[rw]${register}\\b`).test(text) };
  const target = /^[rw](\d+) (\S+) (.*)$/.exec(text);
  if (target === null || Number(target[1]) !== register) return { kind: 'none', test: false };
  const [, , operator, operand = ''] = target;
  const source = /^(?:\(s\d+\) ?)?[rw](\d+)$/.exec(operand);
  if (operator !== '=') return { kind: 'change', operand: source === null ? undefined : Number(source[1]) };
  if (source !== null) return { kind: 'copy', source: Number(source[1]) };
  const load = /^\*\(([us])(\d+) \*\)\(r(\d+) ([+-]\d+)\)/.exec(operand);
  if (load !== null)
    return { kind: 'load', register: Number(load[3]), offset: Number(load[4]), wide: load[2] === '64' };
  if (new RegExp(`[rw]${register}\\b`).test(operand)) return { kind: 'change', operand: undefined };
  return { kind: 'constant' };
}

/** What a register held before a step, as far as it was printed; looks back over a bounded number of steps. */
export function stateBefore(trace: Trace, at: number, register: number): RegisterValue | undefined {
  const { steps } = trace;
  const frame = steps[at]?.frame ?? 0;
  const own = registerIn(steps[at]?.before ?? '', register);
  if (own !== undefined) return own;
  for (let index = at - 1; index >= 0 && at - index < maxLook; index--) {
    const step = steps[index] as Step;
    if (step.frame !== frame) continue;
    const value = registerIn(step.after, register) ?? registerIn(step.before, register);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The function that a step calls, without its number; undefined when it calls none. */
export function calledBy(step: Step | undefined): string | undefined {
  return /^call (\S+?)(?:#-?\d+)?$/.exec(step?.text ?? '')?.[1];
}

/**
 * Level 2 logs hold all paths, one after the other: cuts what does not lead to the last step. A new path starts with
 * `from A to B`, behind the last walk over A.
 */
export function lastPath(trace: Trace): Trace {
  const path: Step[] = [];
  for (const step of trace.steps) {
    const from = step.from;
    if (from !== undefined) {
      let keep = path.length;
      while (keep > 0 && path[keep - 1]?.insn !== from) keep--;
      if (keep > 0) path.length = keep;
    }
    path.push(step);
  }
  return { ...trace, steps: path };
}
