import type { Memory } from '../memory/memory.ts';

/** Finds entries by the bytes of their keys in memory: a hash table with chains that grows with its entries. */
export class KeyIndex {
  private heads = new Int32Array(16).fill(-1);
  private next = new Int32Array(16);
  private hashes = new Int32Array(16);
  private count = 0;
  private readonly memory: Memory;
  private readonly keySize: number;
  private readonly keyAddress: (entry: number) => number;

  constructor(memory: Memory, keySize: number, keyAddress: (entry: number) => number) {
    this.memory = memory;
    this.keySize = keySize;
    this.keyAddress = keyAddress;
  }

  /** The entry whose key equals the bytes at this address, -1 when there is none. */
  find(key: number): number {
    const hash = this.hash(key);
    for (let entry = this.heads[hash & (this.heads.length - 1)]!; entry >= 0; entry = this.next[entry]!) {
      if (this.hashes[entry] === hash && this.equal(this.keyAddress(entry), key)) return entry;
    }
    return -1;
  }

  /** Adds an entry whose key is in its place already. */
  add(entry: number): void {
    if (entry >= this.next.length) this.growEntries(entry);
    if (this.count >= this.heads.length * 2) this.growHeads();
    const hash = this.hash(this.keyAddress(entry));
    this.hashes[entry] = hash;
    this.link(entry, hash);
    this.count++;
  }

  remove(entry: number): void {
    const bucket = this.hashes[entry]! & (this.heads.length - 1);
    let at = this.heads[bucket]!;
    if (at === entry) this.heads[bucket] = this.next[entry]!;
    else {
      while (this.next[at] !== entry) at = this.next[at]!;
      this.next[at] = this.next[entry]!;
    }
    this.count--;
  }

  private link(entry: number, hash: number): void {
    const bucket = hash & (this.heads.length - 1);
    this.next[entry] = this.heads[bucket]!;
    this.heads[bucket] = entry;
  }

  private growEntries(entry: number): void {
    const size = Math.max(entry + 1, this.next.length * 2);
    const next = new Int32Array(size);
    const hashes = new Int32Array(size);
    next.set(this.next);
    hashes.set(this.hashes);
    this.next = next;
    this.hashes = hashes;
  }

  private growHeads(): void {
    const old = this.heads;
    const entries: number[] = [];
    for (const head of old) for (let entry = head; entry >= 0; entry = this.next[entry]!) entries.push(entry);
    this.heads = new Int32Array(old.length * 4).fill(-1);
    for (const entry of entries) this.link(entry, this.hashes[entry]!);
  }

  /** FNV-1a with a last mix, since buckets are chosen by the low bits. */
  private hash(address: number): number {
    const { bytes } = this.memory;
    let hash = 0x811c9dc5;
    for (let at = address; at < address + this.keySize; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  private equal(a: number, b: number): boolean {
    const { bytes } = this.memory;
    for (let i = 0; i < this.keySize; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    return true;
  }
}
