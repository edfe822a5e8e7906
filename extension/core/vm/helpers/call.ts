import type { Cpu } from '../engine/cpu.ts';
import type { VmMap } from '../maps/map.ts';
import { Fault, right, tag } from '../memory/regions.ts';
import type { World } from './world.ts';

/** A helper call while it runs: arguments 1 to 5 are registers r1 to r5, the result is r0. */
export class Call {
  readonly cpu: Cpu;
  readonly world: World;
  /** Of the helper, for messages. */
  name = '';

  constructor(cpu: Cpu, world: World) {
    this.cpu = cpu;
    this.world = world;
  }

  /** Low half, signed. */
  int(argument: number): number {
    return this.cpu.lo[argument]!;
  }

  /** Low half, unsigned. */
  u32(argument: number): number {
    return this.cpu.lo[argument]! >>> 0;
  }

  u64(argument: number): bigint {
    return (BigInt(this.cpu.hi[argument]! >>> 0) << 32n) | BigInt(this.u32(argument));
  }

  isNull(argument: number): boolean {
    return this.cpu.lo[argument] === 0 && this.cpu.hi[argument] === 0;
  }

  /** Flags beyond 32 bits never mean anything: they count as a bit that no helper knows. */
  flags(argument: number): number {
    return this.cpu.hi[argument] === 0 ? this.cpu.lo[argument]! : -1;
  }

  /** Address of `size` readable bytes. */
  readable(argument: number, size: number): number {
    return this.address(argument, size, right.read);
  }

  writable(argument: number, size: number): number {
    return this.address(argument, size, right.write);
  }

  map(argument: number): VmMap {
    const map = this.cpu.hi[argument] === tag.map ? this.world.maps[this.cpu.lo[argument]!] : undefined;
    if (map === undefined) throw this.refuse(`its argument ${argument} is no map`);
    return map;
  }

  /** The first argument must be the context. */
  context(): void {
    if (this.cpu.hi[1] !== tag.context || this.cpu.lo[1] !== 0)
      throw this.refuse('its first argument is not the context');
  }

  /** Slot of a callback. */
  callback(argument: number): number {
    const slot = this.cpu.lo[argument]!;
    const known = this.cpu.hi[argument] === tag.code && this.cpu.code.opcode[slot] !== undefined;
    if (!known) throw this.refuse(`its argument ${argument} is no function`);
    return slot;
  }

  /** Result: a whole number of at most 53 bits, negative for an errno. */
  give(value: number): void {
    this.cpu.lo[0] = value;
    this.cpu.hi[0] = Math.floor(value / 0x1_0000_0000);
  }

  giveBig(value: bigint): void {
    this.cpu.lo[0] = Number(value & 0xffffffffn);
    this.cpu.hi[0] = Number((value >> 32n) & 0xffffffffn);
  }

  /** Result: a pointer to the start of a region; 0 is null. */
  giveRegion(region: number): void {
    this.cpu.hi[0] = region;
    this.cpu.lo[0] = region === 0 ? 0 : this.world.memory.starts[region]!;
  }

  /** What the kernel's verifier would not have let through. */
  refuse(why: string): Fault {
    return new Fault('argument', `${this.name} was called wrongly: ${why}`);
  }

  private address(argument: number, size: number, need: number): number {
    const { cpu, world } = this;
    try {
      if (size === 0) return cpu.lo[argument]!;
      return world.memory.address(cpu.hi[argument]!, cpu.lo[argument]!, 0, size, need);
    } catch (error) {
      if (error instanceof Fault)
        throw new Fault(error.reason, `${this.name}, argument ${argument}: ${error.message}`, error.region);
      throw error;
    }
  }
}

/** One helper or kernel function. */
export interface Helper {
  /** enum bpf_func_id; kernel functions have none. */
  id?: number;
  /** As C calls it: `bpf_redirect`. */
  name: string;
  run(call: Call): void;
}
