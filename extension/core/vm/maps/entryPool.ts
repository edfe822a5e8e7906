/** Gives out entry numbers of a hash map. */
export interface EntryPool {
  /** A free entry, -1 when there is none. May make room by `evict`. */
  take(cpu: number): number;
  release(entry: number): void;
  /** A program looked this entry up. */
  touch(entry: number): void;
}

/** Entries of a map that refuses to grow: last freed, first used, as the kernel's free lists. */
export class PlainPool implements EntryPool {
  private readonly free: number[] = [];
  private fresh = 0;
  private readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  take(): number {
    const freed = this.free.pop();
    if (freed !== undefined) return freed;
    return this.fresh < this.size ? this.fresh++ : -1;
  }

  release(entry: number): void {
    this.free.push(entry);
  }

  touch(): void {}
}
