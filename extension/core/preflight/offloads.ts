import type { InterfaceFacts } from './facts.ts';
import { type Advice, expectedMode, inNetns, netnsOfPeer, type Situation } from './situation.ts';

/** What hardware, or the sending end of a veth, does to packets before XDP sees them. */
export function offloadAdvice(situation: Situation): Advice[] {
  return [...merging(situation), ...vlan(situation)];
}

/** Generic mode switches both off by itself: net/core/dev.c, generic_xdp_install(). */
function merging(situation: Situation): Advice[] {
  const { iface, netns } = situation;
  if (expectedMode(situation) !== 'native') return [];
  const about = [
    ['lro', 'lro', 'LRO', iface.offloads?.lro],
    ['gro-hw', 'rx-gro-hw', 'hardware GRO (rx-gro-hw)', iface.offloads?.groHw],
  ] as const;
  return about.flatMap(([code, flag, title, offload]): Advice[] => {
    if (offload?.on !== true) return [];
    return [
      {
        code,
        level: 'warning',
        cause: `${title} is on: packets arrive merged, which native XDP cannot take; drivers refuse with EINVAL or EOPNOTSUPP`,
        fix: offload.fixed
          ? 'It cannot be switched off on this device: attach in generic mode, or change the device (for a virtual machine, its host_tso and guest_tso options).'
          : `Switch it off: ${inNetns(netns, `ethtool -K ${iface.name} ${flag} off`)}`,
      },
    ];
  });
}

/** The tag is then beside the packet, where only the metadata kfunc bpf_xdp_metadata_rx_vlan_tag() reads it. */
function vlan(situation: Situation): Advice[] {
  const { iface, program, netns } = situation;
  const stripped = iface.kind === 'veth' ? leftOutByPeer(situation) : takenOff(iface, netns);
  if (stripped === undefined) return [];
  const looks = program?.looksForVlan === true;
  return [
    {
      code: 'vlan',
      level: looks ? 'warning' : 'note',
      cause: `${looks ? `${program.name} looks for VLAN headers, and ` : ''}${stripped.cause}`,
      fix: stripped.fix,
    },
  ];
}

function takenOff(
  { name, offloads }: InterfaceFacts,
  netns: string | undefined,
): Pick<Advice, 'cause' | 'fix'> | undefined {
  if (offloads?.rxVlan?.on !== true) return undefined;
  return {
    cause: 'VLAN offload (rx-vlan-offload) is on: a VLAN tag is taken off before XDP and is not in the packet',
    fix: offloads.rxVlan.fixed
      ? 'It cannot be switched off on this device; in native mode bpf_xdp_metadata_rx_vlan_tag() may read the tag.'
      : `To see tags, switch it off: ${inNetns(netns, `ethtool -K ${name} rxvlan off`)}`,
  };
}

/** A veth passes on what its other end sent: the tag is beside the packet when that end offers to insert it in hardware. */
function leftOutByPeer(situation: Situation): Pick<Advice, 'cause' | 'fix'> | undefined {
  const { peer } = situation.iface;
  if (peer?.txVlan === false) return undefined;
  const name = peer?.name ?? 'PEER';
  return {
    cause:
      peer === undefined
        ? 'VLAN offload (tx-vlan-offload) of its peer is on unless it was switched off: a VLAN tag that is added there stays beside the packet and is not in it'
        : peer.txVlan === true
          ? `VLAN offload (tx-vlan-offload) of its peer ${name} is on: a VLAN tag that is added there stays beside the packet and is not in it`
          : `VLAN offload (tx-vlan-offload) of its peer ${name} is on unless it was switched off: a VLAN tag that is added there stays beside the packet and is not in it`,
    fix: `To see tags, switch it off at the other end: ${inNetns(netnsOfPeer(situation), `ethtool -K ${name} txvlan off`)}`,
  };
}
