import { Cpu, type CpuOptions, type Iteration, maxLoops } from '../engine/cpu.ts';
import { interpret, loadThrough, noJumpTarget, type Outside } from '../engine/interpreter.ts';
import type { Code } from '../isa/code.ts';
import { opcode } from '../isa/opcodes.ts';
import { defaultMemoryLimit, type Memory, type MemoryBacking } from '../memory/memory.ts';
import { Fault, tag } from '../memory/regions.ts';
import { type Block, type CodeFunction, functionsOfCode } from './blocks.ts';
import { compileCode, type CompileOptions, maxCompiledSlots } from './compile.ts';
import { CountedInterpreter } from './countedInterpreter.ts';
import { cell, counterBytes, faultKind, maxDepth, stackTops } from './layout.ts';
import { RegionTable } from './regionTable.ts';
import { wasmPage, webAssembly, type WasmMemory } from './webAssembly.ts';

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
  /** Is what runs compiled? If not, this is a processor as any other. */
  runsCompiled = true;
  /** Calls a function of the running program with r1 to r5; its result becomes r0. */
  callBack: (entry: number) => void = () => undefined;

  /** Compiled functions clear theirs. */
  protected override clearStack(): void {
    if (!this.runsCompiled) super.clearStack();
  }

  override iterate(callback: number, iteration: Iteration): void {
    if (!this.runsCompiled) return super.iterate(callback, iteration);
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
  private readonly regions: RegionTable;
  private readonly interpreted: CountedInterpreter;
  private fuelLimit = 0;

  constructor(options: WasmEngineOptions) {
    this.options = options;
    const { memory, cpu, limits } = options;
    if (limits.maxFrames > maxDepth) throw new Error(`more than ${maxDepth} frames do not fit`);
    for (const [depth, region] of cpu.allStacks().entries()) {
      memory.view.setInt32(stackTops + 8 * depth, memory.ends[region]!, true);
      memory.view.setInt32(stackTops + 8 * depth + 4, region, true);
    }
    this.regions = new RegionTable(memory, options.outside);
    this.interpreted = new CountedInterpreter(cpu, options.outside, functionsOf);
    cpu.callBack = (entry) => {
      const { code } = cpu;
      this.callInto(code, entry);
      cpu.code = code;
    };
  }

  /** Chooses how a program will run; before cpu.start(). */
  prepare(code: Code): void {
    this.options.cpu.runsCompiled = code.length <= maxCompiledSlots;
  }

  /** Runs the program that cpu.start() started. Throws Fault; cpu.slot is where. */
  run(fuel: number): void {
    const { cpu, outside, memory, coverage } = this.options;
    if (!cpu.runsCompiled) {
      const ended = coverage ? this.interpreted.run(fuel) : interpret(cpu, outside, fuel);
      if (!ended) throw new Fault('fuel', `the program did not end after ${fuel} instructions`);
      return;
    }
    this.fuelLimit = fuel;
    memory.view.setInt32(cell.fuel, fuel, true);
    memory.view.setInt32(cell.depth, -1, true);
    memory.view.setInt32(cell.cpu, outside.processor, true);
    this.regions.placeContext();
    this.regions.isRunning = true;
    try {
      this.callInto(cpu.code, cpu.slot);
      cpu.executed = fuel - memory.view.getInt32(cell.fuel, true);
    } catch (error) {
      cpu.executed = fuel - memory.view.getInt32(cell.fuel, true) - this.leftOut();
      throw error;
    } finally {
      this.regions.isRunning = false;
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
    const interpreted = this.interpreted.counts(code);
    const { view } = this.options.memory;
    const blocks = interpreted?.blocks ?? (counters === undefined ? [] : functions.flatMap((fn) => fn.blocks));
    const compiled = (index: number, field: number): number =>
      counters === undefined ? 0 : view.getUint32(counters + counterBytes * index + field, true);
    return blocks.map((block, index) => ({
      ...block,
      count: compiled(index, 0) + (interpreted?.begun[index] ?? 0),
      taken: compiled(index, 4) + (interpreted?.taken[index] ?? 0),
    }));
  }

  /**
   * The counters themselves, two for each block: how often it began, how often the jump at its end was taken. Whoever runs
   * many packets reads and clears them in place. The view holds until the memory grows.
   */
  counters(code: Code): { blocks: readonly Block[]; counts: Uint32Array } | undefined {
    const { functions = [], counters } = this.loaded.get(code) ?? {};
    if (counters === undefined) return undefined;
    const blocks = functions.flatMap((fn) => fn.blocks);
    const { buffer } = this.options.memory.bytes;
    return { blocks, counts: new Uint32Array(buffer, counters, (blocks.length * counterBytes) / 4) };
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
    const functions = functionsOf(code);
    const blocks = functions.reduce((sum, fn) => sum + fn.blocks.length, 0);
    const counters = coverage ? memory.allocate(counterBytes * blocks, () => 0) : undefined;
    const module = moduleOf(code, { ...limits, maxLoops, counters }, functions);
    const { Instance } = webAssembly();
    const imports = { ...this.importsFor(code), memory: backing.memory };
    const { exports } = new Instance(module, { m: imports });
    const calls = functions.map((_, index) => exports[`call${index}`] as Call);
    const loaded = { calls, functions, counters };
    this.loaded.set(code, loaded);
    return loaded;
  }

  /** What compiled code calls: layout.ts, `imported`. Arguments r1 to r5 come as halves, since 64-bit numbers would be BigInts. */
  private importsFor(code: Code): Record<string, unknown> {
    const { cpu, outside, memory } = this.options;
    const { lo, hi } = cpu;
    type Halves = [
      l1: number,
      h1: number,
      l2: number,
      h2: number,
      l3: number,
      h3: number,
      l4: number,
      h4: number,
      l5: number,
      h5: number,
    ];
    const begin = (
      slot: number,
      l1: number,
      h1: number,
      l2: number,
      h2: number,
      l3: number,
      h3: number,
      l4: number,
      h4: number,
      l5: number,
      h5: number,
    ): void => {
      lo[1] = l1;
      hi[1] = h1;
      lo[2] = l2;
      hi[2] = h2;
      lo[3] = l3;
      hi[3] = h3;
      lo[4] = l4;
      hi[4] = h4;
      lo[5] = l5;
      hi[5] = h5;
      cpu.code = code;
      cpu.slot = slot + 1;
    };
    /** After a fault `cpu` is where the program stands. */
    const failed = (slot: number, error: unknown): unknown => {
      if (cpu.code === code && cpu.slot === slot + 1) cpu.slot = slot;
      return error;
    };
    const end = (slot: number): number => {
      if (cpu.code !== code || cpu.slot !== slot + 1) this.tailCall(code);
      return result();
    };
    const result = (): number => {
      memory.view.setInt32(cell.high, hi[0]!, true);
      return lo[0]!;
    };
    const at = (slot: number): void => {
      cpu.code = code;
      cpu.slot = slot;
    };
    return {
      // No rest parameters here: this is what runs most.
      helper: (
        slot: number,
        id: number,
        l1: number,
        h1: number,
        l2: number,
        h2: number,
        l3: number,
        h3: number,
        l4: number,
        h4: number,
        l5: number,
        h5: number,
      ) => {
        begin(slot, l1, h1, l2, h2, l3, h3, l4, h4, l5, h5);
        try {
          outside.helper(cpu, id);
        } catch (error) {
          throw failed(slot, error);
        }
        return end(slot);
      },
      kfunc: (slot: number, ...halves: Halves) => {
        begin(slot, ...halves);
        try {
          outside.kfunc(cpu, slot);
        } catch (error) {
          throw failed(slot, error);
        }
        return end(slot);
      },
      callx: (slot: number, low: number, high: number, ...halves: Halves) => {
        begin(slot, ...halves);
        try {
          if (high === 0) outside.helper(cpu, low);
          else if (high === tag.code && isInstruction(code, low)) this.callInto(code, low);
          else throw new Fault('instruction', `r${code.dst[slot]!} holds no function that could be called`);
        } catch (error) {
          throw failed(slot, error);
        }
        return end(slot);
      },
      load: (slot: number, low: number, high: number) => {
        at(slot);
        lo[1] = low;
        hi[1] = high;
        loadThrough(cpu, outside, { target: 0, base: 1, offset: code.offset[slot]!, op: code.opcode[slot]! });
        return result();
      },
      address: (slot: number, low: number, high: number, offset: number, sizeAndNeed: number) => {
        at(slot);
        return memory.address(high, low, offset, sizeAndNeed & 0xff, sizeAndNeed >> 8);
      },
      fault: (slot: number, kind: number) => {
        at(slot);
        switch (kind) {
          case faultKind.fuel:
            throw new Fault('fuel', `the program did not end after ${this.fuelLimit} instructions`);
          case faultKind.jump:
            throw new Fault('instruction', noJumpTarget(code.dst[slot]!));
          default:
            throw new Fault('depth', `the call stack is deeper than ${this.options.limits.maxFrames} functions`);
        }
      },
    };
  }

  /** The helper has put another program in this one's place: it runs in the same frame, and its result is the frame's. */
  private tailCall(caller: Code): void {
    const { cpu, memory } = this.options;
    const depth = memory.view.getInt32(cell.depth, true);
    memory.view.setInt32(cell.depth, depth - 1, true);
    this.callInto(cpu.code, 0);
    memory.view.setInt32(cell.depth, depth, true);
    cpu.code = caller;
    memory.view.setInt32(cell.ended, 1, true);
  }
}

interface CompiledModule {
  code: Code;
  options: CompileOptions;
  module: object;
}

/**
 * Functions and modules by the instructions that machines of one object share. Fresh machines put their maps in the same places,
 * so that a program is compiled once for all of them.
 */
const knownFunctions = new WeakMap<Uint8Array, readonly CodeFunction[]>();
const compiledModules = new WeakMap<Uint8Array, CompiledModule>();

function functionsOf(code: Code): readonly CodeFunction[] {
  const known = knownFunctions.get(code.opcode);
  if (known !== undefined) return known;
  const functions = functionsOfCode(code);
  knownFunctions.set(code.opcode, functions);
  return functions;
}

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
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function isInstruction(code: Code, slot: number): boolean {
  return slot >= 0 && slot < code.length && (code.opcode[slot] !== 0 || code.opcode[slot - 1] !== opcode.loadImm64);
}
