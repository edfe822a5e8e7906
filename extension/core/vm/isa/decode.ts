import { type Code, emptyCode, InvalidInstruction } from './code.ts';
import { checkFields, type RawInsn } from './fields.ts';
import { callKind, imm64Kind, insnClass, jumpOp, opcode, slotBytes, sourceRegister } from './opcodes.ts';

/**
 * Decodes little-endian bytecode strictly: reserved fields must be zero, opcodes known, and every jump must lead to an
 * instruction of the program. Throws InvalidInstruction with the slot. Source: RFC 9669; the newer instructions as
 * kernel/bpf/verifier.c has them.
 */
export function decode(bytes: Uint8Array): Code {
  const count = bytes.length / slotBytes;
  if (bytes.length === 0) throw new InvalidInstruction(0, 'the program is empty');
  if (!Number.isInteger(count)) {
    throw new InvalidInstruction(Math.floor(count), `the program has ${bytes.length} bytes, which is no multiple of 8`);
  }
  const code = emptyCode(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let slot = 0; slot < count; slot++) {
    const insn = rawInsn(view, slot);
    checkFields(insn);
    store(code, insn);
    if (insn.opcode === opcode.loadImm64) {
      if (slot + 1 >= count) throw new InvalidInstruction(slot, 'the second half of a 64-bit immediate is missing');
      const second = rawInsn(view, slot + 1);
      if (second.opcode !== 0 || second.dst !== 0 || second.src !== 0 || second.offset !== 0) {
        throw new InvalidInstruction(slot, 'the second half of a 64-bit immediate has reserved fields set');
      }
      code.immHigh[slot] = second.imm;
      slot++;
    }
  }
  resolveTargets(code);
  for (let slot = 0; slot < count; slot++) {
    code.words[slot] = code.opcode[slot]! | (code.dst[slot]! << 8) | (code.src[slot]! << 12);
  }
  return code;
}

/**
 * Bytecode as the verifier leaves it, to be read and not run: its calls hold addresses, and some opcodes are the kernel's own. Nothing
 * is checked, so that targets may lie anywhere.
 */
export function decodeRewritten(bytes: Uint8Array): Code {
  const count = Math.floor(bytes.length / slotBytes);
  const code = emptyCode(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let slot = 0; slot < count; slot++) {
    const insn = rawInsn(view, slot);
    store(code, insn);
    const distance = insn.opcode === opcode.call ? undefined : jumpDistance(code, slot, insn.opcode);
    if (distance !== undefined) code.offset[slot] = slot + 1 + distance;
    if (insn.opcode !== opcode.loadImm64 || slot + 1 >= count) continue;
    code.immHigh[slot] = rawInsn(view, slot + 1).imm;
    slot++;
  }
  return code;
}

function rawInsn(view: DataView, slot: number): RawInsn {
  const at = slot * slotBytes;
  const registers = view.getUint8(at + 1);
  return {
    slot,
    opcode: view.getUint8(at),
    dst: registers & 15,
    src: registers >> 4,
    offset: view.getInt16(at + 2, true),
    imm: view.getInt32(at + 4, true),
  };
}

function store(code: Code, insn: RawInsn): void {
  const { slot } = insn;
  code.opcode[slot] = insn.opcode;
  code.dst[slot] = insn.dst;
  code.src[slot] = insn.src;
  code.offset[slot] = insn.offset;
  code.imm[slot] = insn.imm;
  code.immHigh[slot] = 0;
  // LLVM before 19 put the register of an indirect call into imm.
  if (insn.opcode === opcode.callRegister && insn.dst === 0 && insn.imm !== 0) {
    code.dst[slot] = insn.imm;
    code.imm[slot] = 0;
  }
}

function resolveTargets(code: Code): void {
  const last = code.length - 1;
  for (let slot = 0; slot < code.length; slot++) {
    const op = code.opcode[slot]!;
    const distance = jumpDistance(code, slot, op);
    if (distance !== undefined) {
      const target = slot + 1 + distance;
      checkTarget(code, slot, target);
      code.offset[slot] = target;
    }
    if (op === opcode.loadImm64) slot++;
    if (slot >= last && !endsHere(op)) {
      throw new InvalidInstruction(slot, 'the program runs past its last instruction: it must end with exit or a jump');
    }
  }
}

/** Slots from the next instruction to the target; undefined for what leads nowhere else. */
function jumpDistance(code: Code, slot: number, op: number): number | undefined {
  const kind = op & 7;
  if (op === opcode.loadImm64) return code.src[slot] === imm64Kind.code ? code.imm[slot]! : undefined;
  if (op === opcode.call) return code.src[slot] === callKind.local ? code.imm[slot]! : undefined;
  if (op === opcode.jaLong) return code.imm[slot]!;
  if (op === opcode.exit || op === opcode.callRegister || op === opcode.jaRegister) return undefined;
  return kind === insnClass.jmp || kind === insnClass.jmp32 ? code.offset[slot]! : undefined;
}

function checkTarget(code: Code, slot: number, target: number): void {
  if (target < 0 || target >= code.length) {
    throw new InvalidInstruction(slot, `it leads to instruction ${target}, and the program has ${code.length}`);
  }
  if (code.opcode[target] === 0) {
    throw new InvalidInstruction(slot, `it leads into the middle of the 64-bit immediate at ${target - 1}`);
  }
}

function endsHere(op: number): boolean {
  return op === opcode.exit || op === opcode.ja || op === opcode.jaLong || op === opcode.jaRegister;
}

/** Does this jump go on with the next instruction when its condition does not hold? */
export function isConditional(op: number): boolean {
  const kind = op & 7;
  if (kind !== insnClass.jmp && kind !== insnClass.jmp32) return false;
  const operation = op & 0xf0;
  return operation !== jumpOp.ja && operation !== jumpOp.call && operation !== jumpOp.exit;
}

/** Is the second operand a register? For arithmetic and conditional jumps. */
export function usesRegister(op: number): boolean {
  return (op & sourceRegister) !== 0;
}
