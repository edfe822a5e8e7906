import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { otherNamespaces } from '../../extension/session/attach/namespaces.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { eventually, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** Guard, replacement and hot reload of `xdp attach`, in namespaces of the test's own. */
const root = path.resolve(import.meta.dirname, '../..');
const source = path.join(root, 'test/fixtures/bpf/kernelReplace.bpf.c');
let cli: CliBundle;
let lab: VethLab;
let folder: string;

beforeAll(async () => {
  cli = await bundleCli('cli-attach');
});
afterAll(() => cli?.remove());
beforeEach(() => {
  lab = vethLab();
  folder = mkdtempSync(path.join(tmpdir(), 'xdp-cli-'));
});
afterEach(() => {
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
});

const where = () => ['--iface', lab.near, '--netns', lab.ns];
const defaultRoute = () => lab.run('ip', 'route', 'add', 'default', 'via', '10.99.0.2');

test('on the default route it wants a terminal or --guard 0', () => {
  defaultRoute();
  const refused = cli.run(['attach', source, ...where(), '--keep']);
  expect(refused.status).toBe(2);
  expect(refused.json).toMatchObject({
    error: {
      code: 'usage',
      message: expect.stringContaining('IPv4 default route'),
      fix: expect.stringContaining('--guard 0'),
    },
  });
  expect(ipXdp(lab)).toBeUndefined();
  expect(cli.run(['attach', source, ...where(), '--keep', '--guard', '5']).status).toBe(2);
  const unguarded = cli.run(['attach', source, ...where(), '--keep', '--guard', '0']);
  expect(unguarded.status).toBe(0);
  expect(ipXdp(lab)?.id).toBe(unguarded.json['progId']);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('without a terminal a guard that was asked for runs out', () => {
  const { status, stderr } = cli.run(['attach', source, ...where(), '--guard', '1']);
  expect(status).toBe(1);
  expect(stderr).toContain('Not confirmed within 1 s');
  expect(ipXdp(lab)).toBeUndefined();
});

test('on a terminal Enter keeps it, and then it is pinned', async () => {
  defaultRoute();
  const terminal = cli.onTerminal(['attach', source, ...where(), '--keep']);
  await eventually('the question', () => terminal.text().includes('Press Enter within 15 s'));
  expect(terminal.text()).toContain('is guarded: it carries the IPv4 default route');
  const id = ipXdp(lab)?.id;
  expect(id).toBeDefined();
  terminal.enter();
  expect(await terminal.exit).toBe(0);
  expect(terminal.text()).toContain('Kept by /sys/fs/bpf/xdp-vscode/');
  expect(ipXdp(lab)?.id).toBe(id);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('nobody presses Enter, and the replaced program is back', async () => {
  const kept = cli.run(['attach', source, ...where(), '--keep']);
  const terminal = cli.onTerminal(['attach', source, ...where(), '--replace', '--guard', '1']);
  await eventually('the other program', () => ipXdp(lab)?.id !== kept.json['progId']);
  expect(await terminal.exit).toBe(1);
  expect(ipXdp(lab)?.id).toBe(kept.json['progId']);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('--replace keeps the maps that are the same, and says which are not', () => {
  const first = cli.run(['attach', source, ...where(), '--keep']);
  const path1 = path.join(folder, 'changed.bpf.c');
  writeFileSync(path1, `#define LARGER\n#define BUILD 2\n${readFileSync(source, 'utf8')}`);
  const pinned = (first.json['pin'] as string).replace(/link$/, 'maps/seen');
  expect(cli.run(['map', 'set', pinned, '0', '7']).status).toBe(0);
  const second = cli.run(['attach', path1, ...where(), '--replace']);
  expect(second.stderr).toContain('verdicts starts empty: its max_entries changed from 16 to 64');
  expect(second.stderr).toContain('kept: seen');
  expect(second.status).toBe(0);
  expect(ipXdp(lab)?.id).toBe(second.json['progId']);
  const { entries } = cli.run(['map', pinned]).json as { entries: { sum: string; values: string[] }[] };
  expect(entries[0]?.values[0]).toBe('7');
  const fresh = cli.run(['attach', path1, ...where(), '--replace', '--fresh-maps']);
  expect(fresh.status).toBe(0);
  expect(fresh.stderr).not.toContain('kept: seen');
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('--watch puts each saved build in place, and leaves the old one when it does not compile or load', async () => {
  const file = path.join(folder, 'hot.bpf.c');
  const text = readFileSync(source, 'utf8');
  writeFileSync(file, text);
  const terminal = cli.onTerminal(['attach', file, ...where(), '--watch']);
  await eventually('watching', () => terminal.text().includes('Watching'));
  const first = ipXdp(lab)?.id;
  writeFileSync(file, `#define BUILD 3\n${text}`);
  const second = await eventually('the new build', () => {
    const id = ipXdp(lab)?.id;
    return id !== first && id;
  });
  await eventually('its message', () => /took the place of xdp_replaced .*kept: /.test(terminal.text()));
  writeFileSync(file, `${text}\nnonsense`);
  await eventually('the compile error', () => /runs on: hot.bpf.c does not compile/.test(terminal.text()));
  writeFileSync(file, text.replace('if ((void *)(eth + 1) > end)', 'if (0)'));
  await eventually('the rejection', () => /runs on: The verifier rejected/.test(terminal.text()));
  expect(ipXdp(lab)?.id).toBe(second);
  terminal.child.stdin?.write('\x03');
  expect(await terminal.exit).toBe(0);
  await eventually('detaching', () => ipXdp(lab) === undefined);
});

test('a program of another type, even one that the verifier refuses, is left with its reason', () => {
  const file = path.join(folder, 'mixed.bpf.c');
  const bad = 'SEC("tc") int broken(struct __sk_buff *skb) { return *(int *)(long)skb->data; }';
  writeFileSync(file, readFileSync(source, 'utf8').replace('char _license', `${bad}\nchar _license`));
  const attached = cli.run(['attach', file, ...where(), '--keep']);
  expect(attached.status).toBe(0);
  expect(attached.stderr).toMatch(/broken \(section tc\) is not loaded: a program of type sched_cls, not XDP/);
  expect(ipXdp(lab)?.id).toBe(attached.json['progId']);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('the namespace of a process, such as a container’s, is entered by its number', async () => {
  // Without a name: only its process leads there.
  const child: ChildProcess = spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' });
  try {
    const own = await eventually('the process', () => commandOf(child.pid) === 'sleep' && child.pid);
    expect(await otherNamespaces()).toContainEqual({ netns: String(own), label: 'sleep', kind: 'process' });
    for (const netns of [String(own), `/proc/${own}/ns/net`]) {
      const attached = cli.run(['attach', source, '--iface', 'lo', '--netns', netns, '--mode', 'generic', '--keep']);
      expect(attached.stderr).toContain('Generic mode');
      expect(attached.status).toBe(0);
      expect(cli.run(['detach', '--iface', 'lo', '--netns', netns]).status).toBe(0);
    }
  } finally {
    child.kill();
  }
  const gone = cli.run(['attach', source, '--iface', 'lo', '--netns', '999999999']);
  expect(gone).toMatchObject({ status: 2, json: { error: { code: 'netns-not-found' } } });
});

function commandOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}
