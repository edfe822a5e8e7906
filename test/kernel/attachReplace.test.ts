import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { fixture, helper, ipXdp, openFilesAtRest, type VethLab, vethLab } from '../support/kernelHelper.ts';
import { replaceUnderTraffic } from '../support/replaceTraffic.ts';

let lab: VethLab;
let client: HelperClient;

beforeEach(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
});

test.for([
  ['native', 'link'],
  ['generic', 'link'],
  ['native', 'netlink'],
] as const)('50 replacements under traffic miss no packet: %s by %s', async ([mode, via]) => {
  await replaceUnderTraffic(client, lab, { replacements: 2, mode, via });
  const files = await openFilesAtRest(client.hello.pid);
  const { sent, counted } = await replaceUnderTraffic(client, lab, { replacements: 50, mode, via });
  expect(sent).toBeGreaterThan(100);
  expect(counted).toBe(sent);
  expect(await openFilesAtRest(client.hello.pid)).toEqual(files);
  expect(ipXdp(lab)).toBeUndefined();
});

test('what somebody else put there meanwhile is not replaced', async () => {
  const elf = fixture('kernelReplace');
  const first = await client.call('object/load', { elf, name: 'first.o' });
  const second = await client.call('object/load', { elf, name: 'second.o' });
  const program = 'xdp_replaced';
  const { attachment } = await client.call('xdp/attach', {
    object: first.object,
    program,
    ifindex: lab.ifindex,
    mode: 'native',
    via: 'netlink',
    keep: false,
  });
  lab.run('ip', 'link', 'set', lab.near, 'xdp', 'off');
  await expect(client.call('xdp/replace', { attachment, object: second.object, program })).rejects.toMatchObject({
    code: expect.stringMatching(/attach-failed|nothing-attached/),
  });
  expect(ipXdp(lab)).toBeUndefined();
});
