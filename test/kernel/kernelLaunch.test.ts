import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { capabilitiesOfStatus } from '../../extension/kernel/system/capabilities.ts';
import {
  command,
  eventually,
  fixture,
  helper,
  ipXdp,
  isAlive,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';
import { type Probe, runProbe, type TestUser, testUser } from '../support/kernelUser.ts';

let lab: VethLab;
let user: TestUser;
const probes: Probe[] = [];
const root = resolve(import.meta.dirname, '../..');
const elfPath = () => {
  fixture('kernelCounter');
  return join(root, `.cache/test-helper/kernelCounter-${process.pid}-.o`);
};

beforeAll(() => {
  user = testUser();
});
afterAll(() => user.remove());
beforeEach(() => {
  lab = vethLab();
});
afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
  user.sudoers(undefined);
  lab.remove();
});

async function probe(...args: Parameters<typeof runProbe>): Promise<Probe> {
  const started = await runProbe(...args);
  probes.push(started);
  return started;
}

const own = ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'];
const system = ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_PERFMON', 'CAP_BPF'];

function capsOf(pid: number, set: string): string[] {
  return capabilitiesOfStatus(readFileSync(`/proc/${pid}/status`, 'utf8'), set);
}
function statusOf(pid: number, field: string): string {
  return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}
function environOf(pid: number): Record<string, string> {
  const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
  return Object.fromEntries(
    text
      .split('\0')
      .filter((one) => one !== '')
      .map((one) => one.split('=') as [string, string]),
  );
}
const allowed = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', ELECTRON_RUN_AS_NODE: '1' };

test.for([
  ['own', own],
  ['system', system],
] as const)('as root, the %s helper holds its capabilities and nothing else', async ([profile, wanted]) => {
  const client = await helper({ profile });
  try {
    const { pid } = client.hello;
    expect(client.hello).toMatchObject({ profile, uid: 0, capabilities: wanted, pinDir: '/sys/fs/bpf/xdp-vscode/0' });
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'])
      expect([set, capsOf(pid, set)]).toEqual([set, wanted]);
    expect(statusOf(pid, 'NoNewPrivs')).toBe('1');
    expect(environOf(pid)).toEqual(allowed);
  } finally {
    await client.dispose();
  }
});

test('what the parent has in its environment does not reach the helper', async () => {
  const hostile = {
    NODE_OPTIONS: '--max-old-space-size=512',
    LD_LIBRARY_PATH: '/nowhere',
    XDP_TEST: '1',
    HOME: '/root',
  };
  const { report } = await probe({ elevation: 'none' }, [], hostile);
  expect(environOf(report.hello?.pid ?? 0)).toEqual(allowed);
  user.sudoers('ALL=(ALL) NOPASSWD: ALL');
  const elevated = await probe({ elevation: 'sudo' }, user.become, hostile);
  expect(environOf(elevated.report.hello?.pid ?? 0)).toEqual(allowed);
});

test('a network namespace by name', async () => {
  const client = await helper({ netns: lab.ns });
  try {
    expect(readlinkSync(`/proc/${client.hello.pid}/ns/net`)).toBe(lab.run('readlink', '/proc/self/ns/net').trim());
    expect(client.hello.capabilities).toEqual(own);
  } finally {
    await client.dispose();
  }
  await expect(helper({ netns: 'xk-not-there' })).rejects.toMatchObject({
    code: 'netns-not-found',
    fix: expect.stringContaining(lab.ns),
  });
  await expect(helper({ netns: '../../etc/passwd' })).rejects.toMatchObject({ code: 'usage' });
});

test('as an ordinary user with sudo: back to that user, with ambient capabilities, even where bpffs is for root alone', async () => {
  user.sudoers('ALL=(ALL) NOPASSWD: ALL');
  await helper().then((client) => client.dispose()); // bpffs is mounted after this
  const before = statSync('/sys/fs/bpf').mode & 0o7777;
  chmodSync('/sys/fs/bpf', 0o700);
  try {
    const attach = { program: 'xdp_counter', ifindex: lab.ifindex, keep: true };
    const one = await probe({ elevation: 'auto', netns: lab.ns, elf: elfPath(), attach }, user.become);
    expect(one.report.error).toBeUndefined();
    const { hello, pin } = one.report;
    expect(hello).toMatchObject({ uid: user.uid, capabilities: own, pinDir: `/sys/fs/bpf/xdp-vscode/${user.uid}` });
    expect(pin).toContain(`/sys/fs/bpf/xdp-vscode/${user.uid}/n`);
    const pid = hello?.pid ?? 0;
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'])
      expect([set, capsOf(pid, set)]).toEqual([set, own]);
    expect(statusOf(pid, 'NoNewPrivs')).toBe('1');
    expect(statusOf(pid, 'Uid').split('\t')).toEqual(Array(4).fill(String(user.uid)));
    expect(statusOf(pid, 'Gid').split('\t')).toEqual(Array(4).fill(String(user.gid)));
    expect(statusOf(pid, 'Groups').trim()).toBe('');
    const directory = statSync(`/sys/fs/bpf/xdp-vscode/${user.uid}`);
    expect({ mode: directory.mode & 0o777, uid: directory.uid, gid: directory.gid }).toEqual({
      mode: 0o700,
      uid: user.uid,
      gid: user.gid,
    });
    expect(statSync('/sys/fs/bpf/xdp-vscode').mode & 0o7777).toBe(0o711);
    await one.end();
    await eventually('the helper to end', () => !isAlive(pid));
    expect(ipXdp(lab)).toBeDefined();

    const again = await probe({ elevation: 'sudo', netns: lab.ns }, user.become);
    expect(again.report.hello?.pinProblem).toBeUndefined();
  } finally {
    chmodSync('/sys/fs/bpf', before);
  }
});

test('sudo with a password, asked through the callback and kept nowhere', async () => {
  user.sudoers('ALL=(ALL) ALL');
  const directory = mkdtempSync(join(tmpdir(), 'xk-askpass-'));
  chownSync(directory, user.uid, user.gid);
  const ask = (elevation: 'auto' | 'sudo', passwords?: (string | null)[]) =>
    probe({ elevation, ...(passwords === undefined ? {} : { passwords }) }, user.become, { TMPDIR: directory });
  const right = await ask('auto', ['wrong', user.password]);
  expect(right.report.error).toBeUndefined();
  expect(right.report.hello).toMatchObject({ uid: user.uid, capabilities: own });
  expect(right.report.prompts).toHaveLength(2);
  expect(right.report.prompts[0]).toContain(user.name);
  expect(JSON.stringify(right.report)).not.toContain(user.password);
  expect(readFileSync(`/proc/${right.report.hello?.pid}/environ`, 'utf8')).not.toContain('ASKPASS');
  await right.end();

  const cancelled = await ask('sudo', [null]);
  expect(cancelled.report.error).toMatchObject({
    code: 'elevation-refused',
    message: expect.stringContaining('no password'),
  });
  const wrong = await ask('sudo', ['a', 'b', 'c', 'd']);
  expect(wrong.report.error).toMatchObject({
    code: 'elevation-refused',
    message: expect.stringContaining('incorrect password'),
  });
  const nobodyToAsk = await ask('auto');
  expect(nobodyToAsk.report.error).toMatchObject({
    code: 'privilege',
    message: expect.stringContaining('CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON'),
    fix: expect.stringMatching(/sudo -v.*xdp\.elevation.*XDP_ELEVATION/),
  });
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
}, 90_000);

test('a user whom sudo does not know', async () => {
  const { report } = await probe({ elevation: 'sudo', passwords: [user.password] }, user.become);
  expect(report.error).toMatchObject({
    code: 'elevation-refused',
    message: expect.stringContaining('not in the sudoers file'),
  });
});

test('without elevation: the helper runs, and says what it lacks', async () => {
  const { report } = await probe({ elevation: 'none', elf: elfPath() }, user.become);
  expect(report.hello).toMatchObject({ uid: user.uid, capabilities: [] });
  expect(report.error).toMatchObject({
    code: 'privilege',
    details: { missing: own },
    fix: expect.stringMatching(/xdp\.elevation.*XDP_ELEVATION/),
  });
  const inNamespace = await probe({ elevation: 'none', netns: lab.ns }, user.become);
  expect(inNamespace.report.error).toMatchObject({ code: 'privilege', details: { capability: 'CAP_SYS_ADMIN' } });
});

test('root of a container that lacks rights is told how to get them', async () => {
  const become = ['setpriv', '--bounding-set=-bpf,-perfmon,-sys_admin', '--inh-caps=-all'];
  const { report } = await probe({ elevation: 'auto', elf: elfPath() }, become);
  expect(report.hello).toMatchObject({ uid: 0 });
  expect(report.error).toMatchObject({
    code: 'privilege',
    fix: expect.stringContaining('--cap-add PERFMON --cap-add BPF'),
  });
});

test('a process that has the capabilities already starts it directly', async () => {
  const caps = '-all,+bpf,+net_admin,+perfmon';
  const become = [
    'setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    `--inh-caps=${caps}`,
    `--ambient-caps=${caps}`,
  ];
  const { report } = await probe({ elevation: 'auto', elf: elfPath(), printk: 'xdp_talker' }, become);
  expect(report.error).toBeUndefined();
  expect(report.hello).toMatchObject({ uid: user.uid, capabilities: own });
  // Only root may make an instance of tracefs: the run is good all the same, and says why it has no lines.
  expect(report.printk).toBeUndefined();
  expect(report.printkProblem).toMatch(/refuses this user \(EACCES\); only root may .*sudo xdp run/);
});

test('a pin directory that belongs to somebody else is not used', async () => {
  user.sudoers('ALL=(ALL) NOPASSWD: ALL');
  const mine = `/sys/fs/bpf/xdp-vscode/${user.uid}`;
  await (await probe({ elevation: 'sudo' }, user.become)).end();
  command('chown', ['0:0', mine]);
  const { report } = await probe({ elevation: 'sudo' }, user.become);
  expect(report.hello?.pinDir).toBeUndefined();
  expect(report.hello?.pinProblem).toContain(mine);
});
