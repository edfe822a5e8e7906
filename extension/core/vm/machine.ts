import { XdpError } from '../errors.ts';
import { sourceOf } from '../object/programs.ts';
import type { Btf } from '../btf/types.ts';
import type { MapSpec, ObjectSpec, SourcePlace } from '../object/spec.ts';
import { testRunLimits } from '../xdp.ts';
import { Cpu, type CpuOptions, kernelFrames, kernelStackBytes } from './engine/cpu.ts';
import { Environment, keyScratch, type Program } from './engine/environment.ts';
import { interpret } from './engine/interpreter.ts';
import { helperName } from './helpers/names.ts';
import { kfuncs } from './helpers/kfuncs.ts';
import { Timers } from './helpers/timers.ts';
import type { Inputs, World } from './helpers/world.ts';
import type { Code } from './isa/code.ts';
import { callKind, opcode } from './isa/opcodes.ts';
import type { LinkedFunction, LinkedObject, LinkedProgram, LinkOptions } from './link/linkedObject.ts';
import { definitionOf } from './link/linkMaps.ts';
import { linkObject } from './link/linkObject.ts';
import { placeCode } from './link/placeCode.ts';
import { ArrayMap } from './maps/arrayMap.ts';
import { createMap } from './maps/createMap.ts';
import type { VmMap } from './maps/map.ts';
import { Frame, noBytes } from './memory/frame.ts';
import { initialBytes, Memory } from './memory/memory.ts';
import { Fault, tag } from './memory/regions.ts';
import { defaultFuel } from './rawProgram.ts';
import type { ProgramFault, XdpRequest, XdpRun } from './run.ts';
import { type BlockCount, WasmBacking, WasmCpu, WasmEngine } from './wasm/wasmEngine.ts';

export type { ProgramFault, XdpRequest, XdpRun } from './run.ts';

export interface MachineOptions
  extends Partial<Pick<LinkOptions, 'kernelBtf' | 'kconfig' | 'kernelVersion' | 'cpuCount'>>,
    CpuOptions {
  inputs?: Inputs;
  /** Instructions that one run may execute: 64 Mi. */
  fuel?: number;
  /** Bytes of memory for maps and everything else: 256 MiB. */
  memoryLimit?: number;
  /**
   * What runs programs: `interpreter` can stop anywhere, `wasm` compiles them and is many times faster. Both give the same
   * results, in the same words.
   */
  engine?: 'interpreter' | 'wasm';
  /** Counts how often each block of code runs; only `wasm` does. */
  coverage?: boolean;
}

const xdpRedirect = 4;
/** Callbacks between two packets: one that starts its own timer again at once would go on for ever. */
const maxTimerRuns = 100_000;
const defaultClock = 1_000_000_000n;

/** Options for linkObject() that go with these of a machine. */
export function linkOptions(options: MachineOptions): LinkOptions {
  const { kernelBtf, kconfig, kernelVersion, cpuCount } = options;
  return { kernelBtf, kconfig, kernelVersion, cpuCount: cpuCount ?? 1, hasKfunc: (name) => kfuncs.has(name) };
}

/** A machine with fresh maps for an ELF object. Throws XdpError for what cannot be linked or has impossible maps. */
export function createMachine(elf: Uint8Array, options: MachineOptions = {}, spec?: ObjectSpec): Machine {
  return new Machine(linkObject(elf, linkOptions(options), spec), options);
}

/** Runs the programs of one object. Deterministic: all that could differ between runs is in the options. */
export class Machine {
  readonly linked: LinkedObject;
  readonly maps: readonly VmMap[];
  /** For debuggers: they look, and change only what their user asks for. */
  readonly memory: Memory;
  readonly cpu: Cpu;
  readonly world: World;
  private readonly options: MachineOptions;
  private readonly environment: Environment;
  private readonly programNames: readonly string[];
  private readonly codes = new Map<string, Code>();
  private readonly owners = new Map<Code, LinkedProgram>();
  private request: XdpRequest | undefined;
  private readonly compiled: WasmEngine | undefined;

  constructor(linked: LinkedObject, options: MachineOptions = {}) {
    this.linked = linked;
    this.options = options;
    const backing = options.engine === 'wasm' ? new WasmBacking(initialBytes, options.memoryLimit) : undefined;
    this.memory = new Memory(options.memoryLimit, backing);
    const cpu = backing === undefined ? new Cpu(this.memory, options) : new WasmCpu(this.memory, options);
    this.cpu = cpu;
    this.programNames = [...linked.programs.keys()];
    const { memory } = this;
    const cpuCount = options.cpuCount ?? 1;
    const inputs = options.inputs ?? {};
    const maps = linked.maps.map(({ definition }, number) =>
      asLoadError(() => createMap(definition, { memory, number, cpuCount })),
    );
    this.maps = maps;
    this.world = {
      memory,
      maps: [...maps],
      frame: new Frame(memory),
      context: { ingressIfindex: 1, rxQueueIndex: 0, egressIfindex: 0 },
      inputs,
      cpuCount,
      clockNs: inputs.clockNs ?? defaultClock,
      randomState: inputs.randomSeed ?? 1,
      cookieSecret: inputs.randomSeed ?? 0,
      keyScratch: keyScratch(memory),
      redirect: undefined,
      printk: [],
      perfEvents: [],
      timers: new Timers(),
      lock: undefined,
      program: (reference) => this.codeAt(reference),
    };
    this.environment = new Environment(cpu, this.world, ({ code }) => this.programOf(code));
    if (backing !== undefined && cpu instanceof WasmCpu) {
      const outside = this.environment;
      const coverage = options.coverage === true;
      const limits = {
        stackBytes: options.stackBytes ?? kernelStackBytes,
        maxFrames: options.maxFrames ?? kernelFrames,
      };
      this.compiled = new WasmEngine({ memory, backing, cpu, outside, limits, coverage });
    }
    asLoadError(() => this.fillMaps());
  }

  map(name: string): VmMap | undefined {
    return this.maps.find((map) => map.definition.name === name);
  }

  /** A map as a user makes it for a map of maps; its number is what goes in there. */
  addMap(spec: MapSpec, btf: Btf | undefined): VmMap {
    const { memory, world } = this;
    const number = world.maps.length;
    const definition = definitionOf(spec, btf, world.cpuCount);
    const map = asLoadError(() => createMap(definition, { memory, number, cpuCount: world.cpuCount }));
    world.maps.push(map);
    return map;
  }

  /** Changes what later runs find: the processor, time, tables. */
  setInputs(inputs: Inputs): void {
    this.world.inputs = inputs;
    if (inputs.clockNs !== undefined) this.world.clockNs = inputs.clockNs;
    if (inputs.randomSeed !== undefined) this.world.randomState = inputs.randomSeed;
  }

  /** One packet through one program, after the timers that are due. A program's own failure is in `fault`, not thrown. */
  runXdp(request: XdpRequest): XdpRun {
    this.place(request);
    const failed = this.world.timers.isEmpty ? undefined : this.runTimers();
    if (failed !== undefined) return this.outcome(failed);
    this.start(request);
    return this.outcome(this.runToEnd());
  }

  /** Puts a packet in place and stops before the first instruction of a program. */
  begin(request: XdpRequest): void {
    this.place(request);
    this.start(request);
  }

  private place(request: XdpRequest): void {
    this.codeOf(request.program);
    this.prepare(request);
    this.request = request;
  }

  private start({ program }: XdpRequest): void {
    const code = this.codeOf(program);
    this.compiled?.prepare(code);
    this.cpu.start(code);
    this.cpu.hi[1] = tag.context;
  }

  private runToEnd(): 'ended' | ProgramFault {
    const fuel = this.options.fuel ?? defaultFuel;
    if (this.compiled !== undefined) return this.runCompiled(this.compiled, fuel);
    const state = this.advance(fuel);
    if (state !== 'running') return state;
    return this.locate(new Fault('fuel', `the program did not end after ${fuel} instructions`));
  }

  /** Lets the timers go off that did so until now, in their order; each callback sees the time at which it was due. */
  private runTimers(): ProgramFault | undefined {
    const { world, cpu, memory } = this;
    const { timers, clockNs } = world;
    let runs = 0;
    for (let timer = timers.nextDue(clockNs); timer?.callback !== undefined; timer = timers.nextDue(clockNs)) {
      const { map, entry, value, callback } = timer;
      if (++runs > maxTimerRuns) {
        return this.locate(new Fault('fuel', `timers went off more than ${maxTimerRuns} times before the packet came`));
      }
      world.clockNs = timer.dueNs ?? clockNs;
      timer.dueNs = undefined;
      this.compiled?.prepare(callback.code);
      cpu.start(callback.code);
      cpu.slot = callback.slot;
      const key = map.definition.type === 'array' ? world.keyScratch : map.keyRegion(entry);
      if (key === world.keyScratch) memory.view.setUint32(memory.starts[key]!, entry, true);
      cpu.setPointer(1, tag.map, map.number);
      cpu.setPointer(2, key, memory.starts[key]!);
      cpu.setPointer(3, value, memory.starts[value]!);
      timers.running = timer;
      const state = this.runToEnd();
      timers.running = undefined;
      if (state !== 'ended') return state;
    }
    if (world.clockNs < clockNs) world.clockNs = clockNs;
    return undefined;
  }

  /** Runs up to `budget` instructions of what begin() began. After a fault `cpu` is where it happened. */
  advance(budget: number): 'running' | 'ended' | ProgramFault {
    try {
      return interpret(this.cpu, this.environment, budget) ? 'ended' : 'running';
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.locate(error);
    }
  }

  private runCompiled(compiled: WasmEngine, fuel: number): 'ended' | ProgramFault {
    try {
      compiled.run(fuel);
      return 'ended';
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.locate(error);
    }
  }

  /** How often each block of a program has run, with `coverage`; empty for a program that did not run. */
  blockCounts(program: string): BlockCount[] {
    const code = this.codes.get(program);
    return code === undefined ? [] : (this.compiled?.blockCounts(code) ?? []);
  }

  /** The counters of a program to read and clear in place, see WasmEngine.counters(); undefined for one that did not run. */
  blockCounters(program: string): ReturnType<WasmEngine['counters']> {
    const code = this.codes.get(program);
    return code === undefined ? undefined : this.compiled?.counters(code);
  }

  /** What the run came to. */
  outcome(state: 'ended' | ProgramFault): XdpRun {
    const { cpu, world, request } = this;
    const fault = state === 'ended' ? undefined : state;
    const retval = fault === undefined ? cpu.lo[0]! >>> 0 : 0;
    const { frame } = world;
    const hasBytes = request?.output !== 'verdict';
    return {
      retval,
      packetOut: hasBytes ? frame.packet() : noBytes,
      metadataOut: hasBytes ? frame.metadata() : noBytes,
      ctxOut: {
        data: frame.data - frame.dataMeta,
        data_end: frame.dataEnd - frame.dataMeta,
        data_meta: 0,
        ingress_ifindex: request?.ingressIfindex ?? 0,
        rx_queue_index: request?.rxQueueIndex ?? 0,
        egress_ifindex: request?.egressIfindex ?? 0,
      },
      printk: [...world.printk],
      perfEvents: [...world.perfEvents],
      redirect: retval === xdpRedirect ? world.redirect : undefined,
      insnsExecuted: cpu.executed,
      fault,
    };
  }

  /** The program that code belongs to. */
  programOfCode(code: Code): LinkedProgram | undefined {
    return this.owners.get(code);
  }

  /** Name of the helper or kernel function that the next instruction calls. */
  callee(): string | undefined {
    const { code, slot, lo, hi } = this.cpu;
    const register = code.dst[slot]!;
    if (code.opcode[slot] === opcode.callRegister) return hi[register] === 0 ? helperName(lo[register]!) : undefined;
    if (code.opcode[slot] !== opcode.call) return undefined;
    switch (code.src[slot]) {
      case callKind.helper:
        return helperName(code.imm[slot]!);
      case callKind.kfunc:
        return this.programOfCode(code)?.kfuncs[code.imm[slot]!];
      default:
        return undefined;
    }
  }

  private prepare(request: XdpRequest): void {
    const { packet, metadata = noBytes } = request;
    if (packet.length < testRunLimits.minPacket) {
      throw new XdpError(
        'packet-too-short',
        `The packet has ${packet.length} bytes: an Ethernet header alone has 14.`,
        {
          fix: 'Give a packet that starts with an Ethernet header.',
        },
      );
    }
    if (metadata.length % testRunLimits.metadataAlign !== 0 || metadata.length > testRunLimits.maxMetadata) {
      throw new XdpError('context-invalid', `Metadata is ${metadata.length} bytes long.`, {
        fix: 'The kernel takes a multiple of 4 bytes, at most 252.',
      });
    }
    const { world } = this;
    world.frame.set(packet, metadata, request.linearBytes);
    world.context.ingressIfindex = request.ingressIfindex ?? 1;
    world.context.rxQueueIndex = request.rxQueueIndex ?? 0;
    world.context.egressIfindex = request.egressIfindex ?? 0;
    world.redirect = undefined;
    world.lock = undefined;
    if (world.printk.length > 0) world.printk.length = 0;
    if (world.perfEvents.length > 0) world.perfEvents.length = 0;
  }

  private codeOf(name: string): Code {
    const known = this.codes.get(name);
    if (known !== undefined) return known;
    const program = this.linked.programs.get(name);
    if (program === undefined) {
      throw new XdpError('program-not-found', `The object has no program named ${name}.`, {
        fix: `It has: ${this.programNames.join(', ')}.`,
      });
    }
    const code = placeCode(program, this.memory, this.maps);
    this.codes.set(name, code);
    this.owners.set(code, program);
    return code;
  }

  /** Prog arrays hold 1 for the object's first program, 2 for its second. */
  private codeAt(reference: number): Code | undefined {
    const name = this.programNames[reference - 1];
    return name === undefined ? undefined : this.codeOf(name);
  }

  private programOf(code: Code): Program | undefined {
    const program = this.owners.get(code);
    if (program === undefined) return undefined;
    return {
      kfunc: (slot) => {
        const name = program.kfuncs[code.imm[slot]!] ?? '';
        return { name, kfunc: kfuncs.get(name) };
      },
      poisoned: (slot) => program.poisoned.get(slot),
    };
  }

  private locate(fault: Fault): ProgramFault {
    const { slot, code } = this.cpu;
    const program = this.owners.get(code);
    const fn = program?.functions.find(({ start, length }) => slot >= start && slot < start + length);
    return {
      reason: fault.reason,
      message: fault.message,
      program: program?.name ?? '',
      function: fn?.name ?? '',
      insn: slot,
      source: fn === undefined ? undefined : this.sourceAt(fn, slot),
    };
  }

  private sourceAt(fn: LinkedFunction, slot: number): SourcePlace | undefined {
    return sourceOf(this.linked.lines, fn.place, slot - fn.start);
  }

  /** Global data, and the entries that the object gives its prog arrays and maps of maps. */
  private fillMaps(): void {
    for (const [number, { initial, references }] of this.linked.maps.entries()) {
      const map = this.maps[number]!;
      if (initial !== undefined && map instanceof ArrayMap) map.fill(initial);
      for (const { index, kind, name } of references) {
        const target =
          kind === 'map'
            ? this.linked.maps.findIndex((each) => each.spec.name === name)
            : this.programNames.indexOf(name) + 1;
        if (target < 0) continue;
        const key = new Uint8Array(Uint32Array.of(index).buffer);
        map.set(key, new Uint8Array(Uint32Array.of(target).buffer));
      }
    }
  }
}

/** One sentence: what happened, where. */
export function describeFault(fault: ProgramFault): string {
  const { source } = fault;
  const where =
    source === undefined
      ? `instruction ${fault.insn} of ${fault.function}`
      : `${source.file}:${source.line}, in ${fault.function}`;
  return `${where}: ${fault.message}.`;
}

function asLoadError<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Fault)
      throw new XdpError('load-failed', `The object does not fit: ${error.message}.`, {
        fix: 'Give its maps fewer entries (max_entries) for the built-in machine, or run it on the kernel.',
        cause: error,
      });
    throw error;
  }
}
