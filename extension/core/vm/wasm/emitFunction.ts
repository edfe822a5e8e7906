import type { Code } from '../isa/code.ts';
import { callKind, insnClass, jumpOp, opcode } from '../isa/opcodes.ts';
import { tag } from '../memory/regions.ts';
import { type Block, type CodeFunction, successorsOf } from './blocks.ts';
import { Control, emitFault } from './control.ts';
import { emitArithmetic, pushOperand } from './emitArithmetic.ts';
import { emitMemory, type MemoryOptions } from './emitMemory.ts';
import { layOut } from './flow.ts';
import { follow, type FunctionHints } from './hints.ts';
import {
  cell,
  common,
  counterBytes,
  faultKind,
  imported,
  firstFunction,
  joinResult,
  local,
  localOf,
  narrowLocals,
  pushHalves,
  restoreFuel,
  saveFuel,
  stackTops,
  wideLocals,
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

/** Helpers that run other code of the program, which needs what is left of the fuel: bpf_tail_call, bpf_for_each_map_elem, bpf_loop. */
const callingHelpers = new Set([12, 164, 181]);
const processorId = 8;
const bpfTailCall = 12;
/** Larger stacks are zeroed by an instruction that costs a call. */
const maxUnrolledBytes = 512;

/** One BPF function as a WebAssembly function: (r1 … r5, r10) → r0, with the other registers as locals. */
export function emitFunction(code: Code, fn: CodeFunction, hints: FunctionHints, options: FunctionOptions): WasmWriter {
  return new FunctionEmitter(code, fn, hints, options).emit();
}

class FunctionEmitter {
  private readonly code: Code;
  private readonly blocks: readonly Block[];
  private readonly hints: FunctionHints;
  private readonly options: FunctionOptions;
  private readonly numbers: ReadonlyMap<number, number>;
  private readonly control: Control;
  private readonly out = new WasmWriter();
  /** Hints of the registers before the instruction that is emitted. */
  private readonly state = new Int32Array(11);

  constructor(code: Code, { blocks, entry }: CodeFunction, hints: FunctionHints, options: FunctionOptions) {
    this.code = code;
    this.blocks = blocks;
    this.hints = hints;
    this.options = options;
    this.numbers = new Map(blocks.map(({ start }, index) => [start, index]));
    const successors = blocks.map((block) => successorsOf(code, lastSlot(code, block)).map((to) => this.numberOf(to)));
    const first = this.numberOf(entry);
    restoreFuel(this.out);
    // Callbacks and calls of calls can go on for ever without any loop of the program's own.
    this.out.get(local.fuel).i32(0).op(wasm.i32LtS, wasm.if, emptyBlock);
    emitFault(this.out, entry, faultKind.fuel);
    this.out.op(wasm.end);
    if (usesLoops(code, blocks)) this.out.i32(options.maxLoops).set(local.loops);
    emitFreshStack(this.out, options.stackBytes);
    this.control = new Control(this.out, blocks.length, first, layOut(blocks, successors, first));
  }

  emit(): WasmWriter {
    const { control, blocks } = this;
    for (const [at, number] of control.order.entries()) {
      control.begin(at);
      this.block(number, blocks[number]!);
    }
    control.end();
    return withLocals(this.out);
  }

  private block(number: number, block: Block): void {
    const { out, code, options, state, hints } = this;
    out.get(local.fuel).i32(block.insns).op(wasm.i32Sub).set(local.fuel);
    if (options.counters !== undefined) {
      const at = options.counters + counterBytes * number;
      out.i32(0).i32(0).memory(wasm.i32Load, at).i32(1).op(wasm.i32Add).memory(wasm.i32Store, at);
    }
    state.set(hints.entry.subarray(11 * number, 11 * (number + 1)));
    const last = lastSlot(code, block);
    for (let slot = block.start; slot < block.end; slot += code.opcode[slot] === opcode.loadImm64 ? 2 : 1) {
      const op = code.opcode[slot]!;
      const isJump = (op & 7) === insnClass.jmp || (op & 7) === insnClass.jmp32;
      if (isJump && op !== opcode.call && op !== opcode.callRegister) this.jump(number, slot);
      else {
        this.instruction(slot);
        if (slot === last) this.control.goTo(number, this.numberOf(block.end), slot);
      }
      follow(state, code, slot, hints.slots);
    }
  }

  private instruction(slot: number): void {
    const { out, code, options, state } = this;
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
        return emitMemory(out, code, slot, state, options);
    }
  }

  private call(slot: number): void {
    const { out, code } = this;
    const kind = code.src[slot];
    if (code.opcode[slot] === opcode.call && kind === callKind.local) return this.localCall(slot);
    const isRegister = code.opcode[slot] === opcode.callRegister;
    const id = code.imm[slot]!;
    if (!isRegister && kind === callKind.helper && id === processorId) {
      out.i32(0).memory(wasm.i64Load32U, cell.cpu).set(local.r0);
      return;
    }
    const isHelper = !isRegister && kind === callKind.helper;
    if (isHelper) {
      out.i32(slot).i32(id);
      for (let register = 1; register <= 5; register++) out.get(localOf(register));
      out.get(local.fuel).call(common.helper);
    } else {
      saveFuel(out);
      out.i32(slot);
      if (isRegister) pushHalves(out, code.dst[slot]!);
      for (let register = 1; register <= 5; register++) pushHalves(out, register);
      out.call(isRegister ? imported.callx : imported.kfunc);
      joinResult(out);
    }
    out.set(local.r0);
    if (isHelper && !callingHelpers.has(id)) return;
    restoreFuel(out);
    if (!isRegister && (!isHelper || id !== bpfTailCall)) return;
    // A tail call has run already: what it gave is what this function gives.
    out.i32(0).memory(wasm.i32Load, cell.ended).op(wasm.if, emptyBlock);
    out.i32(0).i32(0).memory(wasm.i32Store, cell.ended).get(local.r0).op(wasm.return, wasm.end);
  }

  private localCall(slot: number): void {
    const { out, code, options } = this;
    saveFuel(out);
    emitEnter(out, slot, options);
    for (let register = 1; register <= 5; register++) out.get(localOf(register));
    out
      .get(local.wide)
      .call(firstFunction + options.indexOf(code.offset[slot]!))
      .set(local.r0);
    emitLeave(out);
    restoreFuel(out);
  }

  private jump(number: number, slot: number): void {
    const { out, code, control } = this;
    const op = code.opcode[slot]!;
    if (op === opcode.exit) {
      saveFuel(out);
      out.get(local.r0).op(wasm.return);
      return;
    }
    if (op === opcode.jaRegister) return this.jumpByTable(number, slot);
    const target = this.numberOf(code.offset[slot]!);
    if (op === opcode.ja || op === opcode.jaLong) return control.goTo(number, target, slot);
    if (op === opcode.mayGoto) {
      out.get(local.loops).i32(1).op(wasm.i32Sub).tee(local.loops).i32(0).op(wasm.i32LtS);
    } else this.condition(slot);
    this.countTaken(number);
    const next = this.numberOf(slot + 1);
    if (!control.isNext(number, target)) {
      this.goToIf(number, target, slot);
      control.goTo(number, next, slot);
    } else if (next === target) out.op(wasm.drop);
    else {
      // What is jumped to follows, so that what follows in BPF is jumped to.
      out.op(wasm.i32Eqz);
      this.goToIf(number, next, slot);
    }
  }

  private goToIf(number: number, target: number, slot: number): void {
    const { out, control } = this;
    if (!control.isBackward(number, target)) return control.goToIf(target);
    out.op(wasm.if, emptyBlock);
    control.goTo(number, target, slot, 1);
    out.op(wasm.end);
  }

  /** `gotox`: the register must point to one of the instructions that the program's jump tables hold. */
  private jumpByTable(number: number, slot: number): void {
    const { out, code, control } = this;
    const points = (target: number): WasmWriter =>
      out
        .get(localOf(code.dst[slot]!))
        .i64((BigInt(tag.code) << 32n) | BigInt(target))
        .op(wasm.i64Eq);
    const next = code.jumpTargets.find((target) => control.isNext(number, this.numberOf(target)));
    for (const target of code.jumpTargets) {
      if (target === next) continue;
      points(target);
      this.goToIf(number, this.numberOf(target), slot);
    }
    if (next === undefined) return emitFault(out, slot, faultKind.jump);
    points(next).op(wasm.i32Eqz, wasm.if, emptyBlock);
    emitFault(out, slot, faultKind.jump);
    out.op(wasm.end);
  }

  /** Adds the condition on the stack, 0 or 1, to the block's second counter, and leaves it there. */
  private countTaken(number: number): void {
    const { out, options } = this;
    if (options.counters === undefined) return;
    const at = options.counters + counterBytes * number + 4;
    out.set(local.flag).get(local.flag);
    // `jset` gives any number that is not 0.
    out.i32(0).i32(0).memory(wasm.i32Load, at).get(local.flag).i32(0).op(wasm.i32Ne, wasm.i32Add);
    out.memory(wasm.i32Store, at);
  }

  private condition(slot: number): void {
    const { out, code } = this;
    const op = code.opcode[slot]!;
    const operation = op & 0xf0;
    const target = localOf(code.dst[slot]!);
    if ((op & 7) === insnClass.jmp) {
      out.get(target);
      pushOperand(out, code, slot);
      if (operation === jumpOp.set) out.op(wasm.i64And).i64(0).op(wasm.i64Ne);
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

function lastSlot(code: Code, { start, end }: Block): number {
  return end - start > 1 && code.opcode[end - 2] === opcode.loadImm64 && code.opcode[end - 1] === 0 ? end - 2 : end - 1;
}

function usesLoops(code: Code, blocks: readonly Block[]): boolean {
  return blocks.some((block) => code.opcode[lastSlot(code, block)] === opcode.mayGoto);
}

/** Takes the next frame and leaves its r10 in local.wide. */
export function emitEnter(out: WasmWriter, slot: number, { maxFrames }: Pick<FunctionOptions, 'maxFrames'>): void {
  out.i32(0).i32(0).memory(wasm.i32Load, cell.depth).i32(1).op(wasm.i32Add).tee(local.address);
  out.memory(wasm.i32Store, cell.depth);
  out.get(local.address).i32(maxFrames).op(wasm.i32GeS, wasm.if, emptyBlock);
  out.i32(slot).i32(faultKind.depth).call(imported.fault).op(wasm.unreachable, wasm.end);
  out.get(local.address).i32(3).op(wasm.i32Shl).memory(wasm.i64Load, stackTops).set(local.wide);
}

export function emitLeave(out: WasmWriter): void {
  out.i32(0).i32(0).memory(wasm.i32Load, cell.depth).i32(1).op(wasm.i32Sub).memory(wasm.i32Store, cell.depth);
}

/** A stack begins as zeros, so that runs are repeatable. */
function emitFreshStack(out: WasmWriter, stackBytes: number): void {
  out.get(local.r10).op(wasm.i32WrapI64).i32(stackBytes).op(wasm.i32Sub).set(local.stack);
  if (stackBytes > maxUnrolledBytes || stackBytes % 8 !== 0) {
    out.get(local.stack).i32(0).i32(stackBytes).op(wasm.prefixed, memoryFill, 0);
    return;
  }
  const known = zeroings.get(stackBytes);
  if (known !== undefined) {
    out.append(known);
    return;
  }
  const zeroing = new WasmWriter();
  for (let at = 0; at < stackBytes; at += 8) zeroing.get(local.stack).i64(0).memory(wasm.i64Store, at);
  zeroings.set(stackBytes, zeroing);
  out.append(zeroing);
}

/** The same bytes in every function, by size of the stack. */
const zeroings = new Map<number, WasmWriter>();

/** The locals behind the parameters: see `local` in layout.ts. */
function withLocals(body: WasmWriter): WasmWriter {
  const groups = [
    [wideLocals, valueType.i64],
    [narrowLocals, valueType.i32],
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
