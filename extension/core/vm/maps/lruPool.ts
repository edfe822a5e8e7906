import type { EntryPool } from './entryPool.ts';

/** LOCAL_FREE_TARGET of kernel/bpf/bpf_lru_list.c: what a CPU takes at once, and how many entries one pass looks at. */
const localTarget = 128;

/** Where an entry is. */
type Place = 'free' | 'inactive' | 'active' | 'local free' | 'pending';

/**
 * The kernel's approximate LRU, kernel/bpf/bpf_lru_list.c: entries move between an active and an inactive list by a
 * reference bit, and each CPU takes free entries in batches. Followed step by step, since programs see which entries go.
 */
export class LruPool implements EntryPool {
  private readonly lists: Record<'free' | 'inactive' | 'active', EntryList>;
  private readonly local: { free: EntryList; pending: EntryList }[];
  private readonly places: Place[];
  private readonly owners: Int32Array;
  private readonly referenced = new Set<number>();
  private readonly links: Links;
  private readonly batch: number;
  private readonly evict: (entry: number) => boolean;
  private nextRotation: number;

  /** `evict` takes an entry out of the map; false when it is not there any more. */
  constructor(size: number, cpuCount: number, evict: (entry: number) => boolean) {
    this.evict = evict;
    this.links = new Links(size, 3 + 2 * cpuCount);
    const list = (index: number): EntryList => new EntryList(this.links, size + index);
    this.lists = { free: list(0), inactive: list(1), active: list(2) };
    this.local = Array.from({ length: cpuCount }, (_, cpu) => ({
      free: list(3 + 2 * cpu),
      pending: list(4 + 2 * cpu),
    }));
    this.batch = Math.min(localTarget, Math.max(1, Math.floor(Math.floor(size / cpuCount) / 2)));
    this.nextRotation = this.lists.inactive.head;
    this.places = filled<Place>(size, 'free');
    this.owners = new Int32Array(size);
    this.lists.free.fill(size);
  }

  take(cpu: number): number {
    const own = this.local[cpu]!;
    let entry = own.free.first();
    if (entry < 0) {
      this.refill(own);
      entry = own.free.first();
    }
    if (entry < 0) entry = this.steal(cpu);
    if (entry < 0) return -1;
    this.links.remove(entry);
    this.owners[entry] = cpu;
    this.places[entry] = 'pending';
    this.referenced.delete(entry);
    own.pending.addFirst(entry);
    return entry;
  }

  release(entry: number): void {
    this.referenced.delete(entry);
    if (this.places[entry] === 'pending') {
      this.links.remove(entry);
      this.places[entry] = 'local free';
      this.local[this.owners[entry]!]!.free.addFirst(entry);
    } else {
      this.move(entry, 'free');
    }
  }

  touch(entry: number): void {
    this.referenced.add(entry);
  }

  /** bpf_lru_list_pop_free_to_local(). */
  private refill(own: { free: EntryList; pending: EntryList }): void {
    for (let entry = own.pending.last(); entry >= 0; entry = own.pending.last()) {
      this.move(entry, this.referenced.has(entry) ? 'active' : 'inactive');
    }
    if (this.lists.inactive.count < this.lists.active.count) this.rotateActive();
    this.rotateInactive();
    let found = 0;
    for (let entry = this.lists.free.first(); entry >= 0 && found < this.batch; entry = this.lists.free.first()) {
      this.toLocalFree(entry, own.free);
      found++;
    }
    if (found < this.batch) this.shrink(this.batch - found, own.free);
  }

  private rotateActive(): void {
    const { active } = this.lists;
    const first = active.first();
    let entry = active.last();
    for (let i = 0; i < localTarget && entry >= 0; i++) {
      const before = active.before(entry);
      this.move(entry, this.referenced.has(entry) ? 'active' : 'inactive');
      if (entry === first) break;
      entry = before;
    }
  }

  private rotateInactive(): void {
    const { inactive } = this.lists;
    if (inactive.count === 0) return;
    const { links } = this;
    let last = links.next[this.nextRotation]!;
    if (last === inactive.head) last = links.next[last]!;
    let current = this.nextRotation;
    let following = current;
    for (let i = 0; i < localTarget; ) {
      if (current === inactive.head) {
        current = links.previous[current]!;
        continue;
      }
      following = links.previous[current]!;
      if (this.referenced.has(current)) this.move(current, 'active');
      if (current === last) break;
      current = following;
      i++;
    }
    this.nextRotation = following;
  }

  private shrink(wanted: number, free: EntryList): void {
    const { inactive } = this.lists;
    let freed = 0;
    let entry = inactive.last();
    for (let i = 0; i < localTarget && entry >= 0 && freed < wanted; i++) {
      const before = inactive.before(entry);
      if (this.referenced.has(entry)) this.move(entry, 'active');
      else if (this.evict(entry)) {
        this.toLocalFree(entry, free);
        freed++;
      }
      entry = before;
    }
    if (freed > 0) return;
    const list = inactive.count > 0 ? inactive : this.lists.active;
    for (let at = list.last(); at >= 0; at = list.before(at)) {
      if (!this.evict(at)) continue;
      this.toLocalFree(at, free);
      return;
    }
  }

  /** A free or pending entry of another CPU. */
  private steal(cpu: number): number {
    for (let i = 1; i < this.local.length; i++) {
      const other = this.local[(cpu + i) % this.local.length]!;
      const free = other.free.first();
      if (free >= 0) return free;
      for (let entry = other.pending.last(); entry >= 0; entry = other.pending.before(entry)) {
        if (!this.referenced.has(entry) && this.evict(entry)) return entry;
      }
    }
    // What is left are this CPU's own pending entries: __local_list_pop_pending() looks at them last.
    const own = this.local[cpu]!;
    for (let entry = own.pending.last(); entry >= 0; entry = own.pending.before(entry))
      if (this.evict(entry)) return entry;
    return -1;
  }

  private toLocalFree(entry: number, free: EntryList): void {
    this.leave(entry);
    this.places[entry] = 'local free';
    free.addFirst(entry);
  }

  private move(entry: number, to: 'free' | 'inactive' | 'active'): void {
    this.leave(entry);
    this.places[entry] = to;
    this.referenced.delete(entry);
    this.lists[to].addFirst(entry);
  }

  private leave(entry: number): void {
    if (this.nextRotation === entry) this.nextRotation = this.links.previous[entry]!;
    this.links.remove(entry);
  }
}

/** Doubly linked circular lists over entry numbers; list heads are the numbers after them. */
class Links {
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** List of each entry, to count. */
  readonly list: (EntryList | undefined)[];

  constructor(entries: number, heads: number) {
    this.next = new Int32Array(entries + heads);
    this.previous = new Int32Array(entries + heads);
    this.list = filled<EntryList | undefined>(entries + heads, undefined);
  }

  remove(entry: number): void {
    const next = this.next[entry]!;
    const previous = this.previous[entry]!;
    this.next[previous] = next;
    this.previous[next] = previous;
    const list = this.list[entry];
    if (list !== undefined) list.count--;
    this.list[entry] = undefined;
  }
}

class EntryList {
  count = 0;
  readonly head: number;
  private readonly links: Links;

  constructor(links: Links, head: number) {
    this.links = links;
    this.head = head;
    links.next[head] = head;
    links.previous[head] = head;
  }

  /** As addFirst() of 0, 1, … to an empty list, for maps of which thousands are made. */
  fill(size: number): void {
    const { next, previous, list } = this.links;
    for (let entry = 0; entry < size; entry++) {
      next[entry] = entry === 0 ? this.head : entry - 1;
      previous[entry] = entry === size - 1 ? this.head : entry + 1;
    }
    list.fill(this, 0, size);
    if (size === 0) return;
    next[this.head] = size - 1;
    previous[this.head] = 0;
    this.count = size;
  }

  addFirst(entry: number): void {
    const { next, previous, list } = this.links;
    const first = next[this.head]!;
    next[entry] = first;
    previous[entry] = this.head;
    previous[first] = entry;
    next[this.head] = entry;
    list[entry] = this;
    this.count++;
  }

  /** -1 when empty, as the others. */
  first(): number {
    const entry = this.links.next[this.head]!;
    return entry === this.head ? -1 : entry;
  }

  last(): number {
    return this.before(this.head);
  }

  before(entry: number): number {
    const previous = this.links.previous[entry]!;
    return previous === this.head ? -1 : previous;
  }
}

/** Made at its full length: growing by one entry after the other takes longer than everything else here. */
function filled<T>(length: number, value: T): T[] {
  const list: T[] = [];
  list.length = length;
  return list.fill(value);
}
