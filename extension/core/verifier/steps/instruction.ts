/** What an instruction does, from its text. Forms: kernel/bpf/disasm.c, print_bpf_insn(). */
export type Instruction =
  | { kind: 'move'; target: number; source: number; wide: boolean }
  | { kind: 'constant'; target: number; text: string }
  | { kind: 'arithmetic'; target: number; operator: string; source: number | undefined; text: string }
  | { kind: 'load'; target: number; base: number; offset: number; bytes: number; signed: boolean }
  | { kind: 'store'; base: number; offset: number; bytes: number; source: number | undefined; text: string }
  /** `target`: the register that gets the old value, where there is one. */
  | { kind: 'atomic'; base: number; offset: number; bytes: number; source: number; target: number | undefined }
  | { kind: 'test'; left: number; operator: string; right: number | undefined; text: string }
  | { kind: 'jump' }
  /** `own`: a function of the program, which has no name in the log. */
  | { kind: 'call'; name: string; own: boolean }
  | { kind: 'exit' }
  | { kind: 'other' };

const register = /^[rw](\d{1,2})$/;
const memory = /^\*\(([us])(8|16|32|64) \*\)\(r(\d{1,2}) ([+-]\d{1,6})\)$/;

/** The longest forms have some 60 characters; what is longer is no instruction. */
const maxChars = 256;

export function readInstruction(text: string): Instruction {
  if (text.length > maxChars) return { kind: 'other' };
  if (text === 'exit') return { kind: 'exit' };
  const call = /^call (\S+)$/.exec(text);
  if (call !== null) {
    const name = call[1] ?? '';
    return { kind: 'call', name: name.replace(/#-?\d+$/, ''), own: /^pc[+-]/.test(name) };
  }
  const test = /^if ([rw]\d{1,2}) (\S+) (\S+) goto /.exec(text);
  if (test !== null) {
    const [, left = '', operator = '', right = ''] = test;
    return { kind: 'test', left: numberOf(left) ?? 0, operator, right: numberOf(right), text: right };
  }
  if (/^(?:goto|gotol|may_goto|gotox)\b/.test(text)) return { kind: 'jump' };
  return readAtomic(text) ?? readAssignment(text) ?? { kind: 'other' };
}

function numberOf(text: string): number | undefined {
  const found = register.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function readAtomic(text: string): Instruction | undefined {
  const found =
    /^(?:(?:lock|r(\d{1,2}) = atomic\w*)\W.*?)?\(*\(?([us])(8|16|32|64) \*\)\(r(\d{1,2}) ([+-]\d{1,6})\).*?[, =] ?r(\d{1,2})\)?$/.exec(
      text,
    );
  if (found === null || !/^(?:lock |r\d+ = (?:atomic|xchg|cmpxchg))/.test(text)) return undefined;
  const target = /^r(\d{1,2}) = /.exec(text)?.[1];
  return {
    kind: 'atomic',
    base: Number(found[4]),
    offset: Number(found[5]),
    bytes: Number(found[3]) / 8,
    source: Number(found[6]),
    target: target === undefined ? undefined : Number(target),
  };
}

function readAssignment(text: string): Instruction | undefined {
  const found = /^(\S+(?: \*\)\(r\d{1,2} [+-]\d{1,6}\))?) (\S*=) (.+)$/.exec(text);
  if (found === null) return undefined;
  const [, left = '', operator = '', right = ''] = found;
  const place = memory.exec(left);
  if (place !== null) {
    const bytes = Number(place[2]) / 8;
    return {
      kind: 'store',
      base: Number(place[3]),
      offset: Number(place[4]),
      bytes,
      source: numberOf(right),
      text: right,
    };
  }
  const target = numberOf(left);
  if (target === undefined) return undefined;
  const extended = /^\(s\d+\) ?([rw]\d{1,2})$/.exec(right)?.[1];
  const source = numberOf(extended ?? right);
  if (operator !== '=') return { kind: 'arithmetic', target, operator, source, text: right };
  if (source !== undefined)
    return { kind: 'move', target, source, wide: extended === undefined && left.startsWith('r') };
  const from = memory.exec(right);
  if (from !== null) {
    const bytes = Number(from[2]) / 8;
    return { kind: 'load', target, base: Number(from[3]), offset: Number(from[4]), bytes, signed: from[1] === 's' };
  }
  // `r1 = be16 r1`, `r1 = -r1`: its own value, changed.
  if (new RegExp(`[rw]${target}\\b`).test(right))
    return { kind: 'arithmetic', target, operator, source: undefined, text: right };
  return { kind: 'constant', target, text: right };
}

/** The register that the instruction writes; a call writes register 0. */
export function writtenRegister(instruction: Instruction): number | undefined {
  switch (instruction.kind) {
    case 'move':
    case 'constant':
    case 'arithmetic':
    case 'load':
    case 'atomic':
      return instruction.target;
    case 'call':
      return 0;
    case 'store':
    case 'test':
    case 'jump':
    case 'exit':
    case 'other':
      return undefined;
  }
}
