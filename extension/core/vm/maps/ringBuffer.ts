import { errno } from '../errno.ts';
import { noBytes } from '../memory/frame.ts';
import { type Region, right } from '../memory/regions.ts';
import { type MapDefinition, type MapSettings, VmMap } from './map.ts';

const headerBytes = 8;
/** BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP. */
const wakeupFlags = 3;
/** RINGBUF_MAX_RECORD_SZ of kernel/bpf/ringbuf.c. */
const maxRecord = 0x3fff_ffff;

/** A record in the ring: its bytes once it is submitted, and none if it was discarded. */
interface Entry {
  state: 'busy' | 'submitted' | 'discarded';
  data: Uint8Array;
}

interface Reservation {
  entry: Entry;
  size: number;
}

/** ringbuf: kernel/bpf/ringbuf.c. Nobody reads while a program runs, so the ring only fills; drain() gives what a reader gets. */
export class RingBuffer extends VmMap {
  /** In the order in which they were reserved, which is the reader's, whenever they are submitted. */
  private readonly ring: Entry[] = [];
  private produced = 0;
  private consumed = 0;
  private readonly reserved = new Map<number, Reservation>();
  private readonly info: Region;

  constructor(definition: MapDefinition, settings: MapSettings) {
    super(definition, settings);
    this.info = { kind: 'ring buffer record', name: definition.name };
  }

  /** Region of a new record, 0 when the ring is full. */
  reserve(size: number, flags: number): number {
    if (flags !== 0 || !this.take(size)) return 0;
    const region = this.memory.allocateRegion(size, right.both, this.info);
    const entry: Entry = { state: 'busy', data: noBytes };
    this.ring.push(entry);
    this.reserved.set(region, { entry, size });
    return region;
  }

  /** False when the pointer is no reserved record. */
  finish(region: number, address: number, keep: boolean): boolean {
    const reservation = this.reserved.get(region);
    if (reservation === undefined || this.memory.starts[region] !== address) return false;
    const { entry, size } = reservation;
    entry.state = keep ? 'submitted' : 'discarded';
    if (keep) entry.data = this.memory.bytes.slice(address, address + size);
    this.reserved.delete(region);
    this.memory.placeRegion(region, address, address + size, right.none);
    return true;
  }

  output(address: number, size: number, flags: number): number {
    if ((flags & ~wakeupFlags) !== 0) return errno.invalid;
    if (!this.take(size)) return errno.again;
    this.ring.push({ state: 'submitted', data: this.memory.bytes.slice(address, address + size) });
    return 0;
  }

  /** bpf_ringbuf_query(): available bytes, size, consumer and producer position. */
  query(flags: number): number {
    switch (flags) {
      case 0:
        return this.produced - this.consumed;
      case 2:
        return this.consumed;
      case 3:
        return this.produced;
      case 1:
        return this.definition.maxEntries;
      default:
        return 0;
    }
  }

  /** Takes everything out, as a reader that catches up does; the ring is empty then. */
  drain(): Uint8Array[] {
    this.consumed = this.produced;
    return this.ring.splice(0).flatMap(({ state, data }) => (state === 'submitted' ? [data] : []));
  }

  private take(size: number): boolean {
    const length = Math.ceil((size + headerBytes) / 8) * 8;
    if (size > maxRecord || this.produced - this.consumed + length > this.definition.maxEntries - 1) return false;
    this.produced += length;
    return true;
  }
}
