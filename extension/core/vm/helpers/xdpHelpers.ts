import { errno } from '../errno.ts';
import type { VmMap } from '../maps/map.ts';
import { ReferenceArray, ReferenceHash } from '../maps/referenceMaps.ts';
import type { Call, Helper } from './call.ts';

const xdpAborted = 0;
const xdpRedirect = 4;
/** Low bits of bpf_redirect_map()'s flags: what to return on a miss. */
const actionMask = 3;
/** BPF_F_BROADCAST and BPF_F_EXCLUDE_INGRESS. */
const broadcastFlag = 8;
const devmapFlags = 24;
/** MAX_TAIL_CALL_CNT of include/linux/bpf.h. */
const maxTailCalls = 33;
/** bpf_xdp_pointer() takes no more. */
const maxPointer = 0xffff;

/** The packet and where it goes: net/core/filter.c. */
export const xdpHelpers: readonly Helper[] = [
  { id: 12, name: 'bpf_tail_call', run: tailCall },
  {
    id: 23,
    name: 'bpf_redirect',
    run(call) {
      if (call.flags(2) !== 0) return call.give(xdpAborted);
      call.world.redirect = { kind: 'interface', ifindex: call.u32(1) };
      call.give(xdpRedirect);
    },
  },
  { id: 51, name: 'bpf_redirect_map', run: redirectMap },
  { id: 28, name: 'bpf_csum_diff', run: csumDiff },
  { id: 44, name: 'bpf_xdp_adjust_head', run: (call) => onFrame(call, () => call.world.frame.adjustHead(call.int(2))) },
  { id: 54, name: 'bpf_xdp_adjust_meta', run: (call) => onFrame(call, () => call.world.frame.adjustMeta(call.int(2))) },
  { id: 65, name: 'bpf_xdp_adjust_tail', run: (call) => onFrame(call, () => call.world.frame.adjustTail(call.int(2))) },
  { id: 188, name: 'bpf_xdp_get_buff_len', run: (call) => onFrame(call, () => call.world.frame.length()) },
  { id: 189, name: 'bpf_xdp_load_bytes', run: (call) => copyBytes(call, 'load') },
  { id: 190, name: 'bpf_xdp_store_bytes', run: (call) => copyBytes(call, 'store') },
];

function onFrame(call: Call, action: () => number): void {
  call.context();
  call.give(action());
}

function copyBytes(call: Call, direction: 'load' | 'store'): void {
  call.context();
  const offset = call.u32(2);
  const length = call.u32(4);
  const address = direction === 'load' ? call.writable(3, length) : call.readable(3, length);
  if (offset > maxPointer || length > maxPointer) return call.give(errno.fault);
  if (offset + length > call.world.frame.length()) return call.give(errno.invalid);
  call.world.frame.copy(direction, offset, address, length);
  call.give(0);
}

/** On success the called program takes this one's place; otherwise the call does nothing. */
function tailCall(call: Call): void {
  const { cpu, world } = call;
  call.context();
  const map = call.map(2);
  if (!(map instanceof ReferenceArray) || map.definition.type !== 'prog_array') {
    throw call.refuse(`${map.definition.name} is no prog array`);
  }
  const reference = map.reference(call.u32(3));
  const code = reference === undefined ? undefined : world.program(reference);
  if (code === undefined || cpu.tailCalls >= maxTailCalls) return;
  cpu.tailCalls++;
  cpu.replace(code);
}

/** include/linux/filter.h, __bpf_xdp_redirect_map(). */
function redirectMap(call: Call): void {
  const map = call.map(1);
  const { type, name } = map.definition;
  const allowed = type === 'devmap' || type === 'devmap_hash' ? devmapFlags : 0;
  if (!allowed && type !== 'cpumap' && type !== 'xskmap')
    throw call.refuse(`${name} is a ${type}: nothing can be redirected there`);
  const flags = call.flags(3);
  if ((flags & ~(actionMask | allowed)) !== 0) return call.give(xdpAborted);
  const key = call.u32(2);
  const broadcast = (flags & broadcastFlag & allowed) !== 0;
  if (!broadcast && !hasTarget(map, key)) return call.give(flags & actionMask);
  call.world.redirect = { kind: 'map', map: name, key, broadcast };
  call.give(xdpRedirect);
}

function hasTarget(map: VmMap, key: number): boolean {
  if (map instanceof ReferenceArray) return map.reference(key) !== undefined;
  return map instanceof ReferenceHash && map.referenceOf(key) !== undefined;
}

/** bpf_csum_diff(from, from_size, to, to_size, seed): folded to 16 bits as since Linux 6.13; before, 32 bits came back. */
function csumDiff(call: Call): void {
  const fromSize = call.u32(2);
  const toSize = call.u32(4);
  if (((fromSize | toSize) & 3) !== 0) return call.give(errno.invalid);
  const from = fromSize > 0 ? call.readable(1, fromSize) : 0;
  const to = toSize > 0 ? call.readable(3, toSize) : 0;
  const seed = call.u32(5);
  let sum: number;
  if (fromSize > 0 && toSize > 0)
    sum = addOnes(partial(call, to, toSize, seed), ~partial(call, from, fromSize, 0) >>> 0);
  else if (toSize > 0) sum = partial(call, to, toSize, seed);
  else if (fromSize > 0) sum = ~partial(call, from, fromSize, ~seed >>> 0) >>> 0;
  else sum = seed;
  const folded = (sum & 0xffff) + (sum >>> 16);
  call.give((folded & 0xffff) + (folded >>> 16));
}

function partial(call: Call, address: number, size: number, seed: number): number {
  const { view } = call.world.memory;
  let sum = seed;
  for (let at = address; at < address + size; at += 4) sum = addOnes(sum, view.getUint32(at, true));
  return sum;
}

/** One's complement addition of 32 bits. */
function addOnes(a: number, b: number): number {
  const sum = a + b;
  return sum > 0xffffffff ? sum - 0xffffffff : sum;
}
