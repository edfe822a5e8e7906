import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Check, Diagnosis } from '../../extension/session/doctor/doctor.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { bpftool } from '../support/kernelHelper.ts';
import { type TestUser, testUser } from '../support/kernelUser.ts';

let cli: CliBundle;
let user: TestUser;

beforeAll(async () => {
  user = testUser();
  cli = await bundleCli('doctor-test');
});
afterEach(() => user.sudoers(undefined));
afterAll(() => {
  user.remove();
  cli.remove();
});

interface Examined extends Diagnosis {
  code: number | null;
  of(id: string): Check | undefined;
}

/** `xdp doctor --json` behind a prefix (setpriv …), with nothing to type a password into. */
function doctor(prefix: readonly string[] = [], env: Record<string, string> = {}): Examined {
  const [name, ...args] = [...prefix, process.execPath, cli.file, 'doctor', '--json'];
  const { status, stdout, stderr } = spawnSync(name ?? '', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
  const diagnosis = JSON.parse(stdout) as Diagnosis;
  return { ...diagnosis, code: status, of: (id) => diagnosis.checks.find((check) => check.id === id) };
}

test('root: says of this kernel what bpftool says', () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('xdp-doctor-'));
  const examined = doctor();
  expect(examined.code).toBe(examined.ok ? 0 : 1);
  const { system_config: system } = bpftool('feature', 'probe', 'kernel') as {
    system_config: Record<string, string | number | null>;
  };
  const options = examined.checks.filter(({ id, status }) => id.startsWith('option-') && status !== 'unknown');
  const compared = options.filter(({ title }) => title in system);
  expect(compared.length).toBeGreaterThanOrEqual(5);
  for (const { title, status } of compared) expect([title, status]).toEqual([title, system[title] ? 'ok' : 'missing']);
  expect(examined.of('jit')?.status).toBe(system['bpf_jit_enable'] === 1 ? 'ok' : 'warning');
  expect(examined.of('unprivileged-bpf')?.status).toBe(system['unprivileged_bpf_disabled'] === 0 ? 'warning' : 'ok');
  expect(examined.of('load')).toMatchObject({ status: 'ok', required: true });
  expect(examined.of('bpftool')?.detail).toContain(/v(\S+)/.exec(execFileSync('bpftool', ['version']).toString())?.[1]);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('xdp-doctor-'))).toEqual(before);
});

test('an ordinary user: by what sudo wants of it', () => {
  expect(doctor(user.become)).toMatchObject({ code: 1, ok: false });
  expect(doctor(user.become).of('privilege')?.detail).toMatch(/sudo wants a password/);
  user.sudoers('ALL=(ALL) NOPASSWD: ALL');
  const free = doctor(user.become);
  expect(free).toMatchObject({ code: 0, ok: true });
  expect(free.of('privilege')?.detail).toBe('sudo, without a password');
  expect(free.of('load')?.status).toBe('ok');
  expect(doctor(user.become, { XDP_ELEVATION: 'none' }).of('privilege')).toMatchObject({ status: 'missing' });
  const sandboxed = doctor([...user.become, '--no-new-privs']);
  expect(sandboxed.of('privilege')?.detail).toMatch(/^no_new_privs/);
});

test('a process with the three capabilities loads by itself', () => {
  const caps = '+bpf,+net_admin,+perfmon';
  const prefix = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const capable = doctor([...prefix, `--inh-caps=-all,${caps}`, `--ambient-caps=${caps}`]);
  expect(capable.of('privilege')?.detail).toMatch(/^this process has the capabilities/);
  expect(capable.of('load')?.status).toBe('ok');
  expect(capable.code).toBe(0);
});

test('root without CAP_BPF, as in a container: named, and nothing is tried', () => {
  const bounded = doctor(['setpriv', '--inh-caps=-bpf', '--bounding-set=-bpf']);
  expect(bounded).toMatchObject({ code: 1, ok: false });
  expect(bounded.of('capabilities')?.detail).toBe('CAP_BPF cannot be had by any process here');
  expect(bounded.of('load')).toMatchObject({ status: 'unknown' });
});

test('root of a user namespace is no root for the kernel', () => {
  const inside = doctor(['unshare', '--user', '--map-root-user']);
  expect(inside.code).toBe(1);
  expect(inside.of('privilege')?.detail).toMatch(/user namespace/);
});

test('in a file system where nothing is mounted, the commands that mount it', () => {
  const script =
    'umount -R /sys/fs/bpf; umount /sys/kernel/tracing; exec setpriv --bounding-set=-bpf --inh-caps=-bpf "$@"';
  const bare = doctor(['unshare', '--mount', 'sh', '-c', script, 'sh']);
  expect(bare.of('bpffs')).toMatchObject({ status: 'missing', fix: 'sudo mount -t bpf bpf /sys/fs/bpf' });
  expect(bare.of('tracefs')).toMatchObject({
    status: 'missing',
    fix: 'sudo mount -t tracefs tracefs /sys/kernel/tracing',
  });
});
