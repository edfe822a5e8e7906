/** Numbers of the instruction set. Source: RFC 9669 and include/uapi/linux/bpf.h. */

/** Low three bits of an opcode. */
export const insnClass = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;

/** Bit 3 of arithmetic and jump opcodes: the second operand is a register. */
export const sourceRegister = 0x08;

/** High four bits of arithmetic opcodes. */
export const aluOp = {
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
  end: 0xd0,
} as const;

/** High four bits of jump opcodes. `cond` is may_goto: kernel 6.8, BPF_JCOND. */
export const jumpOp = {
  ja: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
  cond: 0xe0,
} as const;

/** Bits 3 and 4 of load and store opcodes. */
export const sizeBits = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 } as const;

/** High three bits of load and store opcodes. */
export const modeBits = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, memsx: 0x80, atomic: 0xc0 } as const;

/** `imm` of atomic instructions. Load-acquire and store-release: kernel 6.15. */
export const atomicOp = {
  add: 0x00,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  fetch: 0x01,
  xchg: 0xe1,
  cmpxchg: 0xf1,
  loadAcquire: 0x100,
  storeRelease: 0x110,
} as const;

/** Whole opcodes that are named often. */
export const opcode = {
  loadImm64: 0x18,
  call: 0x85,
  callRegister: 0x8d,
  exit: 0x95,
  ja: 0x05,
  jaLong: 0x06,
  jaRegister: 0x0d,
  mayGoto: 0xe5,
} as const;

/** `src` of `call`. */
export const callKind = { helper: 0, local: 1, kfunc: 2 } as const;

/** `src` of `ld_imm64`: RFC 9669, section 5.4. */
export const imm64Kind = {
  value: 0,
  mapByFd: 1,
  mapValueByFd: 2,
  variable: 3,
  code: 4,
  mapByIndex: 5,
  mapValueByIndex: 6,
} as const;

/** Highest register; also the read-only frame pointer. */
export const framePointer = 10;

/** Bytes of one slot. */
export const slotBytes = 8;

/** Bytes that a load or store of this opcode moves. */
export function accessBytes(op: number): number {
  switch (op & 0x18) {
    case sizeBits.b:
      return 1;
    case sizeBits.h:
      return 2;
    case sizeBits.w:
      return 4;
    default:
      return 8;
  }
}
