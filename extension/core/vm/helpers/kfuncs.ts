import { errno } from '../errno.ts';
import { right } from '../memory/regions.ts';
import type { Call, Helper } from './call.ts';
import { dynptrKfuncs } from './dynptr.ts';

/** Kernel functions by name: net/core/xdp.c, net/core/filter.c and kernel/bpf/bpf_iter.c. */
export const kfuncs: ReadonlyMap<string, Helper> = new Map(
  (
    [
      { name: 'bpf_xdp_metadata_rx_timestamp', run: rxTimestamp },
      { name: 'bpf_xdp_metadata_rx_hash', run: rxHash },
      { name: 'bpf_xdp_metadata_rx_vlan_tag', run: rxVlanTag },
      {
        name: 'bpf_xdp_pull_data',
        run(call) {
          call.context();
          call.give(call.world.frame.pullData(call.u32(2)));
        },
      },
      { name: 'bpf_iter_num_new', run: iteratorNew },
      { name: 'bpf_iter_num_next', run: iteratorNext },
      { name: 'bpf_iter_num_destroy', run: iteratorDestroy },
      { name: 'bpf_rcu_read_lock', run: () => {} },
      { name: 'bpf_rcu_read_unlock', run: () => {} },
      { name: 'bpf_preempt_disable', run: () => {} },
      { name: 'bpf_preempt_enable', run: () => {} },
      ...dynptrKfuncs,
      // Not the kernel's: what bpf/include/xdp_debugger.h makes of memcpy() and the like.
      { name: '__xdp_memcpy', run: memoryMove },
      { name: '__xdp_memmove', run: memoryMove },
      { name: '__xdp_memset', run: memorySet },
    ] satisfies Helper[]
  ).map((kfunc) => [kfunc.name, kfunc]),
);

function rxTimestamp(call: Call): void {
  call.context();
  const at = call.writable(2, 8);
  const timestamp = call.world.inputs.metadata?.timestampNs;
  if (timestamp === undefined) return call.give(errno.notSupported);
  call.world.memory.view.setBigUint64(at, BigInt.asUintN(64, timestamp), true);
  call.give(0);
}

function rxHash(call: Call): void {
  call.context();
  const hashAt = call.writable(2, 4);
  const typeAt = call.writable(3, 4);
  const { hash, hashType } = call.world.inputs.metadata ?? {};
  if (hash === undefined) return call.give(errno.notSupported);
  call.world.memory.view.setUint32(hashAt, hash, true);
  call.world.memory.view.setUint32(typeAt, hashType ?? 0, true);
  call.give(0);
}

function rxVlanTag(call: Call): void {
  call.context();
  const protocolAt = call.writable(2, 2);
  const tagAt = call.writable(3, 2);
  const { vlanProtocol, vlanTag } = call.world.inputs.metadata ?? {};
  if (vlanTag === undefined) return call.give(errno.notSupported);
  // The protocol is in network order, the tag in the machine's.
  call.world.memory.view.setUint16(protocolAt, vlanProtocol ?? 0x8100, false);
  call.world.memory.view.setUint16(tagAt, vlanTag, true);
  call.give(0);
}

/** BPF_MAX_LOOPS. */
const maxNumbers = 8 * 1024 * 1024;

/** struct bpf_iter_num: the current number and the end, 32 bits each. */
function iteratorNew(call: Call): void {
  const at = call.writable(1, 8);
  const { view } = call.world.memory;
  const start = call.int(2);
  const end = call.int(3);
  view.setInt32(at, 0, true);
  view.setInt32(at + 4, 0, true);
  if (start > end) return call.give(errno.invalid);
  if (end - start > maxNumbers) return call.give(errno.tooBig);
  view.setInt32(at, start - 1, true);
  view.setInt32(at + 4, end, true);
  call.give(0);
}

/** A pointer to the next number, null after the last. */
function iteratorNext(call: Call): void {
  const { memory } = call.world;
  const region = call.cpu.hi[1]!;
  const at = memory.address(region, call.cpu.lo[1]!, 0, 8, right.both);
  const current = memory.view.getInt32(at, true);
  const end = memory.view.getInt32(at + 4, true);
  if (((current + 1) | 0) >= end) {
    memory.view.setInt32(at, 0, true);
    memory.view.setInt32(at + 4, 0, true);
    call.cpu.lo[0] = 0;
    call.cpu.hi[0] = 0;
    return;
  }
  memory.view.setInt32(at, current + 1, true);
  call.cpu.lo[0] = at;
  call.cpu.hi[0] = region;
}

function iteratorDestroy(call: Call): void {
  const at = call.writable(1, 8);
  call.world.memory.view.setBigUint64(at, 0n, true);
}

function memoryMove(call: Call): void {
  const size = call.u32(3);
  const from = call.readable(2, size);
  const to = call.writable(1, size);
  call.world.memory.bytes.copyWithin(to, from, from + size);
  giveFirstArgument(call);
}

function memorySet(call: Call): void {
  const size = call.u32(3);
  const to = call.writable(1, size);
  call.world.memory.bytes.fill(call.int(2) & 0xff, to, to + size);
  giveFirstArgument(call);
}

function giveFirstArgument({ cpu }: Call): void {
  cpu.lo[0] = cpu.lo[1]!;
  cpu.hi[0] = cpu.hi[1]!;
}
