/**
 * A small assembler for tests, written from the tables of RFC 9669, so that vectors are readable: `mov r0, 5`,
 * `ldxw r0, [r1+4]`, `jeq r0, 3, +1`, `lock fetch_add dw [r10-8], r1`. One instruction a line; `;` starts a comment.
 */
const alu: Record<string, number> = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  sdiv: 0x30,
  smod: 0x90,
};
const jumps: Record<string, number> = {
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jsgt: 0x60,
  jsge: 0x70,
  jlt: 0xa0,
  jle: 0xb0,
  jslt: 0xc0,
  jsle: 0xd0,
};
const sizes: Record<string, number> = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 };
const atomics: Record<string, number> = {
  add: 0x00,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  fetch_add: 0x01,
  fetch_or: 0x41,
  fetch_and: 0x51,
  fetch_xor: 0xa1,
  xchg: 0xe1,
  cmpxchg: 0xf1,
  store_release: 0x110,
};

export function assemble(source: string): Uint8Array {
  const lines = source
    .split('\n')
    .map((line) => line.replace(/;.*/, '').trim())
    .filter((line) => line !== '');
  const bytes = lines.flatMap((line) => instruction(line));
  return Uint8Array.from(bytes);
}

export function slot(opcode: number, dst: number, src: number, offset: number, imm: number): number[] {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, opcode);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, imm, true);
  return [...bytes];
}

function instruction(line: string): number[] {
  const [name = '', ...rest] = line.split(/[\s,]+/);
  const match = (pattern: RegExp): string[] | undefined => pattern.exec(line)?.slice(1);
  if (name === 'exit') return slot(0x95, 0, 0, 0, 0);
  if (name === 'ja') return slot(0x05, 0, 0, Number(rest[0]), 0);
  if (name === 'gotol') return slot(0x06, 0, 0, 0, Number(rest[0]));
  if (name === 'may_goto') return slot(0xe5, 0, 0, Number(rest[0]), 0);
  if (name === 'gotox') return slot(0x0d, register(rest[0]), 0, 0, 0);
  if (name === 'call') return slot(0x85, 0, 0, 0, Number(rest[0]));
  if (name === 'local') return slot(0x85, 0, 1, 0, Number(rest[0]));
  if (name === 'callx') return slot(0x8d, register(rest[0]), 0, 0, 0);
  if (name === 'raw') return (rest[0]?.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  if (name === 'lddw' || name === 'code') {
    const value = BigInt.asUintN(64, BigInt(rest[1] ?? '0'));
    const kind = name === 'code' ? 4 : 0;
    const low = Number(BigInt.asIntN(32, value));
    const high = kind === 4 ? 0 : Number(BigInt.asIntN(32, value >> 32n));
    return [...slot(0x18, register(rest[0]), kind, 0, low), ...slot(0, 0, 0, 0, high)];
  }
  const swap = /^(le|be|bswap)(16|32|64)$/.exec(name);
  if (swap) {
    const opcode = swap[1] === 'le' ? 0xd4 : swap[1] === 'be' ? 0xdc : 0xd7;
    return slot(opcode, register(rest[0]), 0, 0, Number(swap[2]));
  }
  const extend = /^movsx(8|16|32)(32|64)$/.exec(name);
  if (extend) return slot(extend[2] === '64' ? 0xbf : 0xbc, register(rest[0]), register(rest[1]), Number(extend[1]), 0);
  const load = /^ldx(s?)(b|h|w|dw)$/.exec(name);
  if (load) {
    const [d, s, offset] = match(/r(\d+),\s*\[r(\d+)([+-]\d+)?\]/) ?? [];
    const mode = load[1] === 's' ? 0x80 : 0x60;
    return slot(1 | mode | (sizes[load[2] ?? ''] ?? 0), Number(d), Number(s), Number(offset ?? 0), 0);
  }
  const store = /^st(x?)(b|h|w|dw)$/.exec(name);
  if (store) {
    const [d, offset, source] = match(/\[r(\d+)([+-]\d+)?\],\s*(\S+)/) ?? [];
    const size = sizes[store[2] ?? ''] ?? 0;
    if (store[1] === 'x') return slot(3 | 0x60 | size, Number(d), register(source), Number(offset ?? 0), 0);
    return slot(2 | 0x60 | size, Number(d), 0, Number(offset ?? 0), Number(source));
  }
  if (name === 'lock') {
    const [operation = '', size = '', d, offset, s] = match(/lock (\w+) (\w+) \[r(\d+)([+-]\d+)?\],\s*r(\d+)/) ?? [];
    return slot(0xc3 | (sizes[size] ?? 0), Number(d), Number(s), Number(offset ?? 0), atomics[operation] ?? 0);
  }
  if (name === 'load_acquire') {
    const [size = '', d, s, offset] = match(/load_acquire (\w+) r(\d+),\s*\[r(\d+)([+-]\d+)?\]/) ?? [];
    return slot(0xc3 | (sizes[size] ?? 0), Number(d), Number(s), Number(offset ?? 0), 0x100);
  }
  const narrow = name.endsWith('32');
  const base = narrow ? name.slice(0, -2) : name;
  const jump = jumps[base];
  if (jump !== undefined) {
    const kind = (narrow ? 6 : 5) | jump;
    const operand = rest[1] ?? '';
    const offset = Number(rest[2]);
    if (operand.startsWith('r')) return slot(kind | 8, register(rest[0]), register(operand), offset, 0);
    return slot(kind, register(rest[0]), 0, offset, Number(operand));
  }
  const operation = alu[base];
  if (operation === undefined) throw new Error(`no such instruction: ${line}`);
  const kind = (narrow ? 4 : 7) | operation;
  const variant = base === 'sdiv' || base === 'smod' ? 1 : 0;
  const operand = rest[1];
  if (operand === undefined) return slot(kind, register(rest[0]), 0, 0, 0);
  if (operand.startsWith('r')) return slot(kind | 8, register(rest[0]), register(operand), variant, 0);
  return slot(kind, register(rest[0]), 0, variant, Number(operand) | 0);
}

function register(text: string | undefined): number {
  const number = /^r(\d+)$/.exec(text ?? '')?.[1];
  if (number === undefined) throw new Error(`no register: ${text}`);
  return Number(number);
}
