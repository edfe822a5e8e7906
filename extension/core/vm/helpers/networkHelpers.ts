import { errno } from '../errno.ts';
import { Fault } from '../memory/regions.ts';
import type { Call, Helper } from './call.ts';
import type { Route } from './world.ts';

/** What only a network stack knows: answered from the given tables, never guessed. net/core/filter.c. */
export const networkHelpers: readonly Helper[] = [
  { id: 69, name: 'bpf_fib_lookup', run: fibLookup },
  { id: 163, name: 'bpf_check_mtu', run: checkMtu },
];

/** struct bpf_fib_lookup of include/uapi/linux/bpf.h: byte offsets. */
const fib = {
  bytes: 64,
  family: 0,
  totalLength: 6,
  mtuResult: 6,
  ifindex: 8,
  metric: 12,
  source: 16,
  destination: 32,
  vlanProtocol: 48,
  vlanTag: 50,
  sourceMac: 52,
  destinationMac: 58,
} as const;
/** BPF_FIB_LKUP_RET_*. */
const fibResult = { success: 0, notForwarded: 4, noNeighbour: 7, fragmentationNeeded: 8 } as const;
const inet6 = 10;
/** Bytes of an address by AF_INET and AF_INET6. */
const families: Readonly<Record<number, number>> = { 2: 4, [inet6]: 16 };
/** BPF_FIB_LOOKUP_DIRECT to BPF_FIB_LOOKUP_MARK. */
const knownFibFlags = 63;
const skipNeighbour = 4;
const ethernetHeader = 14;

/** bpf_fib_lookup(context, params, size, flags). */
function fibLookup(call: Call): void {
  call.context();
  const { world } = call;
  const { view, bytes } = world.memory;
  const size = call.u32(3);
  const params = call.writable(2, size);
  const flags = call.flags(4);
  if (size < fib.bytes || (flags & ~knownFibFlags) !== 0) return call.give(errno.invalid);
  if (world.inputs.routes === undefined) throw missing(call, 'routes');
  const addressBytes = families[view.getUint8(params + fib.family)];
  // EAFNOSUPPORT.
  if (addressBytes === undefined) return call.give(-97);
  const destination = bytes.slice(params + fib.destination, params + fib.destination + addressBytes);
  const route = bestRoute(world.inputs.routes, destination);
  if (route === undefined) return call.give(fibResult.notForwarded);
  const totalLength = view.getUint16(params + fib.totalLength, true);
  if (route.mtu !== undefined && totalLength > route.mtu) {
    view.setUint16(params + fib.mtuResult, route.mtu, true);
    return call.give(fibResult.fragmentationNeeded);
  }
  view.setUint32(params + fib.metric, route.metric ?? (addressBytes === 4 ? 0 : 1024), true);
  view.setUint32(params + fib.ifindex, route.ifindex, true);
  if (route.gateway !== undefined) {
    bytes.set(route.gateway, params + fib.destination);
    // `via inet6`: an IPv4 route whose next hop has an IPv6 address.
    if (route.gateway.length > addressBytes) view.setUint8(params + fib.family, inet6);
  }
  if ((flags & skipNeighbour) === 0) {
    if (route.neighbourMac === undefined || route.sourceMac === undefined) return call.give(fibResult.noNeighbour);
    bytes.set(route.sourceMac, params + fib.sourceMac);
    bytes.set(route.neighbourMac, params + fib.destinationMac);
  }
  // net/core/filter.c, bpf_fib_set_fwd_params().
  view.setUint16(params + fib.vlanProtocol, 0, true);
  view.setUint16(params + fib.vlanTag, 0, true);
  view.setUint16(params + fib.mtuResult, route.mtu ?? 1500, true);
  call.give(fibResult.success);
}

function bestRoute(routes: readonly Route[], destination: Uint8Array): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (route.destination.length !== destination.length || !covers(route, destination)) continue;
    if (best === undefined || route.prefixLength > best.prefixLength) best = route;
  }
  return best;
}

function covers(route: Route, address: Uint8Array): boolean {
  for (let bit = 0; bit < route.prefixLength; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((route.destination[bit >> 3]! ^ address[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}

/** bpf_check_mtu(context, ifindex, mtu_len, len_diff, flags). */
function checkMtu(call: Call): void {
  call.context();
  const { world } = call;
  const { view } = world.memory;
  const at = call.writable(3, 4);
  if (call.flags(5) !== 0) return call.give(errno.invalid);
  const ifindex = call.u32(2) === 0 ? world.context.ingressIfindex : call.u32(2);
  if (world.inputs.mtus === undefined) throw missing(call, 'the MTU of interfaces');
  const mtu = world.inputs.mtus[ifindex];
  if (mtu === undefined) return call.give(errno.noDevice);
  const given = view.getUint32(at, true);
  const { frame } = world;
  // An int in the kernel, so that what is too large for one is a negative length, which passes.
  const length = (given > 0 ? given + ethernetHeader : frame.dataEnd - frame.data) | 0;
  view.setUint32(at, mtu, true);
  call.give(((length + call.int(4)) | 0) > mtu + ethernetHeader ? 1 : 0);
}

function missing(call: Call, what: string): Fault {
  return new Fault('helper', `${call.name} asks for ${what}, and none were given to the built-in machine`);
}
