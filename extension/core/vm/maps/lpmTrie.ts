import type { RawPage } from '../../maps/entries.ts';
import { roundUp8 } from '../../maps/types.ts';
import { errno } from '../errno.ts';
import { PlainPool } from './entryPool.ts';
import { checkPresence } from './hashMap.ts';
import { type MapDefinition, type MapSettings, pageOf, updateFlag, VmMap } from './map.ts';
import { Slab } from './slab.ts';

/** Bytes of `prefixlen` before the data: struct bpf_lpm_trie_key. */
const prefixBytes = 4;

/**
 * lpm_trie: kernel/bpf/lpm_trie.c. Kept as one table for each prefix length that occurs, which finds the same entries as
 * the kernel's trie.
 */
export class LpmTrie extends VmMap {
  private readonly slab: Slab;
  private readonly pool: PlainPool;
  private readonly maxPrefix: number;
  /** Prefix length → masked data as text → entry. */
  private readonly tables = new Map<number, Map<string, number>>();
  /** Prefix lengths that occur, longest first. */
  private lengths: number[] = [];
  private count = 0;
  private readonly scratch: number;

  constructor(definition: MapDefinition, settings: MapSettings) {
    super(definition, settings);
    const { keySize, valueSize, maxEntries, name } = definition;
    this.slab = new Slab(
      settings.memory,
      { keySize, valueSize, copies: 1, rights: this.valueRights, name },
      maxEntries + 1,
    );
    this.pool = new PlainPool(maxEntries + 1);
    this.maxPrefix = (keySize - prefixBytes) * 8;
    this.scratch = settings.memory.allocate(roundUp8(keySize) + valueSize, () => 0);
  }

  override lookup(key: number): number {
    const prefix = this.prefixOf(key);
    if (prefix > this.maxPrefix) return 0;
    for (const length of this.lengths) {
      if (length > prefix) continue;
      const entry = this.tables.get(length)?.get(this.masked(key, length));
      if (entry !== undefined) return this.slab.valueRegion(entry, 0);
    }
    return 0;
  }

  override update(key: number, value: number, flags: number): number {
    if (flags > updateFlag.exist || flags < 0) return errno.invalid;
    const prefix = this.prefixOf(key);
    if (prefix > this.maxPrefix) return errno.invalid;
    const text = this.masked(key, prefix);
    const old = this.tables.get(prefix)?.get(text);
    const problem = checkPresence(old !== undefined, flags);
    if (problem !== 0) return problem;
    if (old === undefined && this.count >= this.definition.maxEntries) return errno.noSpace;
    const entry = this.pool.take();
    // The entry may be the first of its chunk, and making room for that may put the memory elsewhere.
    const keyAt = this.slab.keyAddress(entry);
    const { bytes } = this.memory;
    bytes.copyWithin(keyAt, key, key + this.definition.keySize);
    bytes.copyWithin(this.slab.valueAddress(entry, 0), value, value + this.definition.valueSize);
    this.tableOf(prefix).set(text, entry);
    if (old === undefined) this.count++;
    else this.pool.release(old);
    return 0;
  }

  override delete(key: number): number {
    const prefix = this.prefixOf(key);
    if (prefix > this.maxPrefix) return errno.invalid;
    const table = this.tables.get(prefix);
    const text = this.masked(key, prefix);
    const entry = table?.get(text);
    if (table === undefined || entry === undefined) return errno.noEntry;
    table.delete(text);
    if (table.size === 0) {
      this.tables.delete(prefix);
      this.lengths = this.lengths.filter((length) => length !== prefix);
    }
    this.pool.release(entry);
    this.count--;
    return 0;
  }

  override entries(): Iterable<number> {
    return [...this.tables.values()].flatMap((table) => [...table.values()]);
  }

  override has(entry: number): boolean {
    return [...this.tables.values()].some((table) => [...table.values()].includes(entry));
  }

  override keyRegion(entry: number): number {
    return this.slab.keyRegion(entry);
  }

  override valueRegion(entry: number): number {
    return this.slab.valueRegion(entry, 0);
  }

  override read(): RawPage {
    const { keySize, valueSize } = this.definition;
    const entries = [...this.entries()];
    const keys = entries.map((entry) => this.at(this.slab.keyAddress(entry), keySize));
    const values = entries.map((entry) => this.at(this.slab.valueAddress(entry, 0), valueSize));
    return pageOf(entries.length, keys, values);
  }

  override set(key: Uint8Array, value: Uint8Array, flags = 0): number {
    const valueAt = this.scratch + roundUp8(this.definition.keySize);
    this.memory.bytes.set(key, this.scratch);
    this.memory.bytes.set(value, valueAt);
    return this.update(this.scratch, valueAt, flags);
  }

  override remove(key: Uint8Array): number {
    this.memory.bytes.set(key, this.scratch);
    return this.delete(this.scratch);
  }

  private at(address: number, size: number): Uint8Array {
    return this.memory.bytes.subarray(address, address + size);
  }

  private prefixOf(key: number): number {
    return this.memory.view.getUint32(key, true);
  }

  private tableOf(prefix: number): Map<string, number> {
    const known = this.tables.get(prefix);
    if (known !== undefined) return known;
    const table = new Map<string, number>();
    this.tables.set(prefix, table);
    this.lengths = [...this.lengths, prefix].sort((a, b) => b - a);
    return table;
  }

  /** The first `length` bits of the data. */
  private masked(key: number, length: number): string {
    const { bytes } = this.memory;
    let text = '';
    let left = length;
    for (let at = key + prefixBytes; left > 0; at++, left -= 8) {
      const byte = bytes[at]!;
      text += String.fromCharCode(left >= 8 ? byte : byte & (0xff00 >> left));
    }
    return text;
  }
}
