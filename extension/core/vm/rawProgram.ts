import { Cpu, kernelFrames, kernelStackBytes } from './engine/cpu.ts';
import { Environment, keyScratch } from './engine/environment.ts';
import { interpret } from './engine/interpreter.ts';
import { helpers, unknownHelper } from './helpers/table.ts';
import { Timers } from './helpers/timers.ts';
import type { World } from './helpers/world.ts';
import { codeAddresses, InvalidInstruction } from './isa/code.ts';
import { decode } from './isa/decode.ts';
import { callKind, imm64Kind, opcode } from './isa/opcodes.ts';
import { Frame } from './memory/frame.ts';
import { initialBytes, Memory } from './memory/memory.ts';
import { Fault, right, tag } from './memory/regions.ts';
import { WasmBacking, WasmCpu, WasmEngine } from './wasm/wasmEngine.ts';

export const defaultFuel = 64 * 1024 * 1024;

/**
 * Runs bytecode that belongs to no object: r1 points to `input`, r2 is its length. Returns r0. Throws InvalidInstruction
 * for what is no program, Fault for what goes wrong while it runs.
 */
export function runBytecode(
  bytes: Uint8Array,
  input: Uint8Array,
  fuel: number = defaultFuel,
  engine: 'interpreter' | 'wasm' = 'interpreter',
): bigint {
  const decoded = decode(bytes);
  const code = { ...decoded, jumpTargets: codeAddresses(decoded) };
  for (let slot = 0; slot < code.length; slot++) {
    const kind = code.src[slot]!;
    if (code.opcode[slot] === opcode.loadImm64) {
      if (kind === imm64Kind.code) {
        code.imm[slot] = code.offset[slot]!;
        code.immHigh[slot] = tag.code;
      } else if (kind !== imm64Kind.value) throw new InvalidInstruction(slot, 'it refers to a map, and there is none');
      slot++;
    } else if (code.opcode[slot] === opcode.call) {
      if (kind === callKind.kfunc) throw new InvalidInstruction(slot, 'it calls a kernel function, and there is none');
      const known = kind !== callKind.helper || helpers.has(code.imm[slot]!);
      if (!known) throw new InvalidInstruction(slot, unknownHelper(code.imm[slot]!).message);
    }
  }
  const backing = engine === 'wasm' ? new WasmBacking(initialBytes) : undefined;
  const memory = new Memory(undefined, backing);
  const cpu = backing === undefined ? new Cpu(memory) : new WasmCpu(memory);
  const environment = new Environment(cpu, emptyWorld(memory), () => undefined);
  const limits = { stackBytes: kernelStackBytes, maxFrames: kernelFrames };
  const compiled =
    backing !== undefined && cpu instanceof WasmCpu
      ? new WasmEngine({ memory, backing, cpu, outside: environment, limits, coverage: false })
      : undefined;
  compiled?.prepare(code);
  cpu.start(code);
  if (input.length > 0) {
    const region = memory.allocateRegion(input.length, right.both, { kind: 'memory', name: '' });
    memory.bytes.set(input, memory.starts[region]);
    cpu.lo[1] = memory.starts[region]!;
    cpu.hi[1] = region;
  }
  cpu.lo[2] = input.length;
  try {
    if (compiled !== undefined) compiled.run(fuel);
    else if (!interpret(cpu, environment, fuel))
      throw new Fault('fuel', `the program did not end after ${fuel} instructions`);
  } catch (error) {
    if (error instanceof Fault)
      throw new Fault(error.reason, `instruction ${cpu.slot}: ${error.message}`, error.region);
    throw error;
  }
  return (BigInt(cpu.hi[0]! >>> 0) << 32n) | BigInt(cpu.lo[0]! >>> 0);
}

function emptyWorld(memory: Memory): World {
  return {
    memory,
    maps: [],
    frame: new Frame(memory),
    context: { ingressIfindex: 0, rxQueueIndex: 0, egressIfindex: 0 },
    inputs: {},
    cpuCount: 1,
    clockNs: 0n,
    randomState: 1,
    cookieSecret: 0,
    keyScratch: keyScratch(memory),
    redirect: undefined,
    printk: [],
    perfEvents: [],
    timers: new Timers(),
    lock: undefined,
    program: () => undefined,
  };
}
