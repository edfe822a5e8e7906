import { Cpu, type CpuOptions, type Iteration, maxLoops } from '../engine/cpu.ts';
import type { Outside } from '../engine/interpreter.ts';
import type { Code } from '../isa/code.ts';
import { opcode } from '../isa/opcodes.ts';
import { defaultMemoryLimit, type Memory, type MemoryBacking } from '../memory/memory.ts';
import { Fault, right, tag } from '../memory/regions.ts';
import { type Block, type CodeFunction, functionsOfCode } from './blocks.ts';
import { compileCode, type CompileOptions, isCompilable } from './compile.ts';
import { cell, counterBytes, faultKind, maxDepth, regionEntry, stackTops } from './layout.ts';
import { wasmPage, webAssembly, type WasmGlobal, type WasmMemory } from './webAssembly.ts';

/** How often each block of a program ran, over all runs. */
export interface BlockCount extends Block {
  count: number;
  /** How often the conditional jump at its end was taken; 0 where there is none. */
  taken: number;
}

type Call = (...halves: number[]) => number;

interface Loaded {
  calls: Call[];
  functions: readonly CodeFunction[];
  counters: number | undefined;
}

/** Memory that compiled programs share with the machine. */
export class WasmBacking implements MemoryBacking {
  readonly memory: WasmMemory;

  constructor(initialBytes: number, limit: number = defaultMemoryLimit) {
    const pages = (bytes: number): number => Math.ceil(bytes / wasmPage);
    this.memory = new (webAssembly().Memory)({ initial: pages(initialBytes), maximum: pages(limit) + 1 });
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  grow(size: number): Uint8Array {
    const missing = size - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / wasmPage));
    return this.bytes;
  }
}

/** Registers for compiled programs: they keep their own, and only helpers see these. Callbacks run at once. */
export class WasmCpu extends Cpu {
  /** Calls a function of the running program with r1 to r5; its result becomes r0. */
  callBack: (entry: number) => void = () => undefined;

  override iterate(callback: number, iteration: Iteration): void {
    const { slot } = this;
    while (iteration.next(this)) this.callBack(callback);
    this.slot = slot;
  }
}

export interface WasmEngineOptions {
  memory: Memory;
  backing: WasmBacking;
  cpu: WasmCpu;
  outside: Outside;
  limits: Required<CpuOptions>;
  /** Counts how often each block runs. */
  coverage: boolean;
}

/** Runs programs that were compiled to WebAssembly: the interpreter's semantics, and its words when something goes wrong. */
export class WasmEngine {
  private readonly options: WasmEngineOptions;
  private readonly loaded = new Map<Code, Loaded>();
  private readonly depth: WasmGlobal;
  private readonly fuel: WasmGlobal;
  private readonly regions: WasmGlobal;
  private readonly regionCount: WasmGlobal;
  private fuelLimit = 0;

  constructor(options: WasmEngineOptions) {
    this.options = options;
    const { Global } = webAssembly();
    const global = (): WasmGlobal => new Global({ value: 'i32', mutable: true }, 0);
    this.depth = global();
    this.fuel = global();
    this.regions = global();
    this.regionCount = global();
    const { memory, cpu, limits } = options;
    if (limits.maxFrames > maxDepth) throw new Error(`more than ${maxDepth} frames do not fit`);
    for (const [depth, region] of cpu.allStacks().entries()) {
      memory.view.setInt32(stackTops + 8 * depth, memory.ends[region]!, true);
      memory.view.setInt32(stackTops + 8 * depth + 4, region, true);
    }
    this.mirrorRegions(1024);
    memory.onPlace = (number) => this.mirror(number);
    cpu.callBack = (entry) => {
      const { code } = cpu;
      this.callInto(code, entry);
      cpu.code = code;
    };
  }

  /** What cannot be compiled is the interpreter's. */
  canRun(code: Code): boolean {
    return this.loaded.has(code) || isCompilable(code);
  }

  /** Runs the program that cpu.start() started. Throws Fault; cpu.slot is where. */
  run(fuel: number): void {
    const { cpu } = this.options;
    this.fuelLimit = fuel;
    this.fuel.value = fuel;
    this.depth.value = -1;
    try {
      this.callInto(cpu.code, 0);
      cpu.executed = fuel - this.fuel.value;
    } catch (error) {
      cpu.executed = fuel - this.fuel.value - this.leftOut();
      throw error;
    }
  }

  /** Instructions of the block at fault that did not run: blocks are paid for when they begin. */
  private leftOut(): number {
    const { cpu } = this.options;
    const { code, slot } = cpu;
    const blocks = this.loaded.get(code)?.functions.flatMap((fn) => fn.blocks) ?? [];
    const block = blocks.find(({ start, end }) => slot >= start && slot < end);
    if (block === undefined) return 0;
    let left = 0;
    for (let at = slot; at < block.end; at += code.opcode[at] === opcode.loadImm64 ? 2 : 1) left++;
    // The one at fault was begun.
    return left - 1;
  }

  /** What ran of a program, function by function; empty for one that never ran, or without coverage. */
  blockCounts(code: Code): BlockCount[] {
    const { functions = [], counters } = this.loaded.get(code) ?? {};
    if (counters === undefined) return [];
    const { view } = this.options.memory;
    return functions
      .flatMap(({ blocks }) => blocks)
      .map((block, index) => ({
        ...block,
        count: view.getUint32(counters + counterBytes * index, true),
        taken: view.getUint32(counters + counterBytes * index + 4, true),
      }));
  }

  /** Registers r1 to r5 from the cpu, r0 to it. */
  private callInto(code: Code, entry: number): void {
    const { cpu, memory } = this.options;
    const { lo, hi } = cpu;
    const { calls, functions } = this.load(code);
    const call = calls[functions.findIndex((fn) => fn.entry === entry)];
    if (call === undefined) throw new Fault('instruction', `there is no function at instruction ${entry}`);
    const low = call(lo[1]!, hi[1]!, lo[2]!, hi[2]!, lo[3]!, hi[3]!, lo[4]!, hi[4]!, lo[5]!, hi[5]!);
    lo[0] = low;
    hi[0] = memory.view.getInt32(cell.high, true);
  }

  private load(code: Code): Loaded {
    const known = this.loaded.get(code);
    if (known !== undefined) return known;
    const { memory, limits, coverage, backing } = this.options;
    const functions = functionsOfCode(code);
    const blocks = functions.reduce((sum, fn) => sum + fn.blocks.length, 0);
    const counters = coverage ? memory.allocate(counterBytes * blocks, () => 0) : undefined;
    const module = moduleOf(code, { ...limits, maxLoops, counters }, functions);
    const { Instance } = webAssembly();
    const { depth, fuel, regions, regionCount } = this;
    const imports = { ...this.importsFor(code), depth, fuel, regions, regionCount, memory: backing.memory };
    const { exports } = new Instance(module, { m: imports });
    const calls = functions.map((_, index) => exports[`call${index}`] as Call);
    const loaded = { calls, functions, counters };
    this.loaded.set(code, loaded);
    return loaded;
  }

  private importsFor(code: Code): Record<string, unknown> {
    const { cpu, outside, memory } = this.options;
    const { lo, hi } = cpu;
    const given = (halves: readonly number[]): void => {
      for (let register = 1; register <= 5; register++) {
        lo[register] = halves[2 * register - 2]!;
        hi[register] = halves[2 * register - 1]!;
      }
    };
    /** Runs something of the machine for the instruction at `slot`; after a fault that is where the program stands. */
    const at = (slot: number, action: () => void): number => {
      cpu.code = code;
      cpu.slot = slot + 1;
      try {
        action();
      } catch (error) {
        if (cpu.code === code && cpu.slot === slot + 1) cpu.slot = slot;
        throw error;
      }
      if (cpu.code !== code || cpu.slot !== slot + 1) this.tailCall(code);
      memory.view.setInt32(cell.high, hi[0]!, true);
      return lo[0]!;
    };
    return {
      helper: (slot: number, id: number, ...halves: number[]) => {
        given(halves);
        return at(slot, () => outside.helper(cpu, id));
      },
      kfunc: (slot: number, ...halves: number[]) => {
        given(halves);
        return at(slot, () => outside.kfunc(cpu, slot));
      },
      callx: (slot: number, low: number, high: number, ...halves: number[]) => {
        given(halves);
        return at(slot, () => {
          if (high === 0) outside.helper(cpu, low);
          else if (high === tag.code && isInstruction(code, low)) this.callInto(code, low);
          else throw new Fault('instruction', `r${code.dst[slot]!} holds no function that could be called`);
        });
      },
      slow: (slot: number, high: number, low: number, offset: number, sizeAndNeed: number) => {
        cpu.code = code;
        cpu.slot = slot;
        return memory.address(high, low, offset, sizeAndNeed & 0xff, sizeAndNeed >> 8);
      },
      context: (slot: number, offset: number) => {
        cpu.code = code;
        cpu.slot = slot;
        outside.loadContext(cpu, 0, offset, code.opcode[slot]!);
        memory.view.setInt32(cell.high, hi[0]!, true);
        return lo[0]!;
      },
      fault: (slot: number, kind: number) => {
        cpu.code = code;
        cpu.slot = slot;
        if (kind === faultKind.fuel) {
          throw new Fault('fuel', `the program did not end after ${this.fuelLimit} instructions`);
        }
        throw new Fault('depth', `the call stack is deeper than ${this.options.limits.maxFrames} functions`);
      },
    };
  }

  /** The helper has put another program in this one's place: it runs in the same frame, and its result is the frame's. */
  private tailCall(caller: Code): void {
    const { cpu, memory } = this.options;
    this.depth.value--;
    this.callInto(cpu.code, 0);
    this.depth.value++;
    cpu.code = caller;
    memory.view.setInt32(cell.ended, 1, true);
  }

  /** Compiled code checks accesses against a table in its own memory: a copy of the machine's. */
  private mirrorRegions(capacity: number): void {
    const { memory } = this.options;
    this.regions.value = memory.allocate(capacity * regionEntry, () => 0);
    this.regionCount.value = capacity;
    for (let number = 0; number < memory.regionCount; number++) this.mirror(number);
  }

  private mirror(number: number): void {
    const { memory } = this.options;
    if (number >= this.regionCount.value) return this.mirrorRegions(this.regionCount.value * 2);
    const at = this.regions.value + number * regionEntry;
    const { view } = memory;
    const rights = memory.rights[number]!;
    const end = memory.ends[number]!;
    view.setInt32(at, memory.starts[number]!, true);
    view.setInt32(at + 4, (rights & right.read) !== 0 ? end : 0, true);
    view.setInt32(at + 8, (rights & right.write) !== 0 ? end : 0, true);
  }
}

interface CompiledModule {
  code: Code;
  options: CompileOptions;
  module: object;
}

/**
 * Modules by the instructions that machines of one object share. Fresh machines put their maps in the same places, so that a
 * program is compiled once for all of them.
 */
const compiledModules = new WeakMap<Uint8Array, CompiledModule>();

function moduleOf(code: Code, options: CompileOptions, functions: readonly CodeFunction[]): object {
  const known = compiledModules.get(code.opcode);
  if (known !== undefined && sameNumbers(known.code.imm, code.imm) && sameNumbers(known.code.immHigh, code.immHigh)) {
    if (JSON.stringify(known.options) === JSON.stringify(options)) return known.module;
  }
  const { Module } = webAssembly();
  const module = new Module(compileCode(code, options, functions).module);
  compiledModules.set(code.opcode, { code, options, module });
  return module;
}

function sameNumbers(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

function isInstruction(code: Code, slot: number): boolean {
  return slot >= 0 && slot < code.length && (code.opcode[slot] !== 0 || code.opcode[slot - 1] !== opcode.loadImm64);
}
