import type { RawPage } from '../../maps/entries.ts';
import { roundUp8 } from '../../maps/types.ts';
import { errno } from '../errno.ts';
import { type MapDefinition, type MapSettings, updateFlag, VmMap } from './map.ts';
import { Slab } from './slab.ts';

/** array and percpu_array, and the maps of global data: kernel/bpf/arraymap.c. */
export class ArrayMap extends VmMap {
  private readonly slab: Slab;

  constructor(definition: MapDefinition, settings: MapSettings) {
    super(definition, settings);
    const { valueSize, maxEntries, name } = definition;
    // The kernel makes all of it at once, and whoever lists it gets all of it; only what is used takes memory here.
    settings.memory.requireRoom(this.userValueSize * maxEntries);
    const layout = { keySize: 0, valueSize, copies: this.copies, rights: this.valueRights, name };
    this.slab = new Slab(settings.memory, layout, maxEntries);
  }

  override lookup(key: number, cpu: number): number {
    const index = this.memory.view.getUint32(key, true);
    return index < this.definition.maxEntries ? this.valueRegion(index, cpu) : 0;
  }

  override update(key: number, value: number, flags: number, cpu: number): number {
    const index = this.memory.view.getUint32(key, true);
    const problem = this.checkUpdate(index, flags);
    if (problem !== 0) return problem;
    this.copyValue(this.slab.valueAddress(index, this.copies === 1 ? 0 : cpu), value);
    this.onReplaced?.(index);
    return 0;
  }

  override *entries(): Iterable<number> {
    for (let index = 0; index < this.definition.maxEntries; index++) yield index;
  }

  override has(index: number): boolean {
    return index < this.definition.maxEntries;
  }

  override valueRegion(index: number, cpu: number): number {
    return this.slab.valueRegion(index, this.copies === 1 ? 0 : cpu);
  }

  override read(): RawPage {
    const { maxEntries, valueSize } = this.definition;
    const keys = new Uint8Array(4 * maxEntries);
    const values = new Uint8Array(this.userValueSize * maxEntries);
    const view = new DataView(keys.buffer);
    const stride = this.copies === 1 ? this.userValueSize : roundUp8(valueSize);
    for (let index = 0; index < maxEntries; index++) {
      view.setUint32(4 * index, index, true);
      if (!this.slab.isTouched(index)) continue;
      for (let copy = 0; copy < this.copies; copy++) {
        const at = this.slab.valueAddress(index, copy);
        values.set(this.memory.bytes.subarray(at, at + valueSize), index * this.userValueSize + copy * stride);
      }
    }
    return { count: maxEntries, keys, values };
  }

  override set(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const index = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
    const problem = this.checkUpdate(index, flags);
    if (problem !== 0) return problem;
    const { valueSize } = this.definition;
    for (let copy = 0; copy < this.copies; copy++) {
      const slot = copy * roundUp8(valueSize);
      const at = this.slab.valueAddress(index, copy);
      this.memory.bytes.set(value.subarray(slot, slot + valueSize), at);
    }
    this.onReplaced?.(index);
    return 0;
  }

  override remove(): number {
    return errno.invalid;
  }

  /** Bytes of the first value, for global data: `.rodata` and the like have one entry. */
  fill(bytes: Uint8Array): void {
    const at = this.slab.valueAddress(0, 0);
    this.memory.bytes.set(bytes, at);
  }

  private checkUpdate(index: number, flags: number): number {
    const plain = flags & ~updateFlag.lock;
    if (plain > updateFlag.exist || plain < 0) return errno.invalid;
    if (index >= this.definition.maxEntries) return errno.tooBig;
    if ((flags & updateFlag.noExist) !== 0) return errno.exists;
    return (flags & updateFlag.lock) !== 0 && this.definition.locked !== true ? errno.invalid : 0;
  }
}
