import { type EntryList, type Links, listsOf } from './entryLists.ts';

/** Which of the three an entry is in; another word where its owner keeps it. */
export type Place = 'free' | 'inactive' | 'active' | 'local free' | 'pending';

/** What all lists of a map share. */
export interface LruEntries {
  readonly links: Links;
  readonly places: Place[];
  readonly referenced: Set<number>;
  /** Takes an entry out of the map; false when it is not there any more. */
  evict(entry: number): boolean;
}

/**
 * One approximate LRU, struct bpf_lru_list of kernel/bpf/bpf_lru_list.c: entries move between an active and an inactive list by
 * a reference bit. Followed step by step, since programs see which entries go.
 */
export class LruLists {
  readonly free: EntryList;
  private readonly inactive: EntryList;
  private readonly active: EntryList;
  private readonly entries: LruEntries;
  /** Entries that one pass looks at: nr_scans. */
  private readonly scans: number;
  private nextRotation: number;

  /** `heads` is the number of the first of its three list heads. */
  constructor(entries: LruEntries, heads: number, scans: number) {
    this.entries = entries;
    this.scans = scans;
    [this.free, this.inactive, this.active] = listsOf(entries.links, heads);
    this.nextRotation = this.inactive.head;
  }

  move(entry: number, to: 'free' | 'inactive' | 'active'): void {
    this.leave(entry);
    this.entries.places[entry] = to;
    this.entries.referenced.delete(entry);
    this[to].addFirst(entry);
  }

  /** Into a list of the caller's; `place` is what it is called. */
  moveTo(list: EntryList, entry: number, place: Place): void {
    this.leave(entry);
    this.entries.places[entry] = place;
    list.addFirst(entry);
  }

  /** __bpf_lru_list_rotate(). */
  rotate(): void {
    if (this.inactive.count < this.active.count) this.rotateActive();
    this.rotateInactive();
  }

  /** __bpf_lru_list_shrink(): evicts up to `wanted` entries into `free`, and at least one where there is any. */
  shrink(wanted: number, free: EntryList, place: Place): void {
    const { inactive, entries } = this;
    let freed = 0;
    let entry = inactive.last();
    for (let i = 0; i < this.scans && entry >= 0 && freed < wanted; i++) {
      const before = inactive.before(entry);
      if (entries.referenced.has(entry)) this.move(entry, 'active');
      else if (entries.evict(entry)) {
        this.moveTo(free, entry, place);
        freed++;
      }
      entry = before;
    }
    if (freed > 0) return;
    const list = inactive.count > 0 ? inactive : this.active;
    for (let at = list.last(); at >= 0; at = list.before(at)) {
      if (!entries.evict(at)) continue;
      this.moveTo(free, at, place);
      return;
    }
  }

  private rotateActive(): void {
    const { active } = this;
    const first = active.first();
    let entry = active.last();
    for (let i = 0; i < this.scans && entry >= 0; i++) {
      const before = active.before(entry);
      this.move(entry, this.entries.referenced.has(entry) ? 'active' : 'inactive');
      if (entry === first) break;
      entry = before;
    }
  }

  private rotateInactive(): void {
    const { inactive } = this;
    if (inactive.count === 0) return;
    const { links, referenced } = this.entries;
    let last = links.next[this.nextRotation]!;
    if (last === inactive.head) last = links.next[last]!;
    let current = this.nextRotation;
    let following = current;
    for (let i = 0; i < this.scans; ) {
      if (current === inactive.head) {
        current = links.previous[current]!;
        continue;
      }
      following = links.previous[current]!;
      if (referenced.has(current)) this.move(current, 'active');
      if (current === last) break;
      current = following;
      i++;
    }
    this.nextRotation = following;
  }

  private leave(entry: number): void {
    const { links } = this.entries;
    if (this.nextRotation === entry) this.nextRotation = links.previous[entry]!;
    links.remove(entry);
  }
}
