import { type Advice, expectedMode, inNetns, netnsOfPeer, type Situation } from './situation.ts';
import { english } from '../text/language.ts';
import { driverRules } from './drivers.ts';

/** What makes a driver refuse a native program with a bare EINVAL, ERANGE or ENOSPC. */

export function mtuAdvice(situation: Situation): Advice[] {
  const { iface, program, netns } = situation;
  if (expectedMode(situation) !== 'native' || program?.frags === true) return [];
  const { singleBufferMtu, mtuOf, certain } = driverRules(iface.driver);
  const counted = mtuOf === 'peer' && iface.peer !== undefined ? iface.peer : iface;
  if (singleBufferMtu === undefined || counted.mtu <= singleBufferMtu) return [];
  const mtu =
    counted === iface ? english(`the MTU ${counted.mtu}`) : `the MTU ${counted.mtu} of its peer ${counted.name}`;
  const limit = certain
    ? `${mtu} is above ${singleBufferMtu}: native mode takes only programs in SEC("xdp.frags")`
    : `${mtu} may be above what one buffer of ${iface.driver || 'its driver'} holds (usually about ${singleBufferMtu}): native mode may take only programs in SEC("xdp.frags")`;
  const several = iface.xdpFeatures === undefined || iface.xdpFeatures.includes('rx-sg');
  const where = counted === iface ? netns : netnsOfPeer(situation);
  const command = inNetns(where, `ip link set ${counted.name} mtu ${singleBufferMtu}`);
  const frags = several ? ', write SEC("xdp.frags")' : '';
  return [
    {
      code: 'mtu',
      level: 'warning',
      cause: several ? limit : `${limit}; the driver takes packets in one buffer only`,
      fix: `Lower it: ${command}${frags}, or attach in generic mode.`,
    },
  ];
}

export function queueAdvice(situation: Situation): Advice[] {
  const { iface, program, netns, cpus } = situation;
  const { channels, driver, name } = iface;
  if (channels === undefined || expectedMode(situation) !== 'native') return [];
  const set = (what: string): string => inNetns(netns, `ethtool -L ${name} ${what}`);
  // drivers/net/ethernet/amazon/ena/ena_xdp.h, ena_xdp_allowed().
  if (driver === 'ena' && 2 * channels.combined > channels.maxCombined) {
    const half = Math.max(1, Math.floor(channels.maxCombined / 2));
    return [
      queues(
        `${channels.combined} of ${channels.maxCombined} channels are in use, and ena wants as many again for XDP`,
        `Use at most half of them: ${set(`combined ${half}`)}`,
      ),
    ];
  }
  // drivers/net/ethernet/broadcom/bnxt/bnxt_xdp.c, bnxt_xdp_set().
  if (driver === 'bnxt_en' && channels.combined === 0 && channels.rx > 0) {
    return [
      queues(
        'its receive and transmit channels are separate, which bnxt refuses with XDP',
        `Combine them: ${set(`rx 0 tx 0 combined ${channels.rx}`)}`,
      ),
    ];
  }
  const sends = program === undefined || program.actions.has('XDP_TX') || program.actions.has('XDP_REDIRECT');
  // drivers/net/virtio_net.c, virtnet_xdp_set(): without a queue for each CPU, transmitting takes a lock.
  if (driver === 'virtio_net' && sends && cpus !== undefined && channels.combined + cpus > channels.maxCombined) {
    return [
      {
        code: 'queues',
        level: 'note',
        cause: `XDP wants one more transmit queue for each of ${cpus} CPUs, and of ${channels.maxCombined} channels ${channels.combined} are in use: XDP_TX and redirects share queues under a lock, which is slower`,
        fix: `Give the virtual machine more queues, or use fewer: ${set('combined N')}`,
      },
    ];
  }
  return [];
}

function queues(cause: string, fix: string): Advice {
  return { code: 'queues', level: 'warning', cause, fix };
}
