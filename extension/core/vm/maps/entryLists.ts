/** Doubly linked circular lists over entry numbers; list heads are the numbers after them. */
export class Links {
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

export class EntryList {
  count = 0;
  readonly head: number;
  private readonly links: Links;

  constructor(links: Links, head: number) {
    this.links = links;
    this.head = head;
    links.next[head] = head;
    links.previous[head] = head;
  }

  /** As addFirst() of `start`, `start` + 1, … to an empty list, for maps of which thousands are made. */
  fill(start: number, size: number): void {
    const { next, previous, list } = this.links;
    const last = start + size - 1;
    for (let entry = start; entry <= last; entry++) {
      next[entry] = entry === start ? this.head : entry - 1;
      previous[entry] = entry === last ? this.head : entry + 1;
    }
    list.fill(this, start, start + size);
    if (size === 0) return;
    next[this.head] = last;
    previous[this.head] = start;
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

/** Three lists with heads that follow each other. */
export function listsOf(links: Links, heads: number): [EntryList, EntryList, EntryList] {
  return [new EntryList(links, heads), new EntryList(links, heads + 1), new EntryList(links, heads + 2)];
}

/** Made at its full length: growing by one entry after the other takes longer than everything else here. */
export function filled<T>(length: number, value: T): T[] {
  const list: T[] = [];
  list.length = length;
  return list.fill(value);
}
