import { english } from '../../text/language.ts';
import { Fault, type Region, right, tag } from './regions.ts';

/** Addresses below this are never given out: what lands here came from a null pointer. */
const nullGuard = 0x1_0000;
export const initialBytes = 0x4_0000;
export const defaultMemoryLimit = 256 * 1024 * 1024;

/** Where the bytes are, when not in a buffer of the memory's own. */
export interface MemoryBacking {
  readonly bytes: Uint8Array;
  /** Makes room for at least `size` bytes, with what is there kept. */
  grow(size: number): Uint8Array;
}

/** A stretch of addresses and how to find the region of each. */
interface Area {
  start: number;
  end: number;
  regionAt(address: number): number;
}

/**
 * The machine's memory: one flat buffer, and regions that say who may touch which bytes of it. Every access is checked
 * byte-exact against the region that its pointer came from. Little-endian, as the kernels it stands for.
 */
export class Memory {
  bytes: Uint8Array;
  view: DataView;
  /** Is told of every region that is made or moved. */
  onPlace: ((number: number) => void) | undefined;
  /** By region number: first address, address after the last, rights. */
  starts = new Int32Array(256);
  ends = new Int32Array(256);
  rights = new Uint8Array(256);
  private readonly infos: Region[] = [];
  private readonly areas: Area[] = [];
  private next = nullGuard;
  private readonly limit: number;
  private readonly backing: MemoryBacking | undefined;

  constructor(limit: number = defaultMemoryLimit, backing?: MemoryBacking) {
    this.limit = limit;
    this.backing = backing;
    this.bytes = backing?.bytes ?? new Uint8Array(initialBytes);
    this.view = new DataView(this.bytes.buffer);
    // Numbers 0 to 2 are fixed: nothing, the context (which has no bytes), the packet (which the frame moves).
    for (let number = 0; number <= tag.packet; number++)
      this.createRegion(1, 0, right.none, { kind: 'memory', name: '' });
    this.infos[tag.context] = { kind: 'context', name: '' };
    this.infos[tag.packet] = { kind: 'packet', name: '' };
  }

  /** Faults where `size` more bytes are more than the machine may use. */
  requireRoom(size: number): void {
    if (this.next + size <= this.limit) return;
    const mebibytes = Math.floor(this.limit / 1048576);
    throw new Fault('limit', `the program and its maps need more than the ${mebibytes} MiB that the machine may use`);
  }

  /** Address of `size` fresh zero bytes, aligned to 8. They belong to no region yet. */
  allocate(size: number, regionAt: (address: number) => number): number {
    const start = this.next;
    const end = start + size;
    this.requireRoom(size);
    if (end > this.bytes.length) this.grow(end);
    this.next = (end + 7) & ~7;
    this.areas.push({ start, end, regionAt });
    return start;
  }

  createRegion(start: number, size: number, rights: number, info: Region): number {
    const number = this.infos.length;
    if (number >= this.starts.length) this.growTables();
    this.infos[number] = info;
    this.placeRegion(number, start, start + size, rights);
    return number;
  }

  /** Memory that is one region. */
  allocateRegion(size: number, rights: number, info: Region): number {
    let number = 0;
    const start = this.allocate(size, () => number);
    number = this.createRegion(start, size, rights, info);
    return number;
  }

  /** Moves a region, or takes its rights away. */
  placeRegion(number: number, start: number, end: number, rights: number): void {
    this.starts[number] = start;
    this.ends[number] = end;
    this.rights[number] = rights;
    this.onPlace?.(number);
  }

  get regionCount(): number {
    return this.infos.length;
  }

  info(number: number): Region | undefined {
    return this.infos[number];
  }

  /**
   * Address of an access of `size` bytes at pointer + `offset`, after checking it. `low` is signed. This is the machine's
   * hottest path.
   */
  address(high: number, low: number, offset: number, size: number, need: number): number {
    const at = low + offset;
    if (at >= this.starts[high]! && at + size <= this.ends[high]! && (this.rights[high]! & need) === need) return at;
    return this.addressWithoutRegion(high, low, offset, size, need);
  }

  /** Region of an address that lost its high half; 0 when nothing is there. */
  regionAt(address: number): number {
    let low = 0;
    let high = this.areas.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.areas[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const area = this.areas[low - 1];
    return area !== undefined && address < area.end ? area.regionAt(address) : 0;
  }

  /** The slow path: what `address` did not find at once. Throws Fault. */
  private addressWithoutRegion(high: number, low: number, offset: number, size: number, need: number): number {
    const at = low + offset;
    if (high === tag.none) {
      const number = this.regionAt(at);
      if (number !== 0) {
        const inside = at >= this.starts[number]! && at + size <= this.ends[number]!;
        if (inside && (this.rights[number]! & need) === need) return at;
        throw this.fault(number, at, size, need);
      }
    }
    throw this.fault(high, at, size, need);
  }

  private fault(number: number, at: number, size: number, need: number): Fault {
    const amount = size === 1 ? english('1 byte') : `${size} bytes`;
    const what = need === right.read ? english(`read of ${amount}`) : english(`write of ${amount}`);
    if (number === tag.map) return new Fault('memory', `${what} through a pointer to a map`);
    if (number === tag.code) return new Fault('memory', `${what} through a pointer to code`);
    const info = this.infos[number];
    if (info === undefined || number === tag.none) {
      const near = (number === tag.none && at >= 0 && at < nullGuard) || (number === -1 && at < 0 && at >= -nullGuard);
      if (near) {
        return new Fault('null', `${what} through a null pointer (address ${at})`);
      }
      return new Fault('memory', `${what} at ${hex(number, at)}, which is no address of the program`);
    }
    const unnamed = info.kind === 'packet' ? english('the packet') : `the ${info.kind}`;
    const region = info.name === '' ? unnamed : `${info.kind} of ${info.name}`;
    const start = this.starts[number]!;
    const length = this.ends[number]! - start;
    if (number === tag.context) return new Fault('memory', `${what} at offset ${at} of the context`, info);
    if (at >= start && at + size <= start + length) {
      return new Fault('memory', `${what} at offset ${at - start} of ${region}, which may not be ${verb(need)}`, info);
    }
    const place = info.kind === 'stack' ? `r10${signed(at - (start + length))}` : english(`offset ${at - start}`);
    return new Fault('memory', `${what} at ${place} of ${region}, which has ${length} bytes`, info);
  }

  private grow(needed: number): void {
    let size = this.bytes.length;
    while (size < needed) size *= 2;
    if (this.backing === undefined) {
      const bytes = new Uint8Array(size);
      bytes.set(this.bytes);
      this.bytes = bytes;
    } else this.bytes = this.backing.grow(Math.min(size, Math.max(needed, this.limit)));
    this.view = new DataView(this.bytes.buffer);
  }

  private growTables(): void {
    const size = this.starts.length * 2;
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    const rights = new Uint8Array(size);
    starts.set(this.starts);
    ends.set(this.ends);
    rights.set(this.rights);
    this.starts = starts;
    this.ends = ends;
    this.rights = rights;
  }
}

function verb(need: number): string {
  return need === right.read ? 'read' : 'written';
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function hex(high: number, low: number): string {
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return `0x${bits.toString(16)}`;
}
