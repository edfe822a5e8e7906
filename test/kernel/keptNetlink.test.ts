import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { AttachedProgram, Attachment, LoadedObject } from '../../extension/protocol/kernel.ts';
import { bpftool, eventually, fixture, helper, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/**
 * A netlink attachment has no link that says whose it is: only what the helper writes down does. It must hold wherever the
 * helper is killed, and go with what it is about.
 */
const pinDirectory = '/sys/fs/bpf/xdp-vscode/0';
const program = 'xdp_replaced';
let lab: VethLab;
let inode: number;
let client: HelperClient;

beforeEach(async () => {
  lab = vethLab();
  inode = statSync(`/run/netns/${lab.ns}`).ino;
  client = await helper({ netns: lab.ns });
});
afterEach(async () => {
  await client.dispose();
  lab.remove();
  // The helper of whoever comes next does this as well; a test leaves nothing to it.
  await (await helper()).dispose();
});

const load = (from = client): Promise<LoadedObject> =>
  from.call('object/load', { elf: fixture('kernelReplace'), name: 'kept.o' });
const progId = (loaded: LoadedObject): number | undefined => loaded.programs.find(({ name }) => name === program)?.id;
const attach = ({ object }: LoadedObject, keep = true): Promise<Attachment> =>
  client.call('xdp/attach', { object, program, ifindex: lab.ifindex, mode: 'native', via: 'netlink', keep });
async function attachedNow(from = client): Promise<AttachedProgram[] | undefined> {
  const { interfaces } = await from.call('interfaces/list', {});
  return interfaces.find(({ ifindex }) => ifindex === lab.ifindex)?.attached;
}
const pins = (): string[] => readdirSync(pinDirectory).filter((name) => name.includes(`n${inode}-`));
const own = (): string => `n${inode}-i${lab.ifindex}`;

/** Kills the helper when it is about to rename a directory for the `nth` time from now on. */
const killAtRename = (nth: number): Promise<ChildProcess> => killAt('rename,renameat,renameat2', nth);

async function killAt(calls: string, nth: number): Promise<ChildProcess> {
  const inject = `inject=${calls}:signal=KILL:when=${nth}`;
  const tracer = spawn('strace', ['-f', '-e', inject, '-p', `${client.hello.pid}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  tracer.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually('strace to be attached', () => said.includes('attached'));
  return tracer;
}

test.for([
  { when: 'it has attached', replaces: false, nth: 1 },
  { when: 'it has replaced', replaces: true, nth: 1 },
  { when: 'it has put the pins before aside', replaces: true, nth: 2 },
])('killed when $when: the next helper knows what runs, and keeps nothing else', async ({ replaces, nth }) => {
  const first = await load();
  const next = replaces ? await load() : first;
  const { attachment } = replaces ? await attach(first) : { attachment: 0 };
  const tracer = await killAtRename(nth);
  const ended = once(tracer, 'close');
  const doing = replaces ? client.call('xdp/replace', { attachment, object: next.object, program }) : attach(first);
  await expect(doing).rejects.toMatchObject({ code: 'helper-died' });
  await ended;
  expect(ipXdp(lab)?.id).toBe(progId(next));

  client = await helper({ netns: lab.ns });
  expect(await attachedNow()).toMatchObject([{ program, progId: progId(next), via: 'netlink', owner: 'kept' }]);
  expect(pins()).toEqual([own()]);
  const { maps } = await client.call('xdp/adopt', { ifindex: lab.ifindex });
  expect(maps.map(({ name }) => name).sort()).toEqual(next.maps.map(({ name }) => name).sort());
  await client.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
  expect([ipXdp(lab), pins()]).toEqual([undefined, []]);
});

test.for([1, 2, 3])('killed while it made the pins (step %i): nothing is attached, and nothing stays', async (nth) => {
  const loaded = await load();
  const ended = once(await killAt('mkdir,mkdirat', nth), 'close');
  await expect(attach(loaded)).rejects.toMatchObject({ code: 'helper-died' });
  await ended;
  client = await helper({ netns: lab.ns });
  expect([ipXdp(lab), pins()]).toEqual([undefined, []]);
});

test.for([
  { what: 'its network namespace', end: () => lab.remove() },
  { what: 'its interface', end: () => lab.run('ip', 'link', 'del', lab.near) },
])('what was pinned goes at the next start, in any namespace, when $what is gone', async ({ end }) => {
  await attach(await load());
  await client.dispose();
  const lookedFor = `${pinDirectory}/${own()}/interface`;
  expect(bpftool('map', 'dump', 'pinned', lookedFor)).toHaveLength(1);
  end();
  // A namespace ends a moment after its name. Any helper of this user that starts meanwhile removes the pin.
  await eventually('the end of the interface', () => {
    if (!existsSync(lookedFor)) return true;
    const [entry] = bpftool('map', 'dump', 'pinned', lookedFor) as { value?: unknown }[];
    return !Array.isArray(entry?.value);
  });
  client = await helper();
  expect(pins()).toEqual([]);
});

test('what another tool detached while no helper ran is not kept any more', async () => {
  const id = progId(await load().then(async (loaded) => (await attach(loaded), loaded)));
  await client.dispose();
  lab.run('ip', 'link', 'set', lab.near, 'xdp', 'off');
  client = await helper({ netns: lab.ns });
  expect([await attachedNow(), pins()]).toEqual([[], []]);
  await eventually('the end of its program', () =>
    (bpftool('prog', 'list') as { id: number }[]).every((one) => one.id !== id),
  );
});

test('a session whose netlink attachment another session replaced leaves that one its pins', async () => {
  await attach(await load());
  const lost: string[] = [];
  client.on('attachment/lost', ({ reason }) => lost.push(reason));
  const other = await helper({ netns: lab.ns });
  try {
    const { attachment } = await other.call('xdp/adopt', { ifindex: lab.ifindex });
    const next = await load(other);
    await other.call('xdp/replace', { attachment: attachment.attachment, object: next.object, program });
    await eventually('the first to hear of it', () => lost.length > 0);
    expect(pins()).toEqual([own()]);
    expect(await attachedNow()).toMatchObject([{ progId: progId(next), owner: 'kept' }]);
    await other.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
  } finally {
    await other.dispose();
  }
  expect([ipXdp(lab), pins()]).toEqual([undefined, []]);
});

test('replacing what is not to be kept does not keep it', async () => {
  const [first, next] = [await load(), await load()];
  const { attachment, pin } = await attach(first, false);
  const replaced = await client.call('xdp/replace', { attachment, object: next.object, program });
  expect([pin, replaced.pin]).toEqual([undefined, undefined]);
  await client.call('xdp/detach', { attachment });
  expect([ipXdp(lab), pins()]).toEqual([undefined, []]);
});
