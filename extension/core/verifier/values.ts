/** Values as the verifier prints them: `pkt(off=14,r=14)`, `scalar(umax=255)`, `map_value_or_null(id=1,ks=4,vs=8)`, `fp-8`, `5`. */

export interface RegisterValue {
  /** `pkt`, `map_value`, `scalar`, …: what older kernels call `inv` is a scalar too. */
  type: string;
  /** `off`, `r`, `vs`, `umax`, …, as printed. */
  args: ReadonlyMap<string, string>;
  /** The number, where it is a known one. */
  constant: string | undefined;
  /** As printed. */
  text: string;
}

/** The value of register `register` in a printed state; undefined when the state does not mention it. */
export function registerIn(state: string, register: number): RegisterValue | undefined {
  const name = new RegExp(`(?:^|[\\s:])R${register}(?:_\\w+)?=`).exec(state);
  if (name === null) return undefined;
  const start = name.index + name[0].length;
  return readValue(state.slice(start, endOfValue(state, start)));
}

/** A value ends at the first space outside of its brackets. */
function endOfValue(state: string, start: number): number {
  let depth = 0;
  for (let at = start; at < state.length; at++) {
    const char = state[at];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === ' ' && depth <= 0) return at;
  }
  return state.length;
}

/** Reads one value as printed. */
export function readValue(text: string): RegisterValue {
  const open = text.indexOf('(');
  const head = open < 0 ? text : text.slice(0, open);
  const args = new Map<string, string>();
  let names: string[] = [];
  for (const part of open < 0 ? [] : splitArgs(text.slice(open + 1, text.endsWith(')') ? -1 : undefined))) {
    // `smin=umin=5` gives both names one value; `id=0` and the like stand alone.
    const pieces = part.split('=');
    names = pieces.slice(0, -1);
    for (const name of names) args.set(name, pieces.at(-1) ?? '');
  }
  const number = /^P?(?:inv|scalar)?P?(-?(?:0x[0-9a-f]+|\d+))$/.exec(head);
  if (number !== null) return { type: 'scalar', args, constant: number[1] ?? '', text };
  const old = /^invP?$|^P?scalar$|^inv$/.test(head);
  const type = old ? 'scalar' : head.replace(/^fp-?\d*$/, 'fp');
  return { type, args, constant: undefined, text };
}

function splitArgs(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

export function isPacketPointer(value: RegisterValue | undefined): boolean {
  return value !== undefined && /^pkt(_meta)?$/.test(value.type);
}
