import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { KernelEvents, LoadedObject } from '../../extension/protocol/kernel.ts';
import {
  command,
  eventually,
  fixture,
  helper,
  ipXdp,
  openFilesAtRest,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';

let lab: VethLab;
let client: HelperClient;
let loaded: LoadedObject;
let guard: KernelEvents['attachment/guard'][];

beforeEach(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
  loaded = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'kernelCounter.o' });
  guard = [];
  client.on('attachment/guard', (event) => guard.push(event));
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
});

const idOf = (name: string) => loaded.programs.find((program) => program.name === name)?.id;
const attach = (options: { keep?: boolean; guardSeconds?: number; via?: 'link' | 'netlink' } = {}) =>
  client.call('xdp/attach', {
    object: loaded.object,
    program: 'xdp_counter',
    ifindex: lab.ifindex,
    mode: 'native',
    via: 'link',
    keep: false,
    ...options,
  });
const replace = (attachment: number, guardSeconds?: number) =>
  client.call('xdp/replace', {
    attachment,
    object: loaded.object,
    program: 'xdp_dropper',
    ...(guardSeconds === undefined ? {} : { guardSeconds }),
  });
const pins = () => command('find', ['/sys/fs/bpf/xdp-vscode/0', '-name', `*-i${lab.ifindex}`, '-newermt', '-1min']);

test('unconfirmed it is undone by the helper, and nothing was pinned', async () => {
  const before = pins();
  const { attachment, pin } = await attach({ guardSeconds: 1, keep: true });
  expect(pin).toBeUndefined();
  expect(pins()).toBe(before);
  expect(ipXdp(lab)).toEqual({ mode: 1, id: idOf('xdp_counter') });
  await eventually('reverting', () => guard.some(({ state }) => state === 'reverted'));
  expect(ipXdp(lab)).toBeUndefined();
  expect(guard.map(({ state, secondsLeft }) => [state, secondsLeft])).toEqual([
    ['counting', 1],
    ['reverted', 0],
  ]);
  await expect(client.call('xdp/confirm', { attachment })).rejects.toMatchObject({ code: 'nothing-attached' });
});

test('confirmed it stays, and only now it is pinned', async () => {
  const { attachment } = await attach({ guardSeconds: 1, keep: true });
  const confirmed = await client.call('xdp/confirm', { attachment });
  expect(confirmed.pin).toMatch(/\/link$/);
  await new Promise((resolve) => setTimeout(resolve, 1300));
  expect(guard.map(({ state }) => state)).toEqual(['counting', 'confirmed']);
  await client.dispose();
  expect(ipXdp(lab)).toEqual({ mode: 1, id: confirmed.progId });
  client = await helper({ netns: lab.ns });
  await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
});

test('an editor that dies reverts too', async () => {
  await attach({ guardSeconds: 600 });
  process.kill(client.hello.pid, 'SIGKILL');
  await client.exited;
  await eventually('detaching', () => ipXdp(lab) === undefined);
});

test.for(['expires', 'asked', 'the pipe closes'] as const)(
  'a replacement that is not confirmed (%s) gives the program before back',
  async (how) => {
    const { attachment } = await attach({ keep: true });
    const files = await openFilesAtRest(client.hello.pid);
    await replace(attachment, how === 'expires' ? 1 : 600);
    expect(ipXdp(lab)?.id).toBe(idOf('xdp_dropper'));
    if (how === 'asked') await client.call('xdp/revert', { attachment });
    if (how === 'the pipe closes') {
      await client.dispose();
    } else {
      await eventually('reverting', () => guard.some(({ state }) => state === 'reverted'));
      expect(guard.at(-1)).toMatchObject({ program: 'xdp_dropper', restored: 'xdp_counter' });
      expect(await openFilesAtRest(client.hello.pid)).toEqual(files);
    }
    expect(ipXdp(lab)?.id).toBe(idOf('xdp_counter'));
    if (how === 'the pipe closes') client = await helper({ netns: lab.ns });
    await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
    expect(ipXdp(lab)).toBeUndefined();
  },
);

test('a confirmed replacement of a kept program is what the next helper finds, and detaching in the countdown ends all', async () => {
  const { attachment } = await attach({ keep: true });
  await replace(attachment, 600);
  await expect(replace(attachment)).rejects.toMatchObject({ code: 'usage' });
  expect((await client.call('xdp/confirm', { attachment })).pin).toMatch(/\/link$/);
  await client.dispose();
  client = await helper({ netns: lab.ns });
  const adopted = await client.call('xdp/adopt', { ifindex: lab.ifindex });
  expect(adopted.attachment).toMatchObject({ program: 'xdp_dropper', progId: idOf('xdp_dropper') });
  loaded = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'kernelCounter.o' });
  await replace(adopted.attachment.attachment, 600);
  await client.call('xdp/detach', { attachment: adopted.attachment.attachment });
  expect(ipXdp(lab)).toBeUndefined();
});

test('a helper that is killed in the countdown of a kept replacement: the next one puts the kept program back', async () => {
  const { attachment } = await attach({ keep: true });
  await replace(attachment, 600);
  // Another helper of the same user leaves it alone while the first one counts.
  const other = await helper({ netns: lab.ns });
  await other.call('interfaces/list', {});
  await other.dispose();
  expect(ipXdp(lab)?.id).toBe(idOf('xdp_dropper'));
  process.kill(client.hello.pid, 'SIGKILL');
  await client.exited;
  client = await helper({ netns: lab.ns });
  const { interfaces } = await client.call('interfaces/list', {});
  expect(ipXdp(lab)?.id).toBe(idOf('xdp_counter'));
  const again = (await client.call('interfaces/list', {})).interfaces.find(({ ifindex }) => ifindex === lab.ifindex);
  expect(interfaces.length).toBeGreaterThan(0);
  expect(again?.attached).toMatchObject([{ program: 'xdp_counter', owner: 'kept' }]);
  await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
  expect(ipXdp(lab)).toBeUndefined();
});

test('what a helper that was killed could not undo is not guarded', async () => {
  await expect(attach({ guardSeconds: 5, via: 'netlink' })).rejects.toMatchObject({ code: 'usage' });
  const { attachment } = await attach({ via: 'netlink' });
  await expect(replace(attachment, 5)).rejects.toMatchObject({ code: 'usage' });
});

test('the interface that carries the default route or a remote session is known', async () => {
  const ask = async (peers: string[] = []) =>
    (await client.call('xdp/lifelines', { ifindex: lab.ifindex, peers })).lifelines;
  expect(await ask()).toEqual([]);
  expect(await ask(['10.99.0.77', '203.0.113.9', 'nonsense', '::1'])).toEqual([
    { kind: 'remote-session', peer: '10.99.0.77' },
  ]);
  lab.run('ip', 'route', 'add', 'default', 'via', '10.99.0.2');
  expect(await ask(['203.0.113.9'])).toEqual([
    { kind: 'default-route', family: 'IPv4' },
    { kind: 'remote-session', peer: '203.0.113.9' },
  ]);
  lab.run('ip', '-6', 'addr', 'add', '2001:db8::1/64', 'dev', lab.near, 'nodad');
  lab.run('ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::2');
  expect(await ask(['2001:db8::9'])).toContainEqual({ kind: 'remote-session', peer: '2001:db8::9' });
  expect(await ask()).toContainEqual({ kind: 'default-route', family: 'IPv6' });
});

test('of a route of several ways each carries it', async () => {
  lab.run('ip', 'link', 'add', 'two7', 'type', 'veth', 'peer', 'name', 'two8');
  lab.run('ip', 'addr', 'add', '10.77.0.1/24', 'dev', 'two7');
  for (const name of ['two7', 'two8']) lab.run('ip', 'link', 'set', name, 'up');
  lab.run('ip', 'route', 'add', 'default', 'nexthop', 'via', '10.99.0.2', 'nexthop', 'via', '10.77.0.2');
  lab.run('ip', 'route', 'add', 'blackhole', '203.0.113.0/24');
  lab.run('ip', 'route', 'add', '198.51.100.0/24', 'via', '10.77.0.2', 'table', '100');
  const { interfaces } = await client.call('interfaces/list', {});
  const ask = async (name: string, peers: string[]) => {
    const ifindex = interfaces.find((one) => one.name === name)?.ifindex ?? 0;
    return (await client.call('xdp/lifelines', { ifindex, peers })).lifelines;
  };
  for (const name of ['two7', lab.near]) {
    expect(await ask(name, ['198.51.100.1', '203.0.113.1'])).toEqual([
      { kind: 'default-route', family: 'IPv4' },
      { kind: 'remote-session', peer: '198.51.100.1' },
    ]);
  }
  expect(await ask('two8', ['198.51.100.1'])).toEqual([]);
});

test('what stands below the interface that carries the route carries it too', async () => {
  const { near } = lab;
  const run = (text: string): string => lab.run('ip', ...text.split(' '));
  run(`addr flush dev ${near}`);
  run('link add br7 type bridge');
  run('link add box7 type veth peer name box8');
  run(`link set ${near} master br7`);
  run('link add link br7 name mac7 type macvlan');
  for (const name of ['br7', 'box7', 'box8', 'mac7']) run(`link set ${name} up`);
  run('addr add 10.88.0.1/24 dev mac7');
  run('route add default via 10.88.0.2');
  const { interfaces } = await client.call('interfaces/list', { depth: 'whole' });
  const careful = interfaces.filter(({ lifelines }) => lifelines.length > 0).map(({ name }) => name);
  expect(careful.toSorted()).toEqual(['br7', 'mac7', near].toSorted());
  const found = await client.call('xdp/lifelines', { ifindex: lab.ifindex, peers: ['203.0.113.9'] });
  expect(found.lifelines).toEqual([
    { kind: 'default-route', family: 'IPv4' },
    { kind: 'remote-session', peer: '203.0.113.9' },
  ]);
});
