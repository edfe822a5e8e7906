import type { Code } from '../isa/code.ts';
import { callKind, insnClass, jumpOp, opcode } from '../isa/opcodes.ts';
import type { Block, CodeFunction } from './blocks.ts';
import { emitArithmetic, pushOperand } from './emitArithmetic.ts';
import { emitMemory, type MemoryOptions } from './emitMemory.ts';
import {
  cell,
  counterBytes,
  faultKind,
  imported,
  importedFunctions,
  joinResult,
  local,
  localOf,
  pushHalves,
  shared,
  stackTops,
} from './layout.ts';
import { emptyBlock, memoryFill, valueType, wasm, WasmWriter } from './writer.ts';

export interface FunctionOptions extends MemoryOptions {
  /** Functions inside each other, the program itself included. */
  maxFrames: number;
  /** What may_goto counts from. */
  maxLoops: number;
  /** Address of two counters for each block of this function, see counterBytes; undefined without coverage. */
  counters: number | undefined;
  /** Number of a function among the module's own, by its entry. */
  indexOf(entry: number): number;
}

const bpfTailCall = 12;

/**
 * One BPF function as a WebAssembly function: (r1 … r5, r10) → r0, with the other registers as locals. Blocks stand behind
 * each other inside as many nested `block`s, so that a jump forward is a branch out of some of them; a jump back goes to the
 * `loop` around all, which branches to the block by its number.
 */
export function emitFunction(code: Code, fn: CodeFunction, options: FunctionOptions): WasmWriter {
  return new FunctionEmitter(code, fn, options).emit();
}

class FunctionEmitter {
  private readonly code: Code;
  private readonly blocks: readonly Block[];
  private readonly entry: number;
  private readonly options: FunctionOptions;
  private readonly numbers: ReadonlyMap<number, number>;
  private readonly out = new WasmWriter();

  constructor(code: Code, { blocks, entry }: CodeFunction, options: FunctionOptions) {
    this.code = code;
    this.blocks = blocks;
    this.entry = entry;
    this.options = options;
    this.numbers = new Map(blocks.map(({ start }, index) => [start, index]));
  }

  emit(): WasmWriter {
    const { out, blocks } = this;
    out.i32(this.options.maxLoops).set(local.loops);
    out.i32(this.numberOf(this.entry)).set(local.block);
    out.op(wasm.loop, emptyBlock);
    for (let depth = 0; depth < blocks.length; depth++) out.op(wasm.block, emptyBlock);
    out
      .get(local.block)
      .op(wasm.brTable)
      .unsigned(blocks.length - 1);
    for (let number = 0; number < blocks.length; number++) out.unsigned(number);
    for (const [number, block] of blocks.entries()) {
      out.op(wasm.end);
      this.block(number, block);
    }
    out.op(wasm.end, wasm.unreachable, wasm.end);
    return withLocals(out);
  }

  private block(number: number, { start, end, insns }: Block): void {
    const { out, code, options } = this;
    out.op(wasm.globalGet).unsigned(shared.fuel).i32(insns).op(wasm.i32Sub, wasm.globalSet).unsigned(shared.fuel);
    if (options.counters !== undefined) {
      const at = options.counters + counterBytes * number;
      out.i32(0).i32(0).memory(wasm.i32Load, at).i32(1).op(wasm.i32Add).memory(wasm.i32Store, at);
    }
    for (let slot = start; slot < end; slot++) {
      const op = code.opcode[slot]!;
      const isJump = (op & 7) === insnClass.jmp || (op & 7) === insnClass.jmp32;
      if (isJump && op !== opcode.call && op !== opcode.callRegister) this.jump(number, slot);
      else this.instruction(slot);
      if (op === opcode.loadImm64) slot++;
    }
  }

  private instruction(slot: number): void {
    const { out, code, options } = this;
    const op = code.opcode[slot]!;
    switch (op & 7) {
      case insnClass.alu:
      case insnClass.alu64:
        return emitArithmetic(out, code, slot);
      case insnClass.jmp:
        return this.call(slot);
      case insnClass.ld: {
        const value = (BigInt(code.immHigh[slot]!) << 32n) | BigInt(code.imm[slot]! >>> 0);
        out.i64(value).set(localOf(code.dst[slot]!));
        return;
      }
      default:
        return emitMemory(out, code, slot, options);
    }
  }

  private call(slot: number): void {
    const { out, code } = this;
    const kind = code.src[slot];
    if (code.opcode[slot] === opcode.call && kind === callKind.local) return this.localCall(slot);
    const isRegister = code.opcode[slot] === opcode.callRegister;
    out.i32(slot);
    if (isRegister) pushHalves(out, code.dst[slot]!);
    else if (kind === callKind.helper) out.i32(code.imm[slot]!);
    for (let register = 1; register <= 5; register++) pushHalves(out, register);
    out.call(isRegister ? imported.callx : kind === callKind.helper ? imported.helper : imported.kfunc);
    joinResult(out);
    out.set(local.r0);
    if (!isRegister && code.imm[slot] !== bpfTailCall) return;
    // A tail call has run already: what it gave is what this function gives.
    out.i32(0).memory(wasm.i32Load, cell.ended).op(wasm.if, emptyBlock);
    out.i32(0).i32(0).memory(wasm.i32Store, cell.ended).get(local.r0).op(wasm.return, wasm.end);
  }

  private localCall(slot: number): void {
    const { out, code, options } = this;
    emitEnter(out, slot, options);
    for (let register = 1; register <= 5; register++) out.get(localOf(register));
    out
      .get(local.wide)
      .call(importedFunctions + options.indexOf(code.offset[slot]!))
      .set(local.r0);
    emitLeave(out);
  }

  private jump(number: number, slot: number): void {
    const { out, code } = this;
    const op = code.opcode[slot]!;
    const target = code.offset[slot]!;
    if (op === opcode.exit) {
      out.get(local.r0).op(wasm.return);
      return;
    }
    if (op === opcode.ja || op === opcode.jaLong) return this.branch(number, slot, target);
    if (op === opcode.mayGoto) {
      out.get(local.loops).i32(1).op(wasm.i32Sub).tee(local.loops).i32(0).op(wasm.i32LtS);
    } else this.condition(slot);
    this.countTaken(number);
    const forward = this.numberOf(target);
    if (forward > number) {
      out.op(wasm.brIf).unsigned(forward - number - 1);
      return;
    }
    out.op(wasm.if, emptyBlock);
    this.branch(number, slot, target, 1);
    out.op(wasm.end);
  }

  /** Adds the condition on the stack, 0 or 1, to the block's second counter, and leaves it there. */
  private countTaken(number: number): void {
    const { out, options } = this;
    if (options.counters === undefined) return;
    const at = options.counters + counterBytes * number + 4;
    out.set(local.high).get(local.high);
    // `jset` gives any number that is not 0.
    out.i32(0).i32(0).memory(wasm.i32Load, at).get(local.high).i32(0).op(wasm.i32Ne, wasm.i32Add);
    out.memory(wasm.i32Store, at);
  }

  /** Goes to a block; `nested`: blocks of the emitter's own around the branch. */
  private branch(number: number, slot: number, target: number, nested = 0): void {
    const { out, blocks } = this;
    const to = this.numberOf(target);
    if (to > number) {
      out.op(wasm.br).unsigned(to - number - 1 + nested);
      return;
    }
    // Only loops can run for ever, and every loop goes back somewhere.
    out.op(wasm.globalGet).unsigned(shared.fuel).i32(0).op(wasm.i32LtS, wasm.if, emptyBlock);
    out.i32(slot).i32(faultKind.fuel).call(imported.fault).op(wasm.end);
    out
      .i32(to)
      .set(local.block)
      .op(wasm.br)
      .unsigned(blocks.length - 1 - number + nested);
  }

  private condition(slot: number): void {
    const { out, code } = this;
    const op = code.opcode[slot]!;
    const operation = op & 0xf0;
    const target = localOf(code.dst[slot]!);
    if ((op & 7) === insnClass.jmp) {
      out.get(target);
      pushOperand(out, code, slot);
      if (operation === jumpOp.set) out.op(wasm.i64And).i64(0n).op(wasm.i64Ne);
      else out.op(compare64[operation]!);
      return;
    }
    out.get(target).op(wasm.i32WrapI64);
    pushOperand(out, code, slot);
    out.op(wasm.i32WrapI64);
    out.op(operation === jumpOp.set ? wasm.i32And : compare32[operation]!);
  }

  private numberOf(slot: number): number {
    const number = this.numbers.get(slot);
    if (number === undefined) throw new Error(`no block starts at instruction ${slot}`);
    return number;
  }
}

/** Takes the next frame, zeroed as a fresh one is, and leaves its r10 in local.wide. */
export function emitEnter(
  out: WasmWriter,
  slot: number,
  { maxFrames, stackBytes }: Pick<FunctionOptions, 'maxFrames' | 'stackBytes'>,
): void {
  out.op(wasm.globalGet).unsigned(shared.depth).i32(1).op(wasm.i32Add).tee(local.address);
  out.op(wasm.globalSet).unsigned(shared.depth);
  out.get(local.address).i32(maxFrames).op(wasm.i32GeS, wasm.if, emptyBlock);
  out.i32(slot).i32(faultKind.depth).call(imported.fault).op(wasm.end);
  out.get(local.address).i32(3).op(wasm.i32Shl).memory(wasm.i64Load, stackTops).tee(local.wide);
  out.op(wasm.i32WrapI64).i32(stackBytes).op(wasm.i32Sub).i32(0).i32(stackBytes);
  out.op(wasm.prefixed, memoryFill, 0);
}

export function emitLeave(out: WasmWriter): void {
  out.op(wasm.globalGet).unsigned(shared.depth).i32(1).op(wasm.i32Sub, wasm.globalSet).unsigned(shared.depth);
}

/** The locals behind the parameters: see `local` in layout.ts. */
function withLocals(body: WasmWriter): WasmWriter {
  const groups = [
    [7, valueType.i64],
    [4, valueType.i32],
  ] as const;
  const out = new WasmWriter().unsigned(groups.length);
  for (const [count, type] of groups) out.unsigned(count).byte(type);
  return out.append(body);
}

const compare64: Readonly<Record<number, number>> = {
  [jumpOp.eq]: wasm.i64Eq,
  [jumpOp.ne]: wasm.i64Ne,
  [jumpOp.gt]: wasm.i64GtU,
  [jumpOp.ge]: wasm.i64GeU,
  [jumpOp.lt]: wasm.i64LtU,
  [jumpOp.le]: wasm.i64LeU,
  [jumpOp.sgt]: wasm.i64GtS,
  [jumpOp.sge]: wasm.i64GeS,
  [jumpOp.slt]: wasm.i64LtS,
  [jumpOp.sle]: wasm.i64LeS,
};
const compare32: Readonly<Record<number, number>> = {
  [jumpOp.eq]: wasm.i32Eq,
  [jumpOp.ne]: wasm.i32Ne,
  [jumpOp.gt]: wasm.i32GtU,
  [jumpOp.ge]: wasm.i32GeU,
  [jumpOp.lt]: wasm.i32LtU,
  [jumpOp.le]: wasm.i32LeU,
  [jumpOp.sgt]: wasm.i32GtS,
  [jumpOp.sge]: wasm.i32GeS,
  [jumpOp.slt]: wasm.i32LtS,
  [jumpOp.sle]: wasm.i32LeS,
};
