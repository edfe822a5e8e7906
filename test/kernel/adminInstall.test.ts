import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findAdminInstall } from '../../extension/kernel/launch/adminInstall.ts';
import { adminInstall, adminRemove, adminStatus } from '../../extension/session/admin/adminInstall.ts';
import { buildHelper, command, eventually, fixture, helper, ipXdp, isAlive, vethLab } from '../support/kernelHelper.ts';
import { type Probe, runProbe, type TestUser, testUser } from '../support/kernelUser.ts';

/** An administrator's install in a folder, with a group and a rule of this test's own; users are real ones. */
const above = `/opt/xk${process.pid}`;
const directory = path.join(above, 'xdp-vscode');
const start = path.join(directory, 'xdp-helper');
let user: TestUser;
let group: string;
let rule: string;
let member: readonly string[];
const probes: Probe[] = [];

async function install(): Promise<void> {
  const source = { dist: path.dirname(await buildHelper()), version: '1.2.3', execPath: process.execPath };
  await adminInstall(source, { directory, group, rule });
}

beforeAll(async () => {
  user = testUser();
  group = `${user.name}g`;
  rule = `${user.name}-admin`;
  mkdirSync(above, { mode: 0o755 });
  await install();
  command('usermod', ['-aG', group, user.name]);
  member = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups', '--inh-caps=-all'];
});
afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
});
afterAll(() => {
  adminRemove({ directory, rule });
  rmSync(above, { recursive: true, force: true });
  user.remove();
  command('groupdel', [group]);
});

async function probe(...args: Parameters<typeof runProbe>): Promise<Probe> {
  const started = await runProbe({ ...args[0], adminDirectory: directory }, args[1]);
  probes.push(started);
  return started;
}
const as = (prefix: readonly string[], ...args: string[]) => {
  const [file = '', ...rest] = [...prefix, ...args];
  return spawnSync(file, rest, { encoding: 'utf8', timeout: 10_000 });
};
const elfPath = () => {
  fixture('kernelCounter');
  return path.resolve(import.meta.dirname, `../../.cache/test-helper/kernelCounter-${process.pid}-.o`);
};

test('a member starts the installed helper without a password, even where bpffs is for root alone', async () => {
  expect(adminStatus(directory)).toEqual({ state: 'installed', directory, version: '1.2.3' });
  expect(readFileSync(`/etc/sudoers.d/${rule}`, 'utf8')).toContain(`%${group} ALL=(root) NOPASSWD: ${start}\n`);
  await helper().then((client) => client.dispose()); // bpffs is mounted after this
  const before = statSync('/sys/fs/bpf').mode & 0o7777;
  const lab = vethLab();
  chmodSync('/sys/fs/bpf', 0o700);
  try {
    const attach = { program: 'xdp_counter', ifindex: lab.ifindex };
    const { report } = await probe({ elevation: 'auto', netns: lab.ns, elf: elfPath(), attach }, member);
    expect(report.error).toBeUndefined();
    const own = ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'];
    const pinDir = `/sys/fs/bpf/xdp-vscode/${user.uid}`;
    expect(report.hello).toMatchObject({ uid: user.uid, capabilities: own, pinDir });
    expect(ipXdp(lab)).toBeDefined();
    const pid = report.hello?.pid ?? 0;
    expect(readlinkSync(`/proc/${pid}/exe`)).toBe(path.join(directory, 'node'));
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')).toContain(path.join(directory, 'helper.js'));
    const system = await probe({ elevation: 'auto', profile: 'system' }, member);
    expect(system.report.hello?.capabilities).toContain('CAP_SYS_ADMIN');
  } finally {
    chmodSync('/sys/fs/bpf', before);
    for (const one of probes.splice(0)) await one.end();
    lab.remove();
  }
});

test('who is not in the group is asked as before', async () => {
  const stranger = testUser('b');
  try {
    const { report } = await probe({ elevation: 'auto' }, stranger.become);
    expect(report.error).toMatchObject({ code: 'privilege' });
    expect(as(stranger.become, 'sudo', '-n', '--', start, 'own').stderr).toContain('sudo: a password is required');
  } finally {
    stranger.remove();
  }
});

test('a second process of the same user reaches neither the helper nor its pipe', async () => {
  const one = await probe({ elevation: 'auto' }, member);
  const pid = one.report.hello?.pid ?? 0;
  const parent = one.process.pid ?? 0;
  const attempt = `
    const fs = require('fs');
    const tried = [];
    const look = (file, how) => { try { how(file); tried.push(file); } catch {} };
    const open = (file) => fs.closeSync(fs.openSync(file, 'r+'));
    look('/proc/${pid}/mem', open);
    look('/proc/${pid}/environ', fs.readFileSync);
    for (const fd of fs.readdirSync('/proc/${pid}/fd')) look('/proc/${pid}/fd/' + fd, open);
    // The parent is the user's own: its ends of the pipe are sockets, which cannot be opened by name.
    for (const fd of fs.readdirSync('/proc/${parent}/fd')) {
      const target = fs.readlinkSync('/proc/${parent}/fd/' + fd);
      if (target.startsWith('socket:')) look('/proc/${parent}/fd/' + fd, open);
    }
    console.log(JSON.stringify(tried));`;
  const { stdout } = as(member, process.execPath, '-e', attempt);
  expect(JSON.parse(stdout)).toEqual([]);
  // pidfd_open(2), pidfd_getfd(2): whoever has fewer capabilities may not trace it, so may not take its descriptors.
  const take = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
taken = libc.syscall(438, libc.syscall(434, ${pid}, 0), 0, 0)
print("taken" if taken >= 0 else ctypes.get_errno())`;
  expect(as(member, '/usr/bin/python3', '-c', take).stdout.trim()).toBe('1');
  // It listens nowhere: no socket of it is in any table of the kernel's but connected, nameless ones.
  const inodes = command('ls', ['-l', `/proc/${pid}/fd`]).match(/(?<=socket:\[)\d+/g) ?? [];
  const listening = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => / 00010000 /.test(line));
  for (const inode of inodes) expect(listening.some((line) => line.includes(` ${inode} `))).toBe(false);
});

test.for([
  ['own', '/etc/passwd'],
  ['own', '/run/netns/../../etc/passwd'],
  ['own', '/proc/self/ns/net'],
  ['own', '/proc/1/../2/ns/net'],
  ['root'],
  ['own', '', 'more'],
  ['own; id'],
  [],
])('the start script refuses %j', (args) => {
  const { status, stderr } = as(member, 'sudo', '-n', '--', start, ...args);
  expect([status, stderr]).toEqual([68, expect.stringContaining('xdp-helper: ')]);
});

test('nothing but the start script is allowed', () => {
  for (const file of ['node', 'launch.sh']) {
    expect(as(member, 'sudo', '-n', '--', path.join(directory, file), '-e', '1').stderr).toContain('sudo:');
  }
});

test.for<[string, (undo: (work: () => void) => void) => void]>([
  ['the folder', (undo) => mode(directory, 0o775, undo)],
  ['the folder above', (undo) => mode(above, 0o777, undo)],
  ['the helper', (undo) => mode(path.join(directory, 'helper.js'), 0o664, undo)],
  ['Node', (undo) => mode(path.join(directory, 'node'), 0o757, undo)],
  ['koffi', (undo) => mode(path.join(directory, 'node_modules/koffi/package.json'), 0o666, undo)],
  [
    'a helper of the user’s own',
    (undo) => {
      chownSync(path.join(directory, 'helper.js'), user.uid, user.gid);
      undo(() => chownSync(path.join(directory, 'helper.js'), 0, 0));
    },
  ],
  [
    'a helper elsewhere',
    (undo) => {
      const file = path.join(directory, 'helper.js');
      renameSync(file, `${above}/moved.js`);
      symlinkSync(`${above}/moved.js`, file);
      undo(() => {
        rmSync(file);
        renameSync(`${above}/moved.js`, file);
      });
    },
  ],
])('what others could change is refused: %s', async ([what, spoil]) => {
  const undoing: (() => void)[] = [];
  try {
    spoil((work) => undoing.push(work));
    const { report } = await probe({ elevation: 'auto' }, member);
    expect(report.error).toMatchObject({ code: 'elevation-refused', message: expect.stringContaining(above) });
    // As root too, should somebody go around the launcher; the way there is the launcher's to look at.
    if (what !== 'the folder above') {
      expect(as(member, 'sudo', '-n', '--', start, 'own').status).toBe(68);
    }
  } finally {
    for (const undo of undoing) undo();
  }
  expect(adminStatus(directory).state).toBe('installed');
});

test('one of another version is left, and removing takes the rule too', async () => {
  expect(findAdminInstall(directory, '9.9.9')).toEqual({ kind: 'other-version', version: '1.2.3' });
  expect(adminRemove({ directory, rule })).toEqual({ state: 'absent', directory });
  expect([existsSync(directory), existsSync(`/etc/sudoers.d/${rule}`)]).toEqual([false, false]);
  await install();
  const one = await probe({ elevation: 'auto' }, member);
  const pid = one.report.hello?.pid ?? 0;
  expect(isAlive(pid)).toBe(true);
  await one.end();
  await eventually('the helper to end', () => !isAlive(pid));
});

function mode(file: string, bits: number, undo: (work: () => void) => void): void {
  const before = statSync(file).mode & 0o7777;
  chmodSync(file, bits);
  undo(() => chmodSync(file, before));
}
