import { errno } from '../errno.ts';
import { tag } from '../memory/regions.ts';
import type { Call, Helper } from './call.ts';

/** Bytes of struct bpf_dynptr. */
const dynptrBytes = 16;
/** DYNPTR_MAX_SIZE of include/linux/bpf.h; the bits above say what it is. */
const maxSize = 0xff_ffff;
const sizeMask = 0xff_ffff;
/** DYNPTR_RDONLY_BIT. */
const readOnlyBit = 0x8000_0000;
/** The kernel's limit on offsets and lengths: net/core/filter.c, bpf_xdp_pointer(). */
const maxPacketOffset = 0xffff;

/** struct bpf_dynptr_kern: what it points to, how much of that, and from where on. Programs never look inside. */
interface Dynptr {
  /** Address of the struct. */
  at: number;
  /** Region of the data; the context for a packet. 0: null. */
  region: number;
  address: number;
  size: number;
  readOnly: boolean;
  offset: number;
}

function open(call: Call, argument: number): Dynptr {
  const at = call.writable(argument, dynptrBytes);
  const { view } = call.world.memory;
  const size = view.getUint32(at + 8, true);
  return {
    at,
    address: view.getInt32(at, true),
    region: view.getInt32(at + 4, true),
    size: size & sizeMask,
    readOnly: (size & readOnlyBit) !== 0,
    offset: view.getUint32(at + 12, true),
  };
}

function store(call: Call, at: number, { region, address, size, readOnly, offset }: Omit<Dynptr, 'at'>): void {
  const { view } = call.world.memory;
  view.setInt32(at, address, true);
  view.setInt32(at + 4, region, true);
  view.setUint32(at + 8, (size | (readOnly ? readOnlyBit : 0)) >>> 0, true);
  view.setUint32(at + 12, offset, true);
}

const nothing: Omit<Dynptr, 'at'> = { region: 0, address: 0, size: 0, readOnly: false, offset: 0 };

/** Does a part lie inside? kernel/bpf/helpers.c, bpf_dynptr_check_off_len(). */
function fits({ size }: Dynptr, offset: number, length: number): boolean {
  return length <= size && offset <= size - length;
}

function isPacket({ region }: Dynptr): boolean {
  return region === tag.context;
}

/** Pointers with a size that is known at run time: kernel/bpf/helpers.c. */
export const dynptrHelpers: readonly Helper[] = [
  { id: 197, name: 'bpf_dynptr_from_mem', run: fromMemory },
  { id: 201, name: 'bpf_dynptr_read', run: read },
  { id: 202, name: 'bpf_dynptr_write', run: write },
  { id: 203, name: 'bpf_dynptr_data', run: data },
];

export const dynptrKfuncs: readonly Helper[] = [
  { name: 'bpf_dynptr_from_xdp', run: fromPacket },
  { name: 'bpf_dynptr_slice', run: (call) => slice(call, 'read') },
  { name: 'bpf_dynptr_slice_rdwr', run: (call) => slice(call, 'write') },
  { name: 'bpf_dynptr_adjust', run: adjust },
  { name: 'bpf_dynptr_clone', run: clone },
  { name: 'bpf_dynptr_is_null', run: (call) => call.give(open(call, 1).region === 0 ? 1 : 0) },
  {
    name: 'bpf_dynptr_is_rdonly',
    run(call) {
      const { region, readOnly } = open(call, 1);
      call.give(region !== 0 && readOnly ? 1 : 0);
    },
  },
  {
    name: 'bpf_dynptr_size',
    run(call) {
      const { region, size } = open(call, 1);
      // The kernel's result is a __u32.
      call.give(region === 0 ? errno.invalid >>> 0 : size);
    },
  },
];

/** bpf_dynptr_from_mem(data, size, flags, ptr). */
function fromMemory(call: Call): void {
  const size = call.u32(2);
  const at = call.writable(4, dynptrBytes);
  const problem = size > maxSize ? errno.tooBig : call.flags(3) !== 0 ? errno.invalid : 0;
  if (problem === 0) call.writable(1, size);
  const { lo, hi } = call.cpu;
  store(call, at, problem === 0 ? { ...nothing, region: hi[1]!, address: lo[1]!, size } : nothing);
  call.give(problem);
}

/** bpf_dynptr_from_xdp(xdp, flags, ptr). */
function fromPacket(call: Call): void {
  call.context();
  const at = call.writable(3, dynptrBytes);
  const valid = call.flags(2) === 0;
  store(call, at, valid ? { ...nothing, region: tag.context, size: call.world.frame.length() } : nothing);
  call.give(valid ? 0 : errno.invalid);
}

/** bpf_dynptr_read(dst, len, src, offset, flags). */
function read(call: Call): void {
  const length = call.u32(2);
  const to = call.writable(1, length);
  const source = open(call, 3);
  const offset = call.u32(4);
  if (source.region === 0 || call.flags(5) !== 0) return call.give(errno.invalid);
  if (!fits(source, offset, length)) return call.give(errno.tooBig);
  call.give(transfer(call, source, { offset: source.offset + offset, length, other: to, direction: 'load' }));
}

/** bpf_dynptr_write(dst, offset, src, len, flags). */
function write(call: Call): void {
  const target = open(call, 1);
  const offset = call.u32(2);
  const length = call.u32(4);
  const from = call.readable(3, length);
  if (target.region === 0 || target.readOnly) return call.give(errno.invalid);
  if (!fits(target, offset, length)) return call.give(errno.tooBig);
  if (call.flags(5) !== 0) return call.give(errno.invalid);
  call.give(transfer(call, target, { offset: target.offset + offset, length, other: from, direction: 'store' }));
}

interface Transfer {
  offset: number;
  length: number;
  /** Address of the program's own bytes. */
  other: number;
  direction: 'load' | 'store';
}

function transfer(call: Call, dynptr: Dynptr, { offset, length, other, direction }: Transfer): number {
  const { frame, memory } = call.world;
  if (isPacket(dynptr)) {
    if (offset > maxPacketOffset || length > maxPacketOffset) return errno.fault;
    if (offset + length > frame.length()) return errno.invalid;
    frame.copy(direction, offset, other, length);
    return 0;
  }
  const at = dynptr.address + offset;
  if (direction === 'load') memory.bytes.copyWithin(other, at, at + length);
  else memory.bytes.copyWithin(at, other, other + length);
  return 0;
}

/** bpf_dynptr_data(ptr, offset, len): a packet may lie in pieces, so that it has no such pointer. */
function data(call: Call): void {
  const dynptr = open(call, 1);
  const offset = call.u32(2);
  const none = dynptr.region === 0 || dynptr.readOnly || isPacket(dynptr) || !fits(dynptr, offset, call.u32(3));
  givePointer(call, none ? 0 : dynptr.region, none ? 0 : dynptr.address + dynptr.offset + offset);
}

/** bpf_dynptr_slice(ptr, offset, buffer, buffer_size): the bytes in place, else a copy of them in the buffer. */
function slice(call: Call, kind: 'read' | 'write'): void {
  const dynptr = open(call, 1);
  const offset = call.u32(2);
  const length = call.u32(4);
  if (dynptr.region === 0 || (kind === 'write' && dynptr.readOnly) || !fits(dynptr, offset, length))
    return givePointer(call, 0, 0);
  const start = dynptr.offset + offset;
  if (!isPacket(dynptr)) return givePointer(call, dynptr.region, dynptr.address + start);
  const { frame } = call.world;
  const near = start <= maxPacketOffset && length <= maxPacketOffset;
  const place = near ? frame.pointer(start, length) : undefined;
  if (place !== undefined) return givePointer(call, place.region, place.address);
  if (call.isNull(3)) return givePointer(call, 0, 0);
  frame.copy('load', start, call.writable(3, length), length);
  givePointer(call, call.cpu.hi[3]!, call.cpu.lo[3]!);
}

/** bpf_dynptr_adjust(ptr, start, end). */
function adjust(call: Call): void {
  const dynptr = open(call, 1);
  const start = call.u32(2);
  const end = call.u32(3);
  if (dynptr.region === 0 || start > end) return call.give(errno.invalid);
  if (start > dynptr.size || end > dynptr.size) return call.give(errno.range);
  store(call, dynptr.at, { ...dynptr, offset: dynptr.offset + start, size: end - start });
  call.give(0);
}

/** bpf_dynptr_clone(ptr, clone). */
function clone(call: Call): void {
  const dynptr = open(call, 1);
  const at = call.writable(2, dynptrBytes);
  store(call, at, dynptr);
  call.give(dynptr.region === 0 ? errno.invalid : 0);
}

function givePointer(call: Call, region: number, address: number): void {
  call.cpu.hi[0] = region;
  call.cpu.lo[0] = address;
}
