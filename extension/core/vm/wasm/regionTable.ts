import type { Outside } from '../engine/interpreter.ts';
import type { Memory } from '../memory/memory.ts';
import { right, tag } from '../memory/regions.ts';
import { cell, regionEntry } from './layout.ts';

const firstCapacity = 1024;
const accessSizes = [1, 2, 4, 8];
const contextFields = 6;
/** data, data_end and data_meta. */
const contextPointers = 3;

/** What compiled code checks accesses against, in its own memory: copies of the machine's regions, of the packet and the context. */
export class RegionTable {
  private readonly memory: Memory;
  private readonly outside: Outside;
  /** Outside of runs nobody reads the context, and each begins with placing it. */
  isRunning = false;
  private capacity = 0;
  private address = 0;

  constructor(memory: Memory, outside: Outside) {
    this.memory = memory;
    this.outside = outside;
    this.grow(firstCapacity);
    memory.onPlace = (number) => this.place(number);
  }

  /** The fields of struct xdp_md; before every run, and when a helper has moved the packet. */
  placeContext(): void {
    const { outside } = this;
    const { view } = this.memory;
    for (let index = 0; index < contextFields; index++) {
      view.setInt32(cell.context + 8 * index, outside.contextField(index), true);
      view.setInt32(cell.context + 8 * index + 4, index < contextPointers ? tag.packet : 0, true);
    }
  }

  private grow(capacity: number): void {
    const { memory } = this;
    this.capacity = capacity;
    this.address = memory.allocate(capacity * regionEntry.bytes, () => 0);
    memory.view.setInt32(cell.regions, this.address, true);
    memory.view.setInt32(cell.regionMask, (capacity - 1) * regionEntry.bytes, true);
    for (let number = 0; number < memory.regionCount; number++) this.place(number);
  }

  private place(number: number): void {
    const { memory } = this;
    if (number >= this.capacity) return this.grow(this.capacity * 2);
    const at = this.address + number * regionEntry.bytes;
    const { view } = memory;
    const rights = memory.rights[number]!;
    const start = memory.starts[number]!;
    const bytes = memory.ends[number]! - start;
    view.setInt32(at + regionEntry.start, start, true);
    view.setInt32(at + regionEntry.start + 4, number, true);
    for (let index = 0; index < accessSizes.length; index++) {
      const places = Math.max(0, bytes - accessSizes[index]! + 1);
      view.setInt32(at + regionEntry.readLimits + 4 * index, (rights & right.read) !== 0 ? places : 0, true);
      view.setInt32(at + regionEntry.writeLimits + 4 * index, (rights & right.write) !== 0 ? places : 0, true);
      if (number === tag.packet) view.setInt32(cell.packetLimits + 8 * index, rights === right.both ? places : 0, true);
    }
    if (number !== tag.packet) return;
    view.setInt32(cell.packetStart, start, true);
    view.setInt32(cell.packetStart + 4, tag.packet, true);
    view.setInt32(cell.packetStartLow, start, true);
    if (this.isRunning) this.placeContext();
  }
}
