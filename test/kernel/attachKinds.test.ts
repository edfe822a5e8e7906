import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { fixture, helper, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** Every kind of interface that this kernel has says why a mode is not to be had, and what to do. */
let lab: VethLab;
let client: HelperClient;
let loaded: LoadedObject;

beforeAll(async () => {
  lab = vethLab();
  const add = (...args: string[]) => lab.run('ip', 'link', 'add', ...args);
  lab.run('ip', 'tuntap', 'add', 'dev', 'tap0', 'mode', 'tap');
  lab.run('ip', 'tuntap', 'add', 'dev', 'tun0', 'mode', 'tun');
  add('br0', 'type', 'bridge');
  add('mv0', 'link', lab.near, 'type', 'macvlan', 'mode', 'bridge');
  add('ifb0', 'type', 'ifb');
  add('big0', 'mtu', '9000', 'type', 'veth', 'peer', 'name', 'big1', 'mtu', '9000');
  add(
    'few0',
    'numrxqueues',
    '1',
    'numtxqueues',
    '1',
    'type',
    'veth',
    'peer',
    'name',
    'few1',
    'numtxqueues',
    '4',
    'numrxqueues',
    '4',
  );
  client = await helper({ netns: lab.ns });
  loaded = await client.call('object/load', { elf: fixture('kernelReplace'), name: 'kernelReplace.o' });
});
afterAll(async () => {
  await client?.dispose();
  lab?.remove();
});

async function attach(iface: string, mode: 'auto' | 'native' | 'generic' | 'offload') {
  const { interfaces } = await client.call('interfaces/list', {});
  const ifindex = interfaces.find(({ name }) => name === iface)?.ifindex ?? 0;
  const { object } = loaded;
  const asked = { object, program: 'xdp_replaced', ifindex, mode, via: 'link', keep: false } as const;
  const attached = await client.call('xdp/attach', asked);
  await client.call('xdp/detach', { attachment: attached.attachment });
  return attached;
}

test.for<[string, string, RegExp, RegExp]>([
  ['lo', 'mode-unsupported', /The kernel says: .*does not support XDP in native mode/, /no driver stands behind lo/],
  ['tun0', 'mode-unsupported', /tun0 \(tun\) cannot run XDP in native mode/, /mode tap/],
  ['br0', 'mode-unsupported', /br0 \(bridge\) cannot/, /ports of the bridge/],
  ['mv0', 'mode-unsupported', /mv0 \(macvlan\) cannot/, /interface below it/],
  ['ifb0', 'mode-unsupported', /ifb0 \(ifb\) cannot/, /generic mode/],
  ['big0', 'attach-failed', /The kernel says: veth: Peer MTU is too large/, /ip link set big0 mtu 3506.*xdp\.frags/],
  ['few0', 'attach-failed', /rx queues not less than peer tx queues/, /ethtool -L PEER tx 1/],
])('%s in native mode: the kernel’s words, the cause and the next step', async ([iface, code, message, fix]) => {
  await expect(attach(iface, 'native')).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
    fix: expect.stringMatching(fix),
  });
  const auto = await attach(iface, 'auto');
  expect(auto).toMatchObject({ mode: 'generic', modeReason: expect.stringMatching(message) });
});

test('a tap and a veth take native mode, and no interface here takes offload', async () => {
  for (const iface of ['tap0', lab.near]) {
    const attached = await attach(iface, 'auto');
    expect(attached.mode).toBe('native');
    expect(attached.modeReason).toBeUndefined();
  }
  for (const iface of ['lo', 'tap0', 'br0', lab.near]) {
    const error = {
      code: 'mode-unsupported',
      message: expect.stringMatching(/in offload mode: no hardware behind it/),
    };
    await expect(attach(iface, 'offload')).rejects.toMatchObject(error);
  }
});
