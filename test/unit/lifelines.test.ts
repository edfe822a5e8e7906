import { expect, test } from 'vitest';
import { lifelinesOf, type NetworkTables } from '../../extension/kernel/system/lifelines.ts';
import { selfAndAbove } from '../../extension/kernel/netlink/stacking.ts';
import { describeLifelines } from '../../extension/session/attach/lifelines.ts';
import { fakeLink } from '../support/kernelFake.ts';

/** As the files of /proc/net stand on a machine with eth0 (10.0.2.15/24, default), wlan0 and a VPN, tun0 (10.8.0.0/16). */
const tables: NetworkTables = {
  route: `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0202000A	0003	0	0	100	00000000	0	0	0
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	0002000A	00000000	0001	0	0	100	00FFFFFF	0	0	0
tun0	0000080A	00000000	0001	0	0	50	0000FFFF	0	0	0
eth1	00006464	00000000	0201	0	0	0	0000FFFF	0	0	0
`,
  ipv6Route: `20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003    wlan0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`,
  tcp: `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0F02000A:0016 0500080A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0F02000A:01BB 0909090A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 0100007F:0016 0100007F:C351 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
`,
  tcp6: `  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000F02000A:0016 0000000000000000FFFF000009020 00A:C352 0A
   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000009000000:C352 01
`,
};

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
  ['lo', ['::1'], []],
])('%s, asked with %s', ([iface, peers, says]) => {
  const found = lifelinesOf([iface], peers, tables);
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

test('tables that make no sense tell nothing', () => {
  const rubbish = { route: 'a b', ipv6Route: '\n\n x', tcp: '::: ::: 01', tcp6: '' };
  expect(lifelinesOf(['eth0'], ['10.0.0.1'], rubbish)).toEqual([]);
});
