/** Instructions of the few programs that this helper writes itself: there is no compiler where it runs. RFC 9669, sections 4 and 5. */
export const opcode = {
  addImmediate: 0x07,
  jumpIf: 0x15,
  wideImmediate: 0x18,
  jumpIfNot: 0x55,
  loadWord: 0x61,
  storeWord: 0x62,
  storeRegisterWord: 0x63,
  storeByte: 0x72,
  loadDoubleWord: 0x79,
  storeRegisterDoubleWord: 0x7b,
  call: 0x85,
  exit: 0x95,
  moveImmediate: 0xb7,
  move: 0xbf,
} as const;

/** struct bpf_insn. `offset` of a jump counts from the instruction after it. */
export function instruction(code: number, to: number, from: number, offset: number, immediate: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((from << 4) | to, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(immediate | 0, 4);
  return bytes;
}

export const move = (to: number, from: number): Buffer => instruction(opcode.move, to, from, 0, 0);
export const call = (id: number): Buffer => instruction(opcode.call, 0, 0, 0, id);

/** Takes two slots. */
export function wide(to: number, value: number, kind = 0): Buffer[] {
  const high = Math.floor(value / 2 ** 32);
  return [instruction(opcode.wideImmediate, to, kind, 0, value), instruction(0, 0, 0, 0, high)];
}
