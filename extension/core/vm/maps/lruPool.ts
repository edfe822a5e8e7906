import { EntryList, filled, Links } from './entryLists.ts';
import type { EntryPool } from './entryPool.ts';
import { type LruEntries, LruLists, type Place } from './lruLists.ts';

/** LOCAL_FREE_TARGET of kernel/bpf/bpf_lru_list.c: what a CPU takes at most at once, and how many entries one pass looks at. */
const localTarget = 128;
const headsOfLists = 3;

/** A CPU's own entries: struct bpf_lru_locallist. */
interface Local {
  free: EntryList;
  pending: EntryList;
  /** The CPU that it takes from next when there is nothing else. */
  nextSteal: number;
}

/** LRU maps without BPF_F_NO_COMMON_LRU: one LRU for all CPUs, from which each takes free entries in batches. bpf_lru_list.c. */
export class LruPool implements EntryPool {
  private readonly lists: LruLists;
  private readonly local: Local[];
  private readonly owners: Int32Array;
  private readonly entries: LruEntries;
  private readonly batch: number;

  /** `evict` takes an entry out of the map; false when it is not there any more. */
  constructor(size: number, cpuCount: number, evict: (entry: number) => boolean) {
    const links = new Links(size, headsOfLists + 2 * cpuCount);
    this.entries = { links, places: filled<Place>(size, 'free'), referenced: new Set(), evict };
    this.lists = new LruLists(this.entries, size, localTarget);
    const list = (index: number): EntryList => new EntryList(links, size + headsOfLists + index);
    this.local = Array.from({ length: cpuCount }, (_, cpu) => ({
      free: list(2 * cpu),
      pending: list(2 * cpu + 1),
      nextSteal: cpu,
    }));
    this.batch = Math.min(localTarget, Math.max(1, Math.floor(Math.floor(size / cpuCount) / 2)));
    this.owners = new Int32Array(size);
    this.lists.free.fill(0, size);
  }

  take(cpu: number): number {
    const own = this.local[cpu]!;
    let entry = own.free.first();
    if (entry < 0) {
      this.refill(own);
      entry = own.free.first();
    }
    if (entry < 0) entry = this.steal(own);
    if (entry < 0) return -1;
    const { links, places, referenced } = this.entries;
    links.remove(entry);
    this.owners[entry] = cpu;
    places[entry] = 'pending';
    referenced.delete(entry);
    own.pending.addFirst(entry);
    return entry;
  }

  release(entry: number): void {
    const { places, referenced } = this.entries;
    referenced.delete(entry);
    if (places[entry] === 'pending') this.lists.moveTo(this.local[this.owners[entry]!]!.free, entry, 'local free');
    else this.lists.move(entry, 'free');
  }

  touch(entry: number): void {
    this.entries.referenced.add(entry);
  }

  /** bpf_lru_list_pop_free_to_local(). */
  private refill(own: Local): void {
    const { lists } = this;
    for (let entry = own.pending.last(); entry >= 0; entry = own.pending.last()) {
      lists.move(entry, this.entries.referenced.has(entry) ? 'active' : 'inactive');
    }
    lists.rotate();
    let found = 0;
    for (let entry = lists.free.first(); entry >= 0 && found < this.batch; entry = lists.free.first()) {
      lists.moveTo(own.free, entry, 'local free');
      found++;
    }
    if (found < this.batch) lists.shrink(this.batch - found, own.free, 'local free');
  }

  /** A free or pending entry of whichever CPU has one, in turn: bpf_common_lru_pop_free(). */
  private steal(own: Local): number {
    for (let tried = 0; tried < this.local.length; tried++) {
      const { free, pending } = this.local[own.nextSteal]!;
      own.nextSteal = (own.nextSteal + 1) % this.local.length;
      const entry = free.first() >= 0 ? free.first() : this.evictPending(pending);
      if (entry >= 0) return entry;
    }
    return -1;
  }

  /** __local_list_pop_pending(): the oldest that nobody looked up, else the oldest. */
  private evictPending(pending: EntryList): number {
    const { entries } = this;
    for (const spares of [true, false]) {
      for (let entry = pending.last(); entry >= 0; entry = pending.before(entry)) {
        if (!(spares && entries.referenced.has(entry)) && entries.evict(entry)) return entry;
      }
    }
    return -1;
  }
}

/** PERCPU_FREE_TARGET of bpf_lru_list.c. */
const ownTarget = 4;

/** LRU maps with BPF_F_NO_COMMON_LRU: each CPU has an LRU of its own, of an equal share of the entries. bpf_lru_list.c. */
export class OwnLruPool implements EntryPool {
  private readonly entries: LruEntries;
  private readonly lists: LruLists[];
  private readonly share: number;

  /** `size` is a multiple of `cpuCount`. */
  constructor(size: number, cpuCount: number, evict: (entry: number) => boolean) {
    const links = new Links(size, headsOfLists * cpuCount);
    this.entries = { links, places: filled<Place>(size, 'free'), referenced: new Set(), evict };
    this.share = size / cpuCount;
    this.lists = Array.from({ length: cpuCount }, (_, cpu) => {
      const lists = new LruLists(this.entries, size + headsOfLists * cpu, ownTarget);
      lists.free.fill(cpu * this.share, this.share);
      return lists;
    });
  }

  /** bpf_percpu_lru_pop_free(). */
  take(cpu: number): number {
    const lists = this.lists[cpu]!;
    lists.rotate();
    if (lists.free.first() < 0) lists.shrink(ownTarget, lists.free, 'free');
    const entry = lists.free.first();
    if (entry >= 0) lists.move(entry, 'inactive');
    return entry;
  }

  release(entry: number): void {
    this.lists[Math.floor(entry / this.share)]!.move(entry, 'free');
  }

  touch(entry: number): void {
    this.entries.referenced.add(entry);
  }
}
