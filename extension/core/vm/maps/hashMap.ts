import type { RawPage } from '../../maps/entries.ts';
import { isPerCpu, roundUp8 } from '../../maps/types.ts';
import { errno } from '../errno.ts';
import { type EntryPool, PlainPool } from './entryPool.ts';
import { KeyIndex } from './keyIndex.ts';
import { LruPool, OwnLruPool } from './lruPool.ts';
import { type MapDefinition, mapFlag, type MapSettings, pageOf, updateFlag, VmMap } from './map.ts';
import { Slab } from './slab.ts';

/** What the lists of an LRU map take for each entry (lruPool.ts), which are there from the start. */
const lruListBytes = 28;

/** hash, percpu_hash, lru_hash, lru_percpu_hash: kernel/bpf/hashtab.c. Iterates in order of insertion. */
export class HashMap extends VmMap {
  private readonly slab: Slab;
  private readonly index: KeyIndex;
  private readonly pool: EntryPool;
  private readonly present = new Set<number>();
  private readonly lru: boolean;
  private readonly perCpu: boolean;
  /** A scratch key for what users hand in. */
  protected readonly scratch: number;
  /**
   * An update of an existing entry writes a spare one and puts it in the old one's place, so that a program that still
   * holds the old value's address sees the old value: hashtab.c, extra_elems.
   */
  private spare = -1;

  constructor(definition: MapDefinition, settings: MapSettings) {
    super(definition, settings);
    const { type, keySize, valueSize, maxEntries, name } = definition;
    const { memory, cpuCount } = settings;
    this.lru = type.startsWith('lru');
    this.perCpu = isPerCpu(type);
    const layout = { keySize, valueSize, copies: this.copies, rights: this.valueRights, name };
    const ownLists = this.lru && (definition.flags & mapFlag.noCommonLru) !== 0;
    // hashtab.c, htab_map_alloc(): every CPU gets as many entries.
    const size = ownLists ? Math.ceil(maxEntries / cpuCount) * cpuCount : maxEntries;
    if (this.lru) memory.requireRoom(size * lruListBytes);
    this.slab = new Slab(memory, layout, size + 1);
    this.index = new KeyIndex(memory, keySize, (entry) => this.slab.keyAddress(entry));
    const Pool = ownLists ? OwnLruPool : LruPool;
    this.pool = this.lru ? new Pool(size, cpuCount, (entry) => this.takeOut(entry)) : new PlainPool(size);
    if (!this.lru && !this.perCpu) this.spare = maxEntries;
    this.scratch = memory.allocate(roundUp8(keySize) + valueSize, () => 0);
  }

  override lookup(key: number, cpu: number): number {
    const entry = this.index.find(key);
    if (entry < 0) return 0;
    this.pool.touch(entry);
    return this.valueRegion(entry, cpu);
  }

  override update(key: number, value: number, flags: number, cpu: number): number {
    const plain = flags & ~updateFlag.lock;
    if (plain > updateFlag.exist || plain < 0) return errno.invalid;
    const lockable = this.definition.locked === true && !this.lru && !this.perCpu;
    if ((flags & updateFlag.lock) !== 0 && !lockable) return errno.invalid;
    if (this.lru) return this.updateLru(key, value, plain, cpu);
    const old = this.index.find(key);
    const problem = checkPresence(old >= 0, plain);
    if (problem !== 0) return problem;
    if (old >= 0 && ((flags & updateFlag.lock) !== 0 || this.perCpu)) {
      this.copyValue(this.slab.valueAddress(old, this.perCpu ? cpu : 0), value);
      return 0;
    }
    let entry = old >= 0 ? this.spare : this.pool.take(cpu);
    if (entry < 0) return errno.tooBig;
    if (old >= 0) {
      this.takeOut(old);
      this.spare = old;
    }
    this.fill(entry, key, value, cpu);
    this.putIn(entry);
    return 0;
  }

  override delete(key: number): number {
    const entry = this.index.find(key);
    if (entry < 0) return errno.noEntry;
    this.takeOut(entry);
    this.pool.release(entry);
    return 0;
  }

  override entries(): Iterable<number> {
    return [...this.present];
  }

  override has(entry: number): boolean {
    return this.present.has(entry);
  }

  override keyRegion(entry: number): number {
    return this.slab.keyRegion(entry);
  }

  override valueRegion(entry: number, cpu: number): number {
    return this.slab.valueRegion(entry, this.copies === 1 ? 0 : cpu);
  }

  override read(): RawPage {
    const { keySize, valueSize } = this.definition;
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    for (const entry of this.present) {
      const key = this.slab.keyAddress(entry);
      keys.push(this.memory.bytes.subarray(key, key + keySize));
      const value = new Uint8Array(this.userValueSize);
      for (let copy = 0; copy < this.copies; copy++) {
        const at = this.slab.valueAddress(entry, copy);
        value.set(this.memory.bytes.subarray(at, at + valueSize), copy * roundUp8(valueSize));
      }
      values.push(value);
    }
    return pageOf(this.present.size, keys, values);
  }

  override set(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const { keySize, valueSize } = this.definition;
    const keyAt = this.scratch;
    const valueAt = this.scratch + roundUp8(keySize);
    this.memory.bytes.set(key, keyAt);
    this.memory.bytes.set(value.subarray(0, valueSize), valueAt);
    const result = this.update(keyAt, valueAt, flags, 0);
    if (result !== 0 || !this.perCpu) return result;
    const entry = this.index.find(keyAt);
    for (let copy = 1; copy < this.copies; copy++) {
      const slot = copy * roundUp8(valueSize);
      this.memory.bytes.set(value.subarray(slot, slot + valueSize), this.slab.valueAddress(entry, copy));
    }
    return 0;
  }

  override remove(key: Uint8Array): number {
    this.memory.bytes.set(key, this.scratch);
    return this.delete(this.scratch);
  }

  /** An LRU map takes a new entry before it looks whether the key is there, and so may evict for nothing: hashtab.c. */
  private updateLru(key: number, value: number, flags: number, cpu: number): number {
    const inPlace = this.perCpu && flags === updateFlag.exist;
    const fresh = inPlace ? -1 : this.pool.take(cpu);
    if (fresh < 0 && !inPlace) return errno.noMemory;
    const old = this.index.find(key);
    const problem = checkPresence(old >= 0, flags);
    if (problem !== 0) {
      if (fresh >= 0) this.pool.release(fresh);
      return problem;
    }
    if (old >= 0 && this.perCpu) {
      this.pool.touch(old);
      this.copyValue(this.slab.valueAddress(old, cpu), value);
      if (fresh >= 0) this.pool.release(fresh);
      return 0;
    }
    this.fill(fresh, key, value, cpu);
    if (old >= 0) {
      this.takeOut(old);
      this.pool.touch(fresh);
    }
    this.putIn(fresh);
    if (old >= 0) this.pool.release(old);
    return 0;
  }

  /** Key and value of an entry that is in no list yet. Other CPUs' copies of a fresh one are zeros. */
  private fill(entry: number, key: number, value: number, cpu: number): void {
    const { keySize, valueSize } = this.definition;
    // The entry may be the first of its chunk, and making room for that may put the memory elsewhere.
    const keyAt = this.slab.keyAddress(entry);
    const { bytes } = this.memory;
    bytes.copyWithin(keyAt, key, key + keySize);
    const { kept = [] } = this.definition;
    if (this.copies > 1 || kept.length > 0) {
      for (let copy = 0; copy < this.copies; copy++) {
        const at = this.slab.valueAddress(entry, copy);
        bytes.fill(0, at, at + valueSize);
      }
    }
    this.copyValue(this.slab.valueAddress(entry, this.copies === 1 ? 0 : cpu), value);
  }

  private putIn(entry: number): void {
    this.index.add(entry);
    this.present.add(entry);
  }

  private takeOut(entry: number): boolean {
    if (!this.present.delete(entry)) return false;
    this.index.remove(entry);
    this.onReplaced?.(entry);
    return true;
  }
}

/** BPF_NOEXIST and BPF_EXIST. */
export function checkPresence(present: boolean, flags: number): number {
  if (present && flags === updateFlag.noExist) return errno.exists;
  return !present && flags === updateFlag.exist ? errno.noEntry : 0;
}
