import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { eventually, helper, type VethLab, vethLab } from '../support/kernelHelper.ts';

let lab: VethLab;
let client: HelperClient;
beforeAll(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterAll(async () => {
  await client.dispose();
  lab.remove();
});

interface IpLink {
  ifindex: number;
  ifname: string;
  mtu: number;
  operstate: string;
  address: string;
  num_rx_queues: number;
  num_tx_queues: number;
  addr_info: { local: string; prefixlen: number }[];
}

test('every interface, as ip tells it', async () => {
  lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  lab.run('ip', 'link', 'add', 'aliased-name-15', 'type', 'veth', 'peer', 'name', 'x');
  lab.run('ip', 'addr', 'add', '2001:db8::1:0:0:1/64', 'dev', lab.near, 'nodad');
  lab.run('ip', 'addr', 'add', '10.1.2.3', 'peer', '10.1.2.4', 'dev', lab.near);
  const theirs = JSON.parse(lab.run('ip', '-j', '-d', 'addr')) as IpLink[];
  const { interfaces } = await client.call('interfaces/list', {});
  expect(
    interfaces.map(({ name, ifindex, mtu, state, mac, rxQueues, txQueues, addresses }) => ({
      name,
      ifindex,
      mtu,
      state,
      mac,
      rxQueues,
      txQueues,
      addresses: addresses.map((one) => one.split('/')[0]),
    })),
  ).toEqual(
    theirs.map((link) => ({
      name: link.ifname,
      ifindex: link.ifindex,
      mtu: link.mtu,
      state: link.operstate.toLowerCase(),
      mac: link.address,
      rxQueues: link.num_rx_queues,
      txQueues: link.num_tx_queues,
      addresses: link.addr_info.map((one) => one.local),
    })),
  );
});

test('driver as ethtool tells it; modes as the kernel tells them', async () => {
  const { interfaces } = await client.call('interfaces/list', {});
  const near = interfaces.find((one) => one.name === lab.near);
  expect(near?.driver).toBe(/driver: (.*)/.exec(lab.run('ethtool', '-i', lab.near))?.[1]);
  expect(near?.modes).toEqual({
    native: { ok: true },
    generic: { ok: true },
    offload: { ok: false, reason: expect.stringContaining('no hardware behind it') },
  });
  expect(near?.xdpFeatures).toEqual(expect.arrayContaining(['basic', 'redirect']));
  const bridge = interfaces.find((one) => one.name === 'br0');
  expect(bridge).toMatchObject({
    driver: 'bridge',
    modes: { native: { ok: false, reason: expect.stringContaining('attach to its ports') } },
  });
  expect(interfaces.find((one) => one.name === 'lo')).toMatchObject({ loopback: true, driver: '' });
});

test('changes are told, without polling', async () => {
  let changes = 0;
  const subscription = client.on('interfaces/changed', () => changes++);
  for (const args of [
    ['link', 'add', 'n1', 'type', 'veth', 'peer', 'name', 'n2'],
    ['addr', 'add', '10.7.7.7/24', 'dev', 'n1'],
    ['link', 'set', 'n1', 'up'],
    ['link', 'del', 'n1'],
  ]) {
    changes = 0;
    lab.run('ip', ...args);
    await eventually(`interfaces/changed after ip ${args.join(' ')}`, () => changes > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(changes).toBeLessThan(5);
  }
  subscription.dispose();
});

test('a hundred interfaces in one list', async () => {
  for (let index = 0; index < 50; index++)
    lab.run('ip', 'link', 'add', `p${index}`, 'type', 'veth', 'peer', 'name', `q${index}`);
  const { interfaces } = await client.call('interfaces/list', {});
  expect(interfaces.filter((one) => /^[pq]\d+$/.test(one.name))).toHaveLength(100);
});
