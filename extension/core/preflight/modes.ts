import type { XdpMode } from '../xdp.ts';
import type { InterfaceFacts } from './facts.ts';

export type ModeSupport = Record<XdpMode, { ok: boolean; reason?: string }>;
type About = Pick<InterfaceFacts, 'name' | 'driver' | 'kind' | 'loopback' | 'ethernet' | 'lower'>;

/**
 * Which modes an interface takes, and why not. The kernel's own flags decide; `features` undefined: the kernel (before 6.3)
 * does not tell, so that only what the kind of the interface rules out is refused.
 */
export function modesOf(about: About, features: readonly string[] | undefined): ModeSupport {
  const native = features?.includes('basic') ?? nativeBefore63.has(about.driver);
  const unknown = features === undefined && !native && about.kind === '' && !about.loopback;
  return {
    native: unknown
      ? { ok: true, reason: 'this kernel does not tell which drivers have native XDP; attaching will show' }
      : native
        ? { ok: true }
        : { ok: false, reason: whyNotNative(about) },
    generic: { ok: true },
    offload: features?.includes('hw-offload') ? { ok: true } : { ok: false, reason: whyNoOffload(about) },
  };
}

/** Virtual drivers with ndo_bpf in every kernel since 5.15. */
const nativeBefore63: ReadonlySet<string> = new Set(['veth', 'tun', 'virtio_net', 'bond', 'bonding']);

function whyNotNative({ name, driver, kind, loopback, ethernet, lower }: About): string {
  if (loopback) return 'no driver stands behind the loopback interface: generic mode works';
  if (kind === 'tun' && !ethernet) {
    return `a tun device has no Ethernet frames, which native XDP needs: make it a tap (ip tuntap add dev ${name} mode tap)`;
  }
  switch (kind) {
    case 'veth':
      // drivers/net/veth.c, veth_set_xdp_features() and veth_xdp_set().
      return `a veth has native XDP only with at least as many receive queues as its peer has transmit queues: ethtool -L ${name} rx N, or fewer on the peer (ethtool -L PEER tx N)`;
    case 'bridge':
      return `a bridge has no native XDP: attach to its ports, where packets arrive first`;
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return `a ${kind} device has no native XDP: attach to ${lower ?? 'the device below it'}, where its packets arrive first`;
    case 'ifb':
      return 'an ifb has no native XDP, and what is redirected to it has passed XDP already: attach where the packets arrive';
    default:
      return `${named(driver)} has no native XDP: generic mode works`;
  }
}

function whyNoOffload({ driver, loopback, kind }: About): string {
  if (loopback || kind !== '') return `${named(driver)} has no hardware behind it that could run XDP programs`;
  return `${named(driver)} cannot run XDP programs in hardware; cards that can (Netronome NFP) are rare`;
}

function named(driver: string): string {
  return driver === '' ? 'this interface' : `the driver ${driver}`;
}
