import { type Code, emptyCode } from '../isa/code.ts';
import { framePointer } from '../isa/opcodes.ts';
import type { Memory } from '../memory/memory.ts';
import { Fault, right } from '../memory/regions.ts';

/** MAX_CALL_FRAMES of include/linux/bpf_verifier.h, the program itself included. */
export const kernelFrames = 8;
/** MAX_BPF_STACK of include/linux/filter.h. */
export const kernelStackBytes = 512;
/** BPF_MAX_LOOPS of include/linux/bpf.h: the count that may_goto starts from in each frame. */
export const maxLoops = 8 * 1024 * 1024;

const firstSaved = 6;
const savedRegisters = 4;

/** A helper that calls back into the program, one call at a time, so that the machine can stop anywhere. */
export interface Iteration {
  /** The helper's name. */
  readonly name: string;
  /** Sets r1 to r5 and returns true to call (again); or sets r0 and returns false. r0 holds what the last call returned. */
  next(cpu: Cpu): boolean;
}

interface SavedFrame {
  code: Code;
  returnSlot: number;
  callback: number;
  iteration: Iteration | undefined;
  loopsLeft: number;
}

/** One function of the call stack, as a debugger sees it. */
export interface CpuFrame {
  code: Code;
  /** Of the next instruction; in callers, the one after the call. */
  slot: number;
  /** The helper that calls this function back. */
  callbackOf: string | undefined;
  /** Region of its stack. */
  stack: number;
  /** Halves of a register; undefined for those that a call leaves without a meaning. */
  register(number: number): { low: number; high: number } | undefined;
}

export interface CpuOptions {
  /** Bytes of each function's stack; 512 as in the kernel. */
  stackBytes?: number;
  maxFrames?: number;
}

/**
 * Registers and call stack of a running program. Registers are two 32-bit halves each. Deterministic: the same program,
 * memory and inputs give the same run, so that going back is running again.
 */
export class Cpu {
  readonly lo = new Int32Array(framePointer + 1);
  readonly hi = new Int32Array(framePointer + 1);
  code: Code = emptyCode(0);
  /** Slot of the next instruction. */
  slot = 0;
  /** Instructions executed since start(). */
  executed = 0;
  tailCalls = 0;
  /** may_goto of the running frame. */
  loopsLeft = maxLoops;
  private depth = 0;
  private readonly frames: SavedFrame[] = [];
  private readonly savedLo: Int32Array;
  private readonly savedHi: Int32Array;
  private readonly stacks: number[] = [];
  private readonly memory: Memory;
  private readonly stackBytes: number;
  private readonly maxFrames: number;

  constructor(memory: Memory, options: CpuOptions = {}) {
    this.memory = memory;
    this.stackBytes = options.stackBytes ?? kernelStackBytes;
    this.maxFrames = options.maxFrames ?? kernelFrames;
    this.savedLo = new Int32Array(this.maxFrames * savedRegisters);
    this.savedHi = new Int32Array(this.maxFrames * savedRegisters);
  }

  /** Frames below the running one. */
  get callDepth(): number {
    return this.depth;
  }

  /** The functions that run, innermost first. */
  callStack(): CpuFrame[] {
    const { lo, hi, depth } = this;
    const current: CpuFrame = {
      code: this.code,
      slot: this.slot,
      callbackOf: depth > 0 ? this.frames[depth - 1]!.iteration?.name : undefined,
      stack: this.stacks[depth] ?? 0,
      register: (number) => ({ low: lo[number]!, high: hi[number]! }),
    };
    const stack = [current];
    for (let level = depth - 1; level >= 0; level--) {
      const { code, returnSlot } = this.frames[level]!;
      const callbackOf = level > 0 ? this.frames[level - 1]!.iteration?.name : undefined;
      const region = this.stacks[level]!;
      stack.push({
        code,
        slot: returnSlot,
        callbackOf,
        stack: region,
        register: (number) => this.savedRegister(level, region, number),
      });
    }
    return stack;
  }

  private savedRegister(level: number, stack: number, number: number): { low: number; high: number } | undefined {
    if (number === framePointer) return { low: this.memory.ends[stack]!, high: stack };
    if (number < firstSaved) return undefined;
    const saved = level * savedRegisters + number - firstSaved;
    return { low: this.savedLo[saved]!, high: this.savedHi[saved]! };
  }

  start(code: Code): void {
    this.lo.fill(0);
    this.hi.fill(0);
    this.code = code;
    this.slot = 0;
    this.executed = 0;
    this.tailCalls = 0;
    this.depth = 0;
    this.loopsLeft = maxLoops;
    this.useStack();
  }

  setPointer(register: number, high: number, low: number): void {
    this.hi[register] = high;
    this.lo[register] = low;
  }

  /** A tail call: other code in the running frame, which counts its own may_goto. */
  replace(code: Code): void {
    this.code = code;
    this.slot = 0;
    this.loopsLeft = maxLoops;
  }

  /** A local call: the callee gets its own stack, r6 to r9 are kept. */
  call(target: number): void {
    this.push(undefined, target);
    this.slot = target;
  }

  /** A helper's calls back. `slot` must already be the instruction after the helper call. */
  iterate(callback: number, iteration: Iteration): void {
    if (!iteration.next(this)) return;
    this.push(iteration, callback);
    this.slot = callback;
  }

  /** `exit`: true when the program itself ended. */
  leave(): boolean {
    if (this.depth === 0) return true;
    const frame = this.frames[this.depth - 1]!;
    if (frame.iteration?.next(this)) {
      this.slot = frame.callback;
      this.restoreSaved();
      this.loopsLeft = maxLoops;
      this.clearStack();
      return false;
    }
    this.restoreSaved();
    this.depth--;
    this.code = frame.code;
    this.slot = frame.returnSlot;
    this.loopsLeft = frame.loopsLeft;
    this.useStack(false);
    return false;
  }

  private push(iteration: Iteration | undefined, callback: number): void {
    if (this.depth + 1 >= this.maxFrames) {
      throw new Fault('depth', `the call stack is deeper than ${this.maxFrames} functions`);
    }
    const { code, slot, loopsLeft } = this;
    const saved = this.depth * savedRegisters;
    for (let i = 0; i < savedRegisters; i++) {
      this.savedLo[saved + i] = this.lo[firstSaved + i]!;
      this.savedHi[saved + i] = this.hi[firstSaved + i]!;
    }
    const frame = this.frames[this.depth];
    if (frame === undefined) this.frames.push({ code, returnSlot: slot, callback, iteration, loopsLeft });
    else Object.assign(frame, { code, returnSlot: slot, callback, iteration, loopsLeft });
    this.depth++;
    this.loopsLeft = maxLoops;
    this.useStack();
  }

  private restoreSaved(): void {
    const saved = (this.depth - 1) * savedRegisters;
    for (let i = 0; i < savedRegisters; i++) {
      this.lo[firstSaved + i] = this.savedLo[saved + i]!;
      this.hi[firstSaved + i] = this.savedHi[saved + i]!;
    }
  }

  /** Points r10 to the stack of the running frame. A new one starts as zeros, so that runs are repeatable. */
  private useStack(fresh = true): void {
    let region = this.stacks[this.depth];
    if (region === undefined) {
      region = this.addStack();
    } else if (fresh) {
      this.clearStack();
    }
    this.hi[framePointer] = region;
    this.lo[framePointer] = this.memory.ends[region]!;
  }

  /** Regions of the stacks of all frames that there may be. */
  allStacks(): readonly number[] {
    while (this.stacks.length < this.maxFrames) this.addStack();
    return this.stacks;
  }

  private addStack(): number {
    const depth = this.stacks.length;
    const name = depth === 0 ? 'the program' : `call ${depth}`;
    const region = this.memory.allocateRegion(this.stackBytes, right.both, { kind: 'stack', name });
    this.stacks.push(region);
    return region;
  }

  protected clearStack(): void {
    const region = this.stacks[this.depth]!;
    this.memory.bytes.fill(0, this.memory.starts[region]!, this.memory.ends[region]!);
  }
}
