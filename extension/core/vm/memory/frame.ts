import { Memory } from './memory.ts';
import { right, tag } from './regions.ts';

/** Bytes of one page: of the frame, and of each fragment. */
const pageBytes = 4096;
/** XDP_PACKET_HEADROOM of include/uapi/linux/bpf.h. */
const headroom = 256;
/** Bytes of struct xdp_frame, which the kernel keeps at the start of the headroom. */
const frameHeaderBytes = 40;
/** SKB_DATA_ALIGN(sizeof(struct skb_shared_info)): what the kernel keeps at the end of the frame. */
const sharedInfoBytes = 320;
/** ETH_HLEN. */
const ethernetHeader = 14;
const maxMetadata = 255;

/** Of most packets: making an empty array for each would cost more than everything else here. */
export const noBytes: Uint8Array = new Uint8Array(0);

const einval = -22;
const eacces = -13;

/**
 * The frame that a program runs on, as BPF_PROG_TEST_RUN lays it out: net/bpf/test_run.c, bpf_prog_test_run_xdp(). What
 * does not fit into the page follows in fragments. Addresses are in `memory`.
 */
export class Frame {
  dataMeta = 0;
  data = 0;
  dataEnd = 0;
  /** What follows the linear part; each at most a page. */
  fragments: Uint8Array[] = [];
  private readonly hardStart: number;
  private readonly memory: Memory;
  /** By fragment: the region that it has in memory once a program has a pointer into it, else 0. */
  private readonly pinned: number[] = [];
  /** Bytes that pullData() took from the front of the first fragment: its page has no room for them any more. */
  private pulled = 0;
  /** Regions for that, used again by later packets. */
  private readonly pages: number[] = [];
  /** Everything outside is zero: clearing a page for each packet would take longer than most programs run. */
  private dirtyStart: number;
  private dirtyEnd: number;

  constructor(memory: Memory) {
    this.memory = memory;
    this.hardStart = memory.allocate(pageBytes, () => tag.packet);
    this.dirtyStart = this.dirtyEnd = this.hardStart + headroom;
  }

  /** A fresh frame with this packet, of which at most `linearBytes` are not in fragments. Bytes around it are zero. */
  set(packet: Uint8Array, metadata: Uint8Array, linearBytes = packet.length): void {
    const { bytes } = this.memory;
    const linear = Math.min(packet.length, linearBytes, pageBytes - headroom - sharedInfoBytes);
    this.data = this.hardStart + headroom;
    this.dataMeta = this.data - metadata.length;
    this.dataEnd = this.data + linear;
    if (this.dirtyStart < this.dataMeta) bytes.fill(0, this.dirtyStart, this.dataMeta);
    if (this.dirtyEnd > this.dataEnd) bytes.fill(0, this.dataEnd, this.dirtyEnd);
    this.dirtyStart = this.dataMeta;
    this.dirtyEnd = this.dataEnd;
    if (metadata.length > 0) bytes.set(metadata, this.dataMeta);
    bytes.set(linear === packet.length ? packet : packet.subarray(0, linear), this.data);
    if (this.pinned.length > 0) this.unpin();
    if (this.fragments.length > 0) this.fragments = [];
    this.pulled = 0;
    for (let at = linear; at < packet.length; at += pageBytes) {
      this.fragments.push(new Uint8Array(packet.subarray(at, at + pageBytes)));
    }
    this.place();
  }

  metadata(): Uint8Array {
    return this.dataMeta === this.data ? noBytes : this.memory.bytes.slice(this.dataMeta, this.data);
  }

  /** The whole packet from `data` on. */
  packet(): Uint8Array {
    if (this.fragments.length === 0) return this.memory.bytes.slice(this.data, this.dataEnd);
    const whole = new Uint8Array(this.length());
    whole.set(this.memory.bytes.subarray(this.data, this.dataEnd));
    let at = this.dataEnd - this.data;
    for (const index of this.fragments.keys()) {
      const fragment = this.bytesOf(index);
      whole.set(fragment, at);
      at += fragment.length;
    }
    return whole;
  }

  /** Bytes of linear part and fragments: xdp_get_buff_len(). */
  length(): number {
    return this.fragments.reduce((sum, fragment) => sum + fragment.length, this.dataEnd - this.data);
  }

  /** net/core/filter.c, bpf_xdp_adjust_head(). 0 or a negative errno. */
  adjustHead(offset: number): number {
    const metadataLength = this.data - this.dataMeta;
    const data = this.data + offset;
    if (data < this.hardStart + frameHeaderBytes + metadataLength) return einval;
    if (data > this.dataEnd - ethernetHeader) return einval;
    this.memory.bytes.copyWithin(this.dataMeta + offset, this.dataMeta, this.data);
    this.dataMeta += offset;
    this.data = data;
    this.place();
    return 0;
  }

  /** net/core/filter.c, bpf_xdp_adjust_meta(). */
  adjustMeta(offset: number): number {
    const meta = this.dataMeta + offset;
    if (meta < this.hardStart + frameHeaderBytes || meta > this.data) return einval;
    const length = this.data - meta;
    if (length % 4 !== 0 || length > maxMetadata) return eacces;
    this.dataMeta = meta;
    this.place();
    return 0;
  }

  /** net/core/filter.c, bpf_xdp_adjust_tail(). */
  adjustTail(offset: number): number {
    this.unpin();
    if (this.fragments.length > 0) return offset < 0 ? this.shrinkFragments(-offset) : this.growFragment(offset);
    const end = this.dataEnd + offset;
    if (end > this.hardStart + pageBytes - sharedInfoBytes) return einval;
    if (end < this.data + ethernetHeader) return einval;
    if (offset > 0) this.memory.bytes.fill(0, this.dataEnd, end);
    this.dataEnd = end;
    this.place();
    return 0;
  }

  /**
   * net/core/filter.c, bpf_xdp_pull_data() of 6.18: brings `length` bytes into the linear part, which moves down where its page
   * has no room behind it.
   */
  pullData(length: number): number {
    const linear = this.dataEnd - this.data;
    if (length <= linear) return 0;
    if (length > this.length()) return einval;
    const { bytes } = this.memory;
    const headroomLeft = this.dataMeta - this.hardStart - frameHeaderBytes;
    const tailroom = this.hardStart + pageBytes - sharedInfoBytes - this.dataEnd;
    const wanted = length - linear;
    if (wanted > tailroom + headroomLeft) return einval;
    const shift = Math.max(0, wanted - tailroom);
    bytes.copyWithin(this.dataMeta - shift, this.dataMeta, this.dataEnd);
    this.dataMeta -= shift;
    this.data -= shift;
    this.dataEnd -= shift;
    this.unpin();
    for (let left = wanted; left > 0; ) {
      const first = this.fragments.shift()!;
      const taken = Math.min(left, first.length);
      bytes.set(first.subarray(0, taken), this.dataEnd);
      this.dataEnd += taken;
      left -= taken;
      this.pulled = taken < first.length ? this.pulled + taken : 0;
      if (taken < first.length) this.fragments.unshift(first.slice(taken));
    }
    this.place();
    return 0;
  }

  /** Copies between the packet, fragments included, and memory at `address`. The range is inside the packet. */
  copy(direction: 'load' | 'store', offset: number, address: number, length: number): void {
    const { bytes } = this.memory;
    const linear = this.dataEnd - this.data;
    const inLinear = Math.max(0, Math.min(length, linear - offset));
    if (inLinear > 0) {
      const at = this.data + offset;
      if (direction === 'load') bytes.copyWithin(address, at, at + inLinear);
      else bytes.copyWithin(at, address, address + inLinear);
    }
    let start = linear;
    for (const index of this.fragments.keys()) {
      const fragment = this.bytesOf(index);
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + fragment.length);
      if (from < to) {
        const at = address + (from - offset);
        if (direction === 'load') bytes.set(fragment.subarray(from - start, to - start), at);
        else fragment.set(bytes.subarray(at, at + to - from), from - start);
      }
      start += fragment.length;
    }
  }

  /**
   * A pointer to `length` bytes at `offset` of the packet, which are inside it: net/core/filter.c, bpf_xdp_pointer(). Undefined
   * where they do not lie in one piece.
   */
  pointer(offset: number, length: number): { region: number; address: number } | undefined {
    const linear = this.dataEnd - this.data;
    if (offset < linear) {
      return offset + length <= linear ? { region: tag.packet, address: this.data + offset } : undefined;
    }
    let start = linear;
    for (const [index, fragment] of this.fragments.entries()) {
      const end = start + fragment.length;
      if (offset < end) {
        if (offset + length > end) return undefined;
        const region = this.pin(index);
        return { region, address: this.memory.starts[region]! + (offset - start) };
      }
      start = end;
    }
    return undefined;
  }

  /** A fragment as it is now: programs with a pointer into it write to memory. */
  private bytesOf(index: number): Uint8Array {
    const region = this.pinned[index] ?? 0;
    if (region === 0) return this.fragments[index]!;
    return this.memory.bytes.subarray(this.memory.starts[region], this.memory.ends[region]);
  }

  private pin(index: number): number {
    const known = this.pinned[index] ?? 0;
    if (known !== 0) return known;
    const { memory } = this;
    const info = { kind: 'packet', name: `fragment ${index + 1}` } as const;
    const region = this.pages[index] ?? memory.allocateRegion(pageBytes, right.none, info);
    this.pages[index] = region;
    this.pinned[index] = region;
    const start = memory.starts[region]!;
    const fragment = this.fragments[index]!;
    memory.placeRegion(region, start, start + fragment.length, right.both);
    memory.bytes.set(fragment, start);
    return region;
  }

  /** Pointers into fragments end where these change. */
  private unpin(): void {
    for (const [index, region] of this.pinned.entries()) {
      if (region === undefined || region === 0) continue;
      this.fragments[index] = this.bytesOf(index).slice();
      this.memory.placeRegion(region, this.memory.starts[region]!, this.memory.starts[region]!, right.none);
    }
    this.pinned.length = 0;
  }

  private shrinkFragments(amount: number): number {
    if (amount > this.length() - ethernetHeader) return einval;
    let left = amount;
    while (left > 0 && this.fragments.length > 0) {
      const last = this.fragments.pop()!;
      const taken = Math.min(left, last.length);
      left -= taken;
      if (taken < last.length) this.fragments.push(last.slice(0, last.length - taken));
    }
    if (this.fragments.length === 0) {
      this.dataEnd -= left;
      this.place();
    }
    return 0;
  }

  private growFragment(amount: number): number {
    const last = this.fragments.pop()!;
    const room = pageBytes - last.length - (this.fragments.length === 0 ? this.pulled : 0);
    const grown = amount <= room ? new Uint8Array(last.length + amount) : last;
    if (grown !== last) grown.set(last);
    this.fragments.push(grown);
    return grown === last && amount > 0 ? einval : 0;
  }

  private place(): void {
    this.dirtyStart = Math.min(this.dirtyStart, this.dataMeta);
    this.dirtyEnd = Math.max(this.dirtyEnd, this.dataEnd);
    this.memory.placeRegion(tag.packet, this.dataMeta, this.dataEnd, right.both);
  }
}
