/**
 * A state as the verifier prints it, such as `frame1: R0=5 R1=pkt(r=14) fp-8=mmmm refs=2`. Source: kernel/bpf/log.c,
 * print_verifier_state().
 */

export interface PrintedState {
  /** Depth of the call that it belongs to. */
  frame: number;
  registers: readonly { register: number; text: string }[];
  /** `offset` is negative, in bytes below the frame's top: -8 is `fp-8`. */
  slots: readonly { offset: number; text: string }[];
  /** Ids of what was acquired and has to be given back. */
  refs: readonly string[];
}

/** A hostile line cannot name more than there is: 512 bytes of stack in slots of 8, and some for what kernels may add. */
const maxSlots = 128;
const maxRefs = 64;
export const registerCount = 11;

export function readPrinted(text: string): PrintedState {
  const named = /^\s*frame(\d{1,2}): ?/.exec(text);
  const registers: { register: number; text: string }[] = [];
  const slots: { offset: number; text: string }[] = [];
  let refs: string[] = [];
  for (const token of tokens(text, named?.[0].length ?? 0)) {
    const equals = token.indexOf('=');
    if (equals < 2) continue;
    const value = token.slice(equals + 1);
    if (token.startsWith('R')) {
      const register = Number.parseInt(token.slice(1, equals), 10);
      if (register >= 0 && register < registerCount) registers.push({ register, text: plain(value) });
    } else if (token.startsWith('fp')) {
      const offset = Number.parseInt(token.slice(2, equals), 10);
      if (offset < 0 && slots.length < maxSlots) slots.push({ offset, text: plain(value) });
    } else if (token.startsWith('refs=')) {
      refs = value.split(',').slice(0, maxRefs);
    }
  }
  return { frame: Number(named?.[1] ?? 0), registers, slots, refs };
}

/** Parts between spaces that stand outside of brackets. */
function* tokens(text: string, from: number): Generator<string> {
  let depth = 0;
  let start = from;
  for (let at = from; at <= text.length; at++) {
    const char = text[at];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === undefined || (char === ' ' && depth <= 0)) {
      if (at > start) yield text.slice(start, at);
      start = at + 1;
    }
  }
}

/** Without the mark of values that must be known precisely, which says nothing about the value: `P5`, `Pscalar()`, `mmmmP0`. */
function plain(text: string): string {
  return text.replace(/^([?m0r]*)P(?=scalar|inv|-?\d)/, '$1');
}
