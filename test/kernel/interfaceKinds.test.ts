import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { InterfaceInfo } from '../../extension/protocol/kernel.ts';
import { command, fixture, helper } from '../support/kernelHelper.ts';

/** Interfaces of every kind that a kernel makes without hardware, as this product, ip and ethtool tell them. */
const ns = `xk${process.pid}kinds`;
const farNs = `${ns}far`;
const run = (...args: string[]): string => command('ip', ['netns', 'exec', ns, ...args]);
let system: HelperClient;

beforeAll(async () => {
  command('ip', ['netns', 'add', ns]);
  command('ip', ['netns', 'add', farNs]);
  const links = [
    ['add', 'va', 'type', 'veth', 'peer', 'name', 'vb'],
    ['add', 'away', 'type', 'veth', 'peer', 'name', 'far', 'netns', farNs],
    [
      'add',
      'queued',
      'numrxqueues',
      '1',
      'numtxqueues',
      '1',
      'type',
      'veth',
      'peer',
      'name',
      'many',
      'numrxqueues',
      '2',
      'numtxqueues',
      '2',
    ],
    ['add', 'br0', 'type', 'bridge'],
    ['set', 'vb', 'master', 'br0'],
    ['add', 'mv0', 'link', 'va', 'type', 'macvlan'],
    ['add', 'ifb9', 'type', 'ifb'],
  ];
  for (const args of links) run('ip', 'link', ...args);
  run('ip', 'tuntap', 'add', 'dev', 'tap0', 'mode', 'tap');
  run('ip', 'tuntap', 'add', 'dev', 'tun0', 'mode', 'tun');
  run('ethtool', '-L', 'many', 'tx', '2');
  run('ethtool', '-K', 'va', 'txvlan', 'off', 'gro', 'on');
  for (const name of ['va', 'vb', 'lo', 'away']) run('ip', 'link', 'set', name, 'up');
  system = await helper({ profile: 'system' });
});
afterAll(async () => {
  await system?.dispose();
  for (const name of [ns, farNs]) command('ip', ['netns', 'del', name]);
});

async function look(): Promise<Map<string, InterfaceInfo>> {
  const { interfaces } = await system.call('interfaces/list', { netns: ns, depth: 'whole' });
  return new Map(interfaces.map((each) => [each.name, each]));
}

interface IpLink {
  ifname: string;
  flags: string[];
  link_type: string;
  link?: string;
  master?: string;
  linkinfo?: { info_kind?: string };
}

test('kind, state and what stands on what, as ip tells it', async () => {
  const seen = await look();
  const theirs = JSON.parse(run('ip', '-d', '-j', 'link')) as IpLink[];
  expect([...seen.keys()]).toEqual(theirs.map(({ ifname }) => ifname));
  for (const link of theirs) {
    const kind = link.linkinfo?.info_kind ?? '';
    const upper = kind === 'macvlan' ? link.link : undefined;
    const peer = kind === 'veth' ? (link.link ?? 'far') : undefined;
    expect(seen.get(link.ifname)).toMatchObject({
      kind,
      up: link.flags.includes('UP'),
      loopback: link.flags.includes('LOOPBACK'),
      ethernet: link.link_type !== 'none',
    });
    expect(seen.get(link.ifname)?.master?.name).toBe(link.master);
    expect(seen.get(link.ifname)?.lower).toBe(upper);
    expect(seen.get(link.ifname)?.peer?.name).toBe(peer);
  }
  expect(seen.get('away')?.peer).toEqual({ name: 'far', here: false, netns: farNs, mtu: 1500, hasProgram: false });
  expect(seen.get('vb')?.peer).toMatchObject({ name: 'va', here: true, txVlan: false });
});

const titles = {
  lro: 'large-receive-offload',
  groHw: 'rx-gro-hw',
  gro: 'generic-receive-offload',
  rxVlan: 'rx-vlan-offload',
  txVlan: 'tx-vlan-offload',
} as const;

test('offloads and queues, as ethtool tells them', async () => {
  for (const [name, { offloads, channels }] of await look()) {
    const features = run('ethtool', '-k', name);
    for (const [key, title] of Object.entries(titles)) {
      const said = new RegExp(`^${title}: (on|off)( \\[fixed\\])?`, 'm').exec(features);
      const ours = offloads?.[key as keyof typeof titles];
      expect([name, key, ours]).toEqual([name, key, { on: said?.[1] === 'on', fixed: said?.[2] !== undefined }]);
    }
    const text = channels === undefined ? '' : run('ethtool', '-l', name);
    const [most = '', now = ''] = text.split('Current hardware settings:');
    const count = (part: string, title: string): number =>
      Number(new RegExp(`^${title}:\\s*(\\d+)`, 'm').exec(part)?.[1] ?? 0);
    const expected =
      channels === undefined
        ? undefined
        : {
            rx: count(now, 'RX'),
            tx: count(now, 'TX'),
            combined: count(now, 'Combined'),
            maxRx: count(most, 'RX'),
            maxTx: count(most, 'TX'),
            maxCombined: count(most, 'Combined'),
          };
    expect([name, channels]).toEqual([name, expected]);
  }
});

const kinds = ['lo', 'va', 'vb', 'queued', 'many', 'br0', 'mv0', 'ifb9', 'tap0', 'tun0'];
test.for(kinds)('%s takes the modes that it is said to take, and no other', async (name) => {
  const iface = (await look()).get(name);
  const client = await helper({ netns: ns });
  try {
    const { object } = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'kernelCounter.o' });
    for (const mode of ['native', 'generic', 'offload'] as const) {
      const request = {
        object,
        program: 'xdp_counter',
        ifindex: iface?.ifindex ?? 0,
        mode,
        via: 'link',
        keep: false,
      } as const;
      const attached = await client.call('xdp/attach', request).catch(() => undefined);
      expect([mode, attached !== undefined]).toEqual([mode, iface?.modes[mode].ok]);
      if (attached !== undefined) await client.call('xdp/detach', { attachment: attached.attachment });
      else expect(iface?.modes[mode].reason).toBeTruthy();
    }
  } finally {
    await client.dispose();
  }
});

test('a veth without enough queues is told so', async () => {
  expect((await look()).get('queued')?.modes.native.reason).toContain('ethtool -L queued rx N');
});

test('another namespace needs the system profile, and says so', async () => {
  const own = await helper();
  try {
    await expect(own.call('interfaces/list', { netns: ns })).rejects.toMatchObject({
      code: 'privilege',
      message: expect.stringContaining('CAP_SYS_ADMIN'),
    });
    await expect(system.call('interfaces/list', { netns: 'no-such-namespace' })).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT'),
    });
  } finally {
    await own.dispose();
  }
});

test('after a look into another namespace the helper is where it was', async () => {
  const before = await system.call('interfaces/list', {});
  await look();
  const after = await system.call('interfaces/list', {});
  expect(after.interfaces.map(({ name }) => name)).toEqual(before.interfaces.map(({ name }) => name));
  expect(after.interfaces.some(({ name }) => name === 'mv0')).toBe(false);
});
