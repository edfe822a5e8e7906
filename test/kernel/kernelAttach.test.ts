import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import {
  bpftool,
  bpftoolList,
  command,
  eventually,
  fixture,
  helper,
  ipXdp,
  isAlive,
  openFilesAtRest,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';

let lab: VethLab;
let client: HelperClient;
let loaded: LoadedObject;
let elf: Uint8Array;

beforeAll(() => {
  elf = fixture('kernelCounter');
});
beforeEach(async () => {
  lab = vethLab();
  client = await helper({ netns: lab.ns });
  loaded = await client.call('object/load', { elf, name: 'kernelCounter.o' });
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
});

type Mode = 'auto' | 'native' | 'generic' | 'offload';
interface Options {
  keep?: boolean;
  via?: 'link' | 'netlink';
  program?: string;
  from?: HelperClient;
  object?: number;
}
function attach(
  mode: Mode,
  { keep = false, via = 'link', program = 'xdp_counter', from = client, object = loaded.object }: Options = {},
) {
  return from.call('xdp/attach', { object, program, ifindex: lab.ifindex, mode, via, keep });
}
const progId = (name = 'xdp_counter') => loaded.programs.find((program) => program.name === name)?.id;
const attachedNow = async (from = client) =>
  (await from.call('interfaces/list', {})).interfaces.find((one) => one.ifindex === lab.ifindex)?.attached;

test.for<[Mode, 'link' | 'netlink', number, string]>([
  ['native', 'link', 1, 'native'],
  ['generic', 'link', 2, 'generic'],
  ['auto', 'link', 1, 'native'],
  ['native', 'netlink', 1, 'native'],
  ['generic', 'netlink', 2, 'generic'],
  ['auto', 'netlink', 1, 'native'],
])('%s by %s attaches as ip and bpftool see it, and detaches', async ([mode, via, ipMode, got]) => {
  const attachment = await attach(mode, { via });
  expect(attachment).toMatchObject({ program: 'xdp_counter', progId: progId(), mode: got, via, iface: lab.near });
  expect(attachment.modeReason).toBeUndefined();
  expect(ipXdp(lab)).toEqual({ mode: ipMode, id: progId() });
  const links = bpftoolList('link').filter((one) => one.prog_id === progId());
  expect(links).toMatchObject(via === 'link' ? [{ id: attachment.linkId, type: 'xdp' }] : []);
  expect(await attachedNow()).toEqual([
    {
      program: 'xdp_counter',
      progId: progId(),
      mode: got,
      via,
      owner: 'this',
      attachment: attachment.attachment,
      ...(attachment.linkId === undefined ? {} : { linkId: attachment.linkId }),
    },
  ]);
  await client.call('xdp/detach', { attachment: attachment.attachment });
  expect(ipXdp(lab)).toBeUndefined();
  await expect(client.call('xdp/detach', { attachment: attachment.attachment })).rejects.toMatchObject({
    code: 'nothing-attached',
  });
});

test('auto falls back to generic and says why not native', async () => {
  lab.runFar('ip', 'link', 'set', lab.far, 'mtu', '9000');
  lab.run('ip', 'link', 'set', lab.near, 'mtu', '9000');
  const attachment = await attach('auto');
  expect(attachment).toMatchObject({ mode: 'generic', modeReason: expect.stringContaining('Peer MTU is too large') });
  await client.call('xdp/detach', { attachment: attachment.attachment });
  await expect(attach('native')).rejects.toMatchObject({
    code: 'attach-failed',
    message: expect.stringContaining('Peer MTU is too large to set XDP'),
    fix: expect.stringContaining('mtu 3506'),
  });
  expect(ipXdp(lab)).toBeUndefined();
  const { interfaces } = await client.call('interfaces/list', { depth: 'whole' });
  expect(interfaces.find((one) => one.name === lab.near)?.peer).toMatchObject({
    name: lab.far,
    here: false,
    mtu: 9000,
  });
});

test('a mode that the driver lacks', async () => {
  await expect(attach('offload')).rejects.toMatchObject({
    code: 'mode-unsupported',
    message: expect.stringMatching(/\(veth\) cannot run XDP in offload mode/),
    fix: expect.stringContaining('generic'),
  });
  await expect(
    client.call('xdp/attach', {
      object: loaded.object,
      program: 'xdp_counter',
      ifindex: 1,
      mode: 'native',
      via: 'link',
      keep: false,
    }),
  ).rejects.toMatchObject({ code: 'mode-unsupported', message: expect.stringContaining('lo') });
  await expect(
    client.call('xdp/attach', {
      object: loaded.object,
      program: 'xdp_counter',
      ifindex: 9999,
      mode: 'auto',
      via: 'link',
      keep: false,
    }),
  ).rejects.toMatchObject({ code: 'interface-not-found' });
});

test('a busy interface says who holds it', async () => {
  await attach('generic');
  for (const [mode, via] of [
    ['generic', 'link'],
    ['native', 'link'],
    ['auto', 'link'],
    ['auto', 'netlink'],
  ] as const) {
    await expect(attach(mode, { via, program: 'xdp_dropper' })).rejects.toMatchObject({
      code: 'interface-busy',
      message: expect.stringMatching(/already runs xdp_counter \(id \d+, generic mode, attached from this window\)/),
      details: { progId: progId(), program: 'xdp_counter', holderMode: 'generic', owner: 'this' },
    });
  }
  // A second window.
  const other = await helper({ netns: lab.ns });
  try {
    const mine = await other.call('object/load', { elf, name: 'other.o' });
    await expect(attach('auto', { from: other, object: mine.object })).rejects.toMatchObject({
      code: 'interface-busy',
      message: expect.stringContaining(`program id ${progId()} (generic mode, attached by another process)`),
    });
    await expect(other.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false })).rejects.toMatchObject({
      code: 'foreign-attachment',
      fix: expect.stringContaining('--force'),
    });
    await expect(other.call('xdp/detachInterface', { ifindex: lab.ifindex, force: true })).rejects.toMatchObject({
      code: 'privilege',
      details: { capability: 'CAP_SYS_ADMIN' },
    });
  } finally {
    await other.dispose();
  }
  expect(ipXdp(lab)).toEqual({ mode: 2, id: progId() });
  // The system profile names it and can end it.
  const system = await helper({ netns: lab.ns, profile: 'system' });
  try {
    expect(await attachedNow(system)).toMatchObject([{ program: 'xdp_counter', via: 'link', owner: 'other' }]);
    const { detached } = await system.call('xdp/detachInterface', { ifindex: lab.ifindex, force: true });
    expect(detached).toMatchObject([{ progId: progId() }]);
    expect(ipXdp(lab)).toBeUndefined();
    const lost: { reason: string }[] = [];
    client.on('attachment/lost', (event) => lost.push(event));
    expect(await attachedNow()).toEqual([]);
    expect(lost).toMatchObject([{ iface: lab.near, reason: expect.stringContaining('Somebody else detached') }]);
  } finally {
    await system.dispose();
  }
});

test('what other tools attached by netlink needs force, and nothing is nothing', async () => {
  await expect(client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: true })).rejects.toMatchObject({
    code: 'nothing-attached',
  });
  const directory = mkdtempSync(join(tmpdir(), 'xk-'));
  try {
    const path = join(directory, 'other.o');
    writeFileSync(path, fixture('kernelLegacy'));
    lab.run('ip', 'link', 'set', lab.near, 'xdpgeneric', 'object', path, 'section', 'xdp_pass');
  } finally {
    rmSync(directory, { recursive: true });
  }
  expect(await attachedNow()).toMatchObject([{ owner: 'other', via: 'unknown', mode: 'generic' }]);
  await expect(client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false })).rejects.toMatchObject({
    code: 'foreign-attachment',
  });
  await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: true });
  expect(ipXdp(lab)).toBeUndefined();
});

test.for(['link', 'netlink'] as const)('what is kept by %s outlives its helper and is found again', async (via) => {
  const kept = await attach('native', { keep: true, via });
  expect(kept.pin).toMatch(/^\/sys\/fs\/bpf\/xdp-vscode\/0\/n\d+-i\d+\/(link|program)$/);
  await client.dispose();
  expect(ipXdp(lab)).toEqual({ mode: 1, id: kept.progId });

  client = await helper({ netns: lab.ns });
  expect(await attachedNow()).toMatchObject([{ program: 'xdp_counter', progId: kept.progId, via, owner: 'kept' }]);
  // Its maps and their BTF are there without CAP_SYS_ADMIN.
  const { maps } = await client.call('map/list', {});
  const stats = maps.find((map) => map.name === 'xdp_stats_map_long_name');
  expect(stats).toMatchObject({ type: 'percpu_array' });
  const pin = `${kept.pin?.replace(/[^/]+$/, '')}maps/xdp_stats_map_long_name`;
  for (const map of [{ pin }, { id: stats?.id ?? 0 }]) {
    expect(await client.call('map/read', { map, limit: 10 })).toMatchObject({ count: 5 });
    expect((await client.call('map/info', { map })).btfId).toBe(stats?.btfId);
  }
  const { btf } = await client.call('btf/get', { id: stats?.btfId ?? 0 });
  expect(Buffer.from(btf).includes('rx_packets')).toBe(true);
  // A pin belongs to one namespace: the same index elsewhere is something else.
  const elsewhere = await helper({ netns: lab.farNs });
  try {
    expect((await elsewhere.call('interfaces/list', {})).interfaces.flatMap((one) => one.attached)).toEqual([]);
  } finally {
    await elsewhere.dispose();
  }

  expect(await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false })).toMatchObject({
    detached: [{ owner: 'kept' }],
  });
  expect(ipXdp(lab)).toBeUndefined();
  expect(pinsLeft()).toEqual([]);
});

test('pins of an interface that is gone are removed', async () => {
  await attach('native', { keep: true });
  await client.dispose();
  expect(pinsLeft()).not.toEqual([]);
  lab.run('ip', 'link', 'del', lab.near);
  client = await helper({ netns: lab.ns });
  await client.call('interfaces/list', {});
  expect(pinsLeft()).toEqual([]);
});

test('kill -9 of the helper leaves nothing attached by a link', async () => {
  await attach('native');
  expect(ipXdp(lab)).toBeDefined();
  process.kill(client.hello.pid, 'SIGKILL');
  expect((await client.exited).reason).toContain('SIGKILL');
  await eventually('detaching', () => ipXdp(lab) === undefined);
  await expect(attach('native')).rejects.toMatchObject({
    code: 'helper-died',
    message: expect.stringContaining('SIGKILL'),
  });
});

test('by netlink it survives a kill, and the next helper knows it as its own', async () => {
  await attach('native', { via: 'netlink' });
  process.kill(client.hello.pid, 'SIGKILL');
  await client.exited;
  expect(ipXdp(lab)).toBeDefined();
  client = await helper({ netns: lab.ns });
  expect(await attachedNow()).toMatchObject([{ via: 'netlink', owner: 'kept' }]);
  await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
  expect(ipXdp(lab)).toBeUndefined();
  expect(pinsLeft()).toEqual([]);
});

test('closing the object leaves its attachment', async () => {
  const attachment = await attach('native');
  await client.call('object/close', { object: loaded.object });
  expect(ipXdp(lab)).toEqual({ mode: 1, id: attachment.progId });
  await client.call('xdp/detach', { attachment: attachment.attachment });
  expect(ipXdp(lab)).toBeUndefined();
  expect((bpftool('prog', 'list') as { id: number }[]).some((program) => program.id === attachment.progId)).toBe(false);
});

test('loaded and attached in one step, or neither', async () => {
  const how = { program: 'xdp_counter', mode: 'native', via: 'link', keep: false } as const;
  const load = { elf, name: 'kernelCounter.o', programs: ['xdp_counter'] };
  const { loaded: own, attachment } = await client.call('xdp/loadAndAttach', { load, iface: lab.near, ...how });
  expect(ipXdp(lab)).toEqual({ mode: 1, id: own.programs[0]?.id });
  await client.call('xdp/detach', { attachment: attachment.attachment });
  await client.call('object/close', { object: own.object });

  const files = await openFilesAtRest(client.hello.pid);
  for (const [iface, code] of [
    ['lo', 'mode-unsupported'],
    ['not-there', 'interface-not-found'],
  ] as const) {
    await expect(client.call('xdp/loadAndAttach', { load, iface, ...how })).rejects.toMatchObject({ code });
  }
  expect(await openFilesAtRest(client.hello.pid)).toEqual(files);
});

test('an interface that vanishes is told', async () => {
  const lost: unknown[] = [];
  let changes = 0;
  client.on('attachment/lost', (event) => lost.push(event));
  client.on('interfaces/changed', () => changes++);
  const attachment = await attach('native');
  lab.run('ip', 'link', 'del', lab.near);
  await eventually('attachment/lost', () => lost.length > 0);
  expect(lost).toEqual([
    { attachment: attachment.attachment, iface: lab.near, reason: expect.stringContaining(`${lab.near} is gone`) },
  ]);
  expect(changes).toBeGreaterThan(0);
  expect(isAlive(client.hello.pid)).toBe(true);
  await expect(client.call('xdp/detach', { attachment: attachment.attachment })).rejects.toMatchObject({
    code: 'nothing-attached',
  });
});

test('a netlink attachment that another tool replaces is told', async () => {
  const lost: { reason: string }[] = [];
  client.on('attachment/lost', (event) => lost.push(event));
  await attach('generic', { via: 'netlink' });
  lab.run('ip', 'link', 'set', lab.near, 'xdpgeneric', 'off');
  await eventually('attachment/lost', () => lost.length > 0);
  expect(lost[0]?.reason).toContain('Somebody else');
  expect(pinsLeft()).toEqual([]);
});

test('200 attach and detach cycles leave the open files as they were', async () => {
  const cycle = async (index: number) => {
    const attachment = await attach(index % 2 === 0 ? 'native' : 'generic', {
      via: index % 3 === 0 ? 'netlink' : 'link',
      keep: index % 5 === 0,
    });
    await attachedNow();
    if (index % 2 === 0) await client.call('xdp/detach', { attachment: attachment.attachment });
    else await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
    await attach('offload').catch(() => {});
  };
  for (let index = 0; index < 10; index++) await cycle(index);
  const before = await openFilesAtRest(client.hello.pid);
  for (let index = 0; index < 200; index++) await cycle(index);
  expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
  expect(ipXdp(lab)).toBeUndefined();
}, 120_000);

/** What lies in this user's pin directory for the lab's namespace. */
function pinsLeft(): string[] {
  const inode = /\d+/.exec(lab.run('readlink', '/proc/self/ns/net'))?.[0];
  const found = command('find', ['/sys/fs/bpf/xdp-vscode/0', '-mindepth', '1']);
  return found.split('\n').filter((path) => path.includes(`/n${inode}-`) || path.includes('/w'));
}
