import type { ExpressionContext } from '../dwarf/expression.ts';
import { objectPlace } from '../dwarf/sections.ts';
import type { CpuFrame } from '../vm/engine/cpu.ts';
import type { Machine } from '../vm/machine.ts';
import { right, tag } from '../vm/memory/regions.ts';
import type { ProgramImage } from './image.ts';

/** Bytes of struct xdp_md. */
export const contextBytes = 24;

/** Reads and writes a stopped machine's memory by the pointers that its programs use: region in the high half. */
export class Inspector {
  readonly machine: Machine;
  readonly image: ProgramImage;

  constructor(machine: Machine, image: ProgramImage) {
    this.machine = machine;
    this.image = image;
  }

  /** Undefined where these bytes do not all lie in what the pointer points to. A copy. */
  read(pointer: bigint, size: number): Uint8Array | undefined {
    const { high, low } = halves(pointer);
    if (high === tag.context)
      return low >= 0 && low + size <= contextBytes ? this.context().slice(low, low + size) : undefined;
    const at = this.addressOf(pointer, size, right.read);
    return at === undefined ? undefined : this.machine.memory.bytes.slice(at, at + size);
  }

  /** Address in the flat memory, where `size` bytes from there on may be touched. */
  addressOf(pointer: bigint, size: number, need: number): number | undefined {
    const { high, low } = halves(pointer);
    const { memory } = this.machine;
    const region = high === 0 ? memory.regionAt(low) : high;
    if (region <= tag.context || memory.info(region) === undefined) return undefined;
    const inside = low >= memory.starts[region]! && low + size <= memory.ends[region]!;
    return inside && (memory.rights[region]! & need) !== 0 ? low : undefined;
  }

  /** How many bytes there are from a pointer to the end of what it points into. */
  bytesLeft(pointer: bigint): number {
    const { high, low } = halves(pointer);
    if (high === tag.context) return Math.max(0, contextBytes - low);
    const { memory } = this.machine;
    const region = high === 0 ? memory.regionAt(low) : high;
    if (region <= tag.context || memory.info(region) === undefined || low < memory.starts[region]!) return 0;
    return Math.max(0, memory.ends[region]! - low);
  }

  /** What a location expression in this function is evaluated against. */
  expressionContext(frame: CpuFrame, frameSize: number | undefined): ExpressionContext {
    const register = (number: number): bigint | undefined => {
      const value = frame.register(number);
      return value === undefined ? undefined : joined(value.high, value.low);
    };
    return {
      register,
      frameAddress: (offset) => {
        const base = register(10);
        // LLVM before 23 counts from the lower end of the frame, newer ones from r10 downwards.
        if (offset < 0n) return base === undefined ? undefined : base + offset;
        return base === undefined || frameSize === undefined ? undefined : base + offset - BigInt(frameSize);
      },
      loadedAddress: (address) => this.loaded(address),
      read: (address, size) => {
        const bytes = this.read(address, size);
        return bytes === undefined ? undefined : littleEndian(bytes);
      },
    };
  }

  /** Pointer to global data. */
  private loaded(objectAddress: number): bigint | undefined {
    const { section, offset } = objectPlace(objectAddress);
    const name = this.image.elf.sections[section]?.name;
    const number = this.image.linked.maps.findIndex(({ spec }) => spec.globalData && spec.name === name);
    const map = this.machine.maps[number];
    if (map === undefined) return undefined;
    const region = map.valueRegion(0, 0);
    return joined(region, this.machine.memory.starts[region]! + offset);
  }

  /** struct xdp_md as programs see it; its pointers are 32 bits wide. */
  private context(): Uint8Array {
    const { frame, context } = this.machine.world;
    const { ingressIfindex, rxQueueIndex, egressIfindex } = context;
    return new Uint8Array(
      Uint32Array.of(frame.data, frame.dataEnd, frame.dataMeta, ingressIfindex, rxQueueIndex, egressIfindex).buffer,
    );
  }
}

export function halves(pointer: bigint): { high: number; low: number } {
  return { high: Number(BigInt.asIntN(32, pointer >> 32n)), low: Number(BigInt.asIntN(32, pointer)) };
}

export function joined(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

export function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!);
  return value;
}

export function littleEndianBytes(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = Number((value >> BigInt(8 * at)) & 0xffn);
  return bytes;
}
