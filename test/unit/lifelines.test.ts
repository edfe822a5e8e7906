import { expect, test } from 'vitest';
import { parseRoute, type RouteRecord } from '../../extension/kernel/netlink/routes.ts';
import { lifelinesOf, sshPeers } from '../../extension/kernel/system/lifelines.ts';
import { selfAndAbove } from '../../extension/kernel/netlink/stacking.ts';
import { describeLifelines } from '../../extension/session/attach/lifelines.ts';
import { fakeLink } from '../support/kernelFake.ts';

/** A machine with eth0 (10.0.2.15/24, default), wlan0, a VPN, tun0 (10.8.0.0/16), and eth2 and eth3 that share a way. */
const interfaces = ['lo', 'eth0', 'wlan0', 'tun0', 'eth1', 'eth2', 'eth3'];
const route = (destination: string, prefix: number, metric: number, ...ways: string[]): RouteRecord => {
  const family = destination.includes(':') ? 'IPv6' : 'IPv4';
  const bytes = new Uint8Array(family === 'IPv6' ? 16 : 4);
  bytes.set(
    family === 'IPv6' ? Buffer.from(destination.replaceAll(':', ''), 'hex') : destination.split('.').map(Number),
  );
  return { family, destination: bytes, prefix, metric, ifindexes: ways.map((name) => interfaces.indexOf(name)) };
};
const routes = [
  route('0.0.0.0', 0, 100, 'eth0'),
  route('0.0.0.0', 0, 600, 'wlan0'),
  route('10.0.2.0', 24, 100, 'eth0'),
  route('10.8.0.0', 16, 50, 'tun0'),
  route('203.0.113.0', 24, 0, 'eth2', 'eth3'),
  route('2001:0db8::', 64, 256, 'eth0'),
  route('::', 0, 1024, 'wlan0'),
];
/** As the files of /proc/net stand. */
const connected = [
  ...sshPeers(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0F02000A:0016 0500080A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0F02000A:01BB 0909090A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0100007F:0016 0100007F:C351 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
`),
  ...sshPeers(`  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000F02000A:0016 0000000000000000FFFF000009020 00A:C352 0A
   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000009000000:C352 01
`),
];

test.for<[string, string[], string[]]>([
  ['eth0', [], ['the IPv4 default route', 'the remote session with 2001:db8:0:0:0:0:0:9']],
  ['wlan0', [], ['the IPv4 default route', 'the IPv6 default route']],
  ['tun0', [], ['the remote session with 10.8.0.5']],
  [
    'eth0',
    ['198.51.100.1'],
    ['the IPv4 default route', 'the remote session with 198.51.100.1', 'the remote session with 2001:db8:0:0:0:0:0:9'],
  ],
  [
    'tun0',
    ['::ffff:10.8.1.1', 'rubbish', '127.0.0.1'],
    ['the remote session with ::ffff:10.8.1.1', 'the remote session with 10.8.0.5'],
  ],
  ['eth1', ['100.100.0.1'], []],
  ['eth3', ['203.0.113.7'], ['the remote session with 203.0.113.7']],
  ['lo', ['::1'], []],
])('%s, asked with %s', ([iface, peers, says]) => {
  const found = lifelinesOf([interfaces.indexOf(iface)], [...peers, ...connected], routes);
  expect(found.map((one) => describeLifelines([one]))).toEqual(says.map((each) => `it carries ${each}`));
});

/** ifindex and name; `on`: IFLA_LINK; `master`: IFLA_MASTER. */
const above = (of: string, links: { name: string; kind?: string; on?: string; master?: string }[]): string[] => {
  const indexOf = (name: string | undefined): number | undefined =>
    name === undefined ? undefined : links.findIndex((each) => each.name === name) + 1;
  const records = links.map(({ name, kind = '', on, master }, at) => ({
    ...fakeLink,
    ifindex: at + 1,
    name,
    kind,
    linkedIfindex: indexOf(on),
    linkedNetnsId: undefined,
    masterIfindex: indexOf(master),
  }));
  const link = records.find(({ name }) => name === of);
  if (link === undefined) throw new Error(of);
  return selfAndAbove(link, records).map(({ name }) => name);
};

test('whose packets come through an interface', () => {
  const server = [
    { name: 'eth0', master: 'bond0' },
    { name: 'eth1' },
    { name: 'bond0', kind: 'bond' },
    { name: 'bond0.7', kind: 'vlan', on: 'bond0', master: 'br0' },
    { name: 'br0', kind: 'bridge' },
    { name: 'tap0', kind: 'tun', master: 'br0' },
    { name: 'mac0', kind: 'macvlan', on: 'br0' },
    { name: 'veth0', kind: 'veth', on: 'eth1', master: 'br1' },
    { name: 'br1', kind: 'bridge' },
  ];
  expect(above('eth0', server)).toEqual(['eth0', 'bond0', 'bond0.7', 'br0', 'mac0']);
  expect(above('eth1', server)).toEqual(['eth1']);
  // A virtual machine's port is not the way out; of a bridge that has no others it may be.
  expect(above('tap0', server)).toEqual(['tap0']);
  expect(above('veth0', server)).toEqual(['veth0', 'br1']);
  // Two that name each other, as a kernel never does.
  const circle = [
    { name: 'a', kind: 'vlan', on: 'b' },
    { name: 'b', kind: 'vlan', on: 'a' },
  ];
  expect(above('a', circle)).toEqual(['a', 'b']);
});

test('what makes no sense tells nothing', () => {
  expect(lifelinesOf([2], ['10.0.0.1', 'x'], [])).toEqual([]);
  expect(['::: ::: 01', 'a b', ''].flatMap(sshPeers)).toEqual([]);
  // A way out of which half is missing, and one of a family and of a table that nobody asked for.
  const way = Uint8Array.of(2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 40, 0, 9, 0, 255, 0);
  expect(parseRoute(way)).toMatchObject({ prefix: 0, ifindexes: [] });
  for (const [at, byte] of [
    [0, 28],
    [4, 255],
  ] as const) {
    expect(parseRoute(way.with(at, byte))).toBeUndefined();
  }
  expect(parseRoute(way.subarray(0, 11))).toBeUndefined();
});
