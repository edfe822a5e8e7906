import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject, MapInfo, MapWrite, MapWritten } from '../../extension/protocol/kernel.ts';
import { bpftool, command, fixtureText, helper } from '../support/kernelHelper.ts';

/** Storage that hangs on processes and cgroups: the kernel takes a descriptor for a key, and lists nothing. */
let client: HelperClient;
let loaded: LoadedObject;
beforeAll(async () => {
  client = await helper();
  const map = (kind: string): string =>
    `struct { __uint(type, ${kind}); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct seen); }`;
  const elf = fixtureText(
    'mapStorage',
    `struct seen { __u32 packets; __u32 bytes; };
     ${map('BPF_MAP_TYPE_TASK_STORAGE')} tasks SEC(".maps");
     ${map('32 /* BPF_MAP_TYPE_CGRP_STORAGE: the headers of Debian 12 do not have it */')} cgroups SEC(".maps");
     ${map('BPF_MAP_TYPE_INODE_STORAGE')} inodes SEC(".maps");
     ${map('BPF_MAP_TYPE_SK_STORAGE')} sockets SEC(".maps");
     SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
     char _license[] SEC("license") = "GPL";`,
  );
  loaded = await client.call('object/load', { elf, name: 'storage.o' });
});
afterAll(() => client.dispose());

function mapOf(name: string): MapInfo {
  const map = loaded.maps.find((one) => one.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const set = (name: string, request: Omit<MapWrite, 'map' | 'kind' | 'count'>): Promise<MapWritten> =>
  client.call('map/write', { map: { id: mapOf(name).id }, kind: 'set', count: 1, ...request });

/** Key → value, read two at a time. */
async function entries(name: string): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  let cursor: Uint8Array | undefined;
  do {
    const page = await client.call('map/read', {
      map: { id: mapOf(name).id },
      limit: 2,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const keys = new Uint32Array(page.keys.slice().buffer);
    const values = new Uint32Array(page.values.slice().buffer);
    keys.forEach((key, at) => found.set(key, [...values.subarray(2 * at, 2 * at + 2)]));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

/** As bpftool has it of what another program opened for it: `open` is Python that makes the descriptor. */
function asked(name: string, open: string): number[] {
  const program = `
import json, os, subprocess, sys
fd = ${open}
key = [str(byte) for byte in fd.to_bytes(4, "little")]
run = subprocess.run(["bpftool", "-j", "map", "lookup", "id", "${mapOf(name).id}", "key", *key], pass_fds=[fd], capture_output=True, text=True)
print(json.dumps([int(byte, 16) for byte in json.loads(run.stdout)["value"]]))`;
  const bytes = JSON.parse(execFileSync('/usr/bin/python3', ['-c', program], { encoding: 'utf8' })) as number[];
  return [...new Uint32Array(Uint8Array.from(bytes).buffer)];
}

test('what hangs on processes is read, changed and taken away by their numbers', async () => {
  const children = [0, 1, 2].map(() => spawn('sleep', ['600'], { stdio: 'ignore' }));
  const pids = children.map(({ pid }) => pid ?? 0);
  try {
    for (const [at, pid] of pids.entries()) {
      const written = await set('tasks', { keys: u32s(pid), values: u32s(at + 1, 60) });
      expect(written).toMatchObject({ failures: [], had: Uint8Array.of(0), now: u32s(at + 1, 60) });
    }
    expect(await entries('tasks')).toEqual(new Map(pids.map((pid, at) => [pid, [at + 1, 60]])));
    expect(asked('tasks', `os.pidfd_open(${pids[1]})`)).toEqual([2, 60]);

    const table = await client.call('table/open', { map: { id: mapOf('tasks').id }, keyTypeId: 0, valueTypeId: 0 });
    expect(await client.call('table/arrange', table)).toMatchObject({ total: 3 });
    expect(await client.call('table/rows', { ...table, from: 0, count: 3 })).toMatchObject({ count: 3, gone: [] });
    await client.call('table/close', table);

    const [first = 0, second = 0, third = 0] = pids;
    const mask = Uint8Array.from([255, 255, 255, 255, 0, 0, 0, 0]);
    const edit = { keys: u32s(second), values: u32s(9, 0), mask, expect: 'existing' } as const;
    expect(await set('tasks', edit)).toMatchObject({ failures: [], previous: u32s(2, 60), now: u32s(9, 60) });
    const gone = { map: { id: mapOf('tasks').id }, kind: 'delete', count: 1, keys: u32s(first) } as const;
    expect(await client.call('map/write', gone)).toMatchObject({ failures: [], previous: u32s(1, 60) });
    const ended = once(children[2]!, 'exit');
    process.kill(third);
    await ended;
    expect(await entries('tasks')).toEqual(new Map([[second, [9, 60]]]));
    expect((await set('tasks', { keys: u32s(third), values: u32s(1, 1) })).failures).toMatchObject([
      { error: { message: expect.stringContaining('there is no such process') } },
    ]);
    expect(await client.call('map/lookup', { map: { id: mapOf('tasks').id }, key: u32s(third) })).toEqual({});
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
});

/** As the helper counts it; undefined where it cannot tell. */
const counted = async (name: string): Promise<number | undefined> =>
  (await client.call('map/count', { map: { id: mapOf(name).id }, most: 1000 })).count;

test('each thread has a value of its own', async () => {
  const program =
    'import threading, time; [threading.Thread(target=time.sleep, args=(600,), daemon=True).start() for _ in range(3)]; print("up", flush=True); time.sleep(600)';
  const child = spawn('/usr/bin/python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    const before = (await entries('tasks')).size;
    const threads = readdirSync(`/proc/${child.pid}/task`).map(Number);
    expect(threads).toHaveLength(4);
    for (const thread of threads)
      expect(await set('tasks', { keys: u32s(thread), values: u32s(thread, 1) })).toMatchObject({ failures: [] });
    const found = await entries('tasks');
    for (const thread of threads) expect(found.get(thread)).toEqual([thread, 1]);
    // Where processes are hidden, nobody can say how many there are.
    const seesAll = statSync('/proc/self/ns/pid').ino === 0xeffffffc;
    expect(await counted('tasks')).toBe(seesAll ? before + 4 : undefined);
  } finally {
    child.kill('SIGKILL');
  }
});

test('sockets are counted, though they cannot be read', async () => {
  // As another program puts it there: the kernel takes a descriptor of its own.
  const program = `
import os, socket, subprocess
for _ in range(3):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    os.set_inheritable(one.fileno(), True)
    key = [str(byte) for byte in one.fileno().to_bytes(4, "little")]
    subprocess.run(["bpftool", "map", "update", "id", "${mapOf('sockets').id}", "key", *key, "value", *["1"] * 8], close_fds=False, check=True)
    globals()[f"kept{_}"] = one
print("up", flush=True)
input()`;
  expect(await counted('sockets')).toBe(0);
  const child = spawn('/usr/bin/python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect(await counted('sockets')).toBe(3);
    expect(await client.call('map/count', { map: { id: mapOf('sockets').id }, most: 2 })).toEqual({});
  } finally {
    child.kill('SIGKILL');
  }
  await expect(counted('inodes')).rejects.toMatchObject({ code: 'map-unreadable' });
});

test('stacks are counted', async () => {
  const elf = fixtureText(
    'mapStacks',
    `struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 64); __uint(key_size, 4); __uint(value_size, 8 * 127); } stacks SEC(".maps");
     SEC("raw_tp/sys_enter") int trace(void *ctx) {
       bpf_get_stackid(ctx, &stacks, 0);
       return 0;
     }
     char _license[] SEC("license") = "GPL";`,
  );
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-stacks-'));
  const object = path.join(folder, 'stacks.o');
  const pin = `/sys/fs/bpf/xdp_stacks_${process.pid}`;
  writeFileSync(object, elf);
  const system = await helper({ profile: 'system' });
  try {
    command('bpftool', ['prog', 'load', object, pin]);
    const { id, map_ids } = bpftool('prog', 'show', 'pinned', pin) as { id: number; map_ids: number[] };
    const count = () => system.call('map/count', { map: { id: map_ids[0] ?? 0 }, most: 64 });
    expect(await count()).toEqual({ count: 0 });
    // BPF_PROG_GET_FD_BY_ID, BPF_RAW_TRACEPOINT_OPEN: the program runs at every system call until the process ends.
    const program = `
import ctypes, os, struct
number = 321 if os.uname().machine == "x86_64" else 280
def bpf(command, attr):
    room = ctypes.create_string_buffer(attr, len(attr))
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, command, room, len(attr))
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return fd
name = ctypes.create_string_buffer(b"sys_enter")
fd = bpf(13, struct.pack("=IIQ", ${id}, 0, 0))
bpf(17, struct.pack("=QIIQ", ctypes.addressof(name), fd, 0, 0))
os.stat("/")`;
    execFileSync('/usr/bin/python3', ['-c', program]);
    const listed = (bpftool('map', 'dump', 'id', String(map_ids[0])) as unknown[]).length;
    expect(listed).toBeGreaterThan(0);
    expect(await count()).toEqual({ count: listed });
  } finally {
    rmSync(pin, { force: true });
    rmSync(folder, { recursive: true });
    await system.dispose();
  }
});

test('what hangs on cgroups is found by their inodes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp cgroups '));
  command('mount', ['-t', 'cgroup2', 'none', folder]);
  const group = path.join(folder, `xdp-storage-${process.pid}`);
  try {
    mkdirSync(group);
    const { ino } = statSync(group);
    expect(await set('cgroups', { keys: u32s(ino), values: u32s(7, 8) })).toMatchObject({ failures: [] });
    expect(await entries('cgroups')).toEqual(new Map([[ino, [7, 8]]]));
    expect(asked('cgroups', `os.open(${JSON.stringify(group)}, os.O_RDONLY)`)).toEqual([7, 8]);
    rmdirSync(group);
    expect(await entries('cgroups')).toEqual(new Map());
    expect((await set('cgroups', { keys: u32s(ino), values: u32s(1, 1) })).failures).toMatchObject([
      { error: { message: expect.stringContaining('there is no such cgroup') } },
    ]);
  } finally {
    try {
      rmdirSync(group);
    } catch {
      // Gone already.
    }
    command('umount', [folder]);
    rmdirSync(folder);
  }
});

test.for(['inodes', 'sockets'])('%s: the reason is said', async (name) => {
  const reading = client.call('map/read', { map: { id: mapOf(name).id }, limit: 1 });
  await expect(reading).rejects.toMatchObject({
    code: 'map-unreadable',
    message: expect.stringContaining('has them open'),
  });
  expect((await set(name, { keys: u32s(1), values: u32s(1, 1) })).failures).toHaveLength(1);
});
