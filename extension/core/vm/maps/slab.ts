import { roundUp8 } from '../../maps/types.ts';
import type { Memory } from '../memory/memory.ts';
import { type Region, right } from '../memory/regions.ts';

const chunkBytes = 16 * 1024;

interface Chunk {
  start: number;
  /** Region by entry × copies, then the key's; 0 where none was needed yet. */
  valueRegions: Int32Array;
  keyRegions: Int32Array | undefined;
}

export interface SlabLayout {
  keySize: number;
  valueSize: number;
  copies: number;
  rights: number;
  name: string;
}

/**
 * Memory for the entries of one map: key, then each copy of the value, all aligned to 8. Memory comes in chunks as entries
 * are used, and every value that a program sees is a region of its own, so that running from one value into the next is
 * caught.
 */
export class Slab {
  private readonly memory: Memory;
  private readonly layout: SlabLayout;
  private readonly keyBytes: number;
  private readonly valueStride: number;
  private readonly entryBytes: number;
  private readonly perChunk: number;
  private readonly chunks: (Chunk | undefined)[] = [];
  private readonly valueInfo: Region;
  private readonly keyInfo: Region;

  constructor(memory: Memory, layout: SlabLayout, maxEntries: number) {
    this.memory = memory;
    this.layout = layout;
    this.keyBytes = roundUp8(layout.keySize);
    this.valueStride = roundUp8(layout.valueSize);
    this.entryBytes = this.keyBytes + this.valueStride * layout.copies;
    this.perChunk = Math.max(1, Math.min(maxEntries, Math.floor(chunkBytes / Math.max(8, this.entryBytes))));
    this.valueInfo = { kind: 'map value', name: layout.name };
    this.keyInfo = { kind: 'map key', name: layout.name };
  }

  keyAddress(entry: number): number {
    return this.chunkOf(entry).start + (entry % this.perChunk) * this.entryBytes;
  }

  valueAddress(entry: number, copy: number): number {
    return this.keyAddress(entry) + this.keyBytes + copy * this.valueStride;
  }

  /** Was this entry ever used? If not, its value is zeros and has no memory. */
  isTouched(entry: number): boolean {
    return this.chunks[Math.floor(entry / this.perChunk)] !== undefined;
  }

  valueRegion(entry: number, copy: number): number {
    const { valueRegions, start } = this.chunkOf(entry);
    const inChunk = entry % this.perChunk;
    const index = inChunk * this.layout.copies + copy;
    const known = valueRegions[index]!;
    if (known !== 0) return known;
    const at = start + inChunk * this.entryBytes + this.keyBytes + copy * this.valueStride;
    const region = this.memory.createRegion(at, this.layout.valueSize, this.layout.rights, this.valueInfo);
    valueRegions[index] = region;
    return region;
  }

  keyRegion(entry: number): number {
    const chunk = this.chunkOf(entry);
    chunk.keyRegions ??= new Int32Array(this.perChunk);
    const inChunk = entry % this.perChunk;
    const known = chunk.keyRegions[inChunk]!;
    if (known !== 0) return known;
    const at = chunk.start + inChunk * this.entryBytes;
    const region = this.memory.createRegion(at, this.layout.keySize, right.read, this.keyInfo);
    chunk.keyRegions[inChunk] = region;
    return region;
  }

  private chunkOf(entry: number): Chunk {
    const number = Math.floor(entry / this.perChunk);
    const known = this.chunks[number];
    if (known !== undefined) return known;
    const bytes = this.perChunk * this.entryBytes;
    const start = this.memory.allocate(bytes, (address) => this.regionAt(chunk, number, address));
    const chunk: Chunk = {
      start,
      valueRegions: new Int32Array(this.perChunk * this.layout.copies),
      keyRegions: undefined,
    };
    this.chunks[number] = chunk;
    return chunk;
  }

  /** Region of an address that lost its high half. */
  private regionAt(chunk: Chunk, number: number, address: number): number {
    const offset = address - chunk.start;
    const entry = Math.floor(offset / this.entryBytes);
    const inEntry = offset - entry * this.entryBytes;
    if (inEntry < this.keyBytes) return this.keyRegion(number * this.perChunk + entry);
    return this.valueRegion(
      number * this.perChunk + entry,
      Math.floor((inEntry - this.keyBytes) / Math.max(8, this.valueStride)),
    );
  }
}
