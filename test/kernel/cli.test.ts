import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { eventually, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** The CLI contract of docs/cli.md, on the bundled program, in namespaces of the test's own. */
const root = path.resolve(import.meta.dirname, '../..');
const counter = path.join(root, 'bpf/examples/counter/xdp_counter.bpf.c');
let cli: CliBundle;
let lab: VethLab;

beforeAll(async () => {
  cli = await bundleCli('cli-test');
  lab = vethLab();
});
afterAll(() => {
  lab?.remove();
  cli?.remove();
});

interface Answer {
  status: number | null;
  json: Record<string, unknown>;
  stderr: string;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-cli-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a verb with --json: whatever happens, stdout is exactly one document. */
function xdp(...args: string[]): Answer {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli.file, ...args, '--json'], { encoding: 'utf8' });
  expect(stdout.endsWith('\n') && stdout.trimEnd().split('\n').length, `${args.join(' ')}: ${stdout}${stderr}`).toBe(1);
  return { status, json: JSON.parse(stdout) as Record<string, unknown>, stderr };
}

/** A foreground `xdp attach`; resolves once its line is there. */
async function attach(...args: string[]): Promise<{ child: ChildProcess; json: Record<string, unknown> }> {
  const all = [cli.file, 'attach', counter, '--iface', lab.near, '--netns', lab.ns, '--json', ...args];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const line = await eventually('the line of xdp attach', () => (text.includes('\n') ? text : undefined));
  return { child, json: JSON.parse(line) as Record<string, unknown> };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

test('run: action, bytes and map changes of one single run on fresh maps', () => {
  const packet = 'Ether()/IP(src="10.0.0.1")/UDP(dport=9)/Raw(b"hi")';
  const { status, json } = xdp('run', counter, '--packet', packet, '--repeat', '3');
  expect(status).toBe(0);
  expect(json).toMatchObject({ engine: 'kernel', action: 'XDP_DROP', retval: 1, changed: false, printk: [] });
  const [map] = json['maps'] as { name: string; changes: { key: number; after: { rx_packets: string }[] }[] }[];
  expect(map?.name).toBe('xdp_stats_map');
  expect(map?.changes.map(({ key }) => key)).toEqual([1]);
  const counted = map?.changes[0]?.after.reduce((sum, value) => sum + Number(value.rx_packets), 0);
  expect(counted).toBe(1);
});

test('run --engine both: the machine agrees with the kernel', () => {
  const { status, json } = xdp('run', counter, '--packet', 'Ether()/IPv6()/TCP()', '--engine', 'both');
  expect(status).toBe(0);
  expect(json).toMatchObject({ engine: 'both', action: 'XDP_PASS', differences: [] });
  expect(Object.keys(json['engines'] as object)).toEqual(['kernel', 'vm']);
});

test('attach, look, detach: in the foreground, as the kernel sees it', async () => {
  const { child, json } = await attach('--mode', 'native');
  expect(json).toMatchObject({ program: 'xdp_counter', iface: lab.near, mode: 'native' });
  expect(ipXdp(lab)).toMatchObject({ id: json['progId'] });

  const { interfaces } = xdp('interfaces', '--netns', lab.ns).json as {
    interfaces: { name: string; attached: { program: string; progId: number; mode: string; owner: string }[] }[];
  };
  const attached = interfaces.find(({ name }) => name === lab.near)?.attached[0];
  expect(attached).toMatchObject({ program: 'xdp_counter', progId: json['progId'], mode: 'native' });
  expect(attached?.owner).toContain(String(child.pid));

  const maps = xdp('maps').json['maps'] as { id: number; name: string; programs: string[] }[];
  const map = maps.find(({ name, programs }) => name === 'xdp_stats_map' && programs.includes('xdp_counter'));
  const read = xdp('map', String(map?.id)).json as {
    type: string;
    possibleCpus: number;
    entries: { key: number; values: unknown[] }[];
  };
  expect(read.type).toBe('percpu_array');
  expect(read.entries.map(({ key }) => key)).toEqual([0, 1, 2, 3, 4]);
  for (const { values } of read.entries) expect(values).toHaveLength(read.possibleCpus);

  const second = xdp('attach', counter, '--iface', lab.near, '--netns', lab.ns);
  expect(second.status).toBe(2);
  expect(second.json).toMatchObject({ ok: false, error: { code: 'interface-busy' } });
  expect(second.stderr).toContain(`xdp detach --iface ${lab.near} --netns ${lab.ns}`);

  const ended = exitOf(child);
  const detached = xdp('detach', '--iface', lab.near, '--netns', lab.ns);
  expect(detached.status).toBe(0);
  expect(await ended).toBe(0);
  expect(ipXdp(lab)).toBeUndefined();
  expect(xdp('detach', '--iface', lab.near, '--netns', lab.ns).status).toBe(1);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  '%s of a foreground attach leaves nothing attached',
  async (signal) => {
    const { child } = await attach('--mode', 'generic');
    expect(ipXdp(lab)).toBeDefined();
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    expect(await closed).toBe(signal === 'SIGKILL' ? null : 0);
    expect(said.includes(`xdp_counter detached from ${lab.near} (generic)`)).toBe(signal !== 'SIGKILL');
    await eventually('nothing attached', () => ipXdp(lab) === undefined);
  },
);

test('--keep outlives the process, and the next one detaches it', () => {
  const kept = xdp('attach', counter, '--iface', lab.near, '--netns', lab.ns, '--keep');
  expect(kept.status).toBe(0);
  expect(ipXdp(lab)).toMatchObject({ id: kept.json['progId'] });
  const second = xdp('attach', counter, '--iface', lab.near, '--netns', lab.ns);
  expect(second.json).toMatchObject({
    error: { code: 'interface-busy', fix: `Detach it first: \`xdp detach --iface ${lab.near} --netns ${lab.ns}\`.` },
  });
  expect(xdp('detach', '--iface', lab.near, '--netns', lab.ns).status).toBe(0);
  expect(ipXdp(lab)).toBeUndefined();
});

test('a program that the verifier refuses says where and why, also on the way to a run or to an interface', () => {
  const file = path.join(root, 'test/fixtures/bpf/kernelBad.bpf.c');
  const [verdict] = (
    xdp('verify', file).json as {
      programs: {
        name: string;
        failure?: { code: string; line: number; column: number; explanation: string };
      }[];
    }
  ).programs.filter(({ failure }) => failure !== undefined);
  const { code, line = 0, column = 0, explanation = '' } = verdict?.failure ?? {};
  const named = ['--prog', verdict?.name ?? ''];
  for (const args of [
    ['run', file, ...named, '--packet', 'Ether()'],
    ['attach', file, ...named, '--iface', lab.near, '--netns', lab.ns],
  ]) {
    const { status, json } = xdp(...args);
    expect(status, args[0]).toBe(1);
    expect(json, args[0]).toMatchObject({
      error: { code: 'program-rejected', details: { failure: code, file, line, column, explanation } },
    });
    expect((json['error'] as { fix: string }).fix).toContain(`${file}:${line}:${column}: ${explanation}`);
  }
  const tests = path.join(temporaryFolder(), 'bad.xdptest.json');
  const one = { name: 'one', packet: 'Ether()', expect: { action: 'XDP_PASS' } };
  writeFileSync(tests, JSON.stringify({ source: file, program: verdict?.name, tests: [one] }));
  const { status, json } = xdp('test', tests);
  expect(status).toBe(1);
  expect(json['files']).toMatchObject([{ error: { details: { failure: code, file, line, column, explanation } } }]);
});

test('a program whose section says no type is judged when it is named', () => {
  const file = path.join(temporaryFolder(), 'legacy.bpf.c');
  writeFileSync(file, `#define TWO\n#include "${path.join(root, 'test/fixtures/bpf/kernelLegacy.bpf.c')}"\n`);
  const skipped = { verdict: 'skipped', reason: expect.stringContaining('by name') };
  const all = xdp('verify', file);
  expect(all).toMatchObject({ status: 1, json: { ok: false, programs: [skipped, skipped] } });
  const { status, json } = xdp('verify', file, '--prog', 'xdp_drop');
  expect(status).toBe(0);
  expect(json['programs']).toMatchObject([{ verdict: 'accepted', insnsProcessed: 2 }]);
});

test('XDP_CLANG names the clang that compiles; one that is not there is not passed over', () => {
  const path19 = spawnSync('sh', ['-c', 'command -v clang-19'], { encoding: 'utf8' }).stdout.trim();
  const with19 = cli.run(['compile', counter, '-o', path.join(temporaryFolder(), 'x.o')], { XDP_CLANG: path19 });
  expect((with19.json['command'] as string[])[0]).toBe(path19);
  expect(cli.run(['inspect', counter], { XDP_CLANG: '/nowhere/clang' })).toMatchObject({
    status: 2,
    json: { error: { code: 'clang-missing', fix: expect.stringContaining('XDP_CLANG') } },
  });
});

test.each([
  { args: ['help', 'verify'], says: 'verify FILE' },
  { args: ['verify', '-h'], says: 'verify FILE' },
])('xdp $args.0 $args.1 shows the arguments of the verb', ({ args, says }) => {
  expect(xdp(...args)).toMatchObject({ status: 0, json: { usage: expect.stringContaining(says) } });
});

test.each([
  { args: ['nonsense'], status: 2, code: 'usage' },
  { args: ['run', counter], status: 2, code: 'usage' },
  { args: ['run', counter, '--packet', 'zz'], status: 2, code: 'packet-invalid' },
  { args: ['run', counter, '--packet', '00'], status: 2, code: 'packet-too-short' },
  { args: ['inspect', '/nowhere.o'], status: 2, code: 'file-not-found' },
  { args: ['inspect', process.execPath], status: 2, code: 'not-bpf-object' },
  { args: ['map', 'no_such_map'], status: 2, code: 'map-not-found' },
  { args: ['attach', counter, '--iface', 'no_such_if'], status: 2, code: 'interface-not-found' },
  { args: ['attach', counter, '--iface', 'lo', '--netns', 'no_such_ns'], status: 2, code: 'netns-not-found' },
])('xdp $args.0 … fails with $code and says what to do', ({ args, status, code }) => {
  const answer = xdp(...args);
  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject({ ok: false, error: { code, message: expect.any(String) } });
  expect(answer.stderr).not.toMatch(/\n\s+at /);
});
