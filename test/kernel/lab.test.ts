import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { labDown, labStatus, labUp } from '../../extension/session/lab/lab.ts';
import type { LabPlan } from '../../extension/session/lab/plan.ts';
import { identify } from '../../extension/session/lab/processIdentity.ts';

/** Of this test alone, so that a lab that somebody is using is left in peace. */
const plan: LabPlan = {
  name: `xdptest-lab-${process.pid}`,
  host: { interface: 'xdptlab0', mac: '02:78:64:70:01:01', ipv4: '10.77.99.1', ipv6: 'fd77:99::1' },
  peer: {
    interface: 'xdptlab1',
    mac: '02:78:64:70:01:02',
    ipv4: '10.77.99.2',
    ipv6: 'fd77:99::2',
    namespace: `xdptest-lab-${process.pid}`,
  },
};
const record = `/run/xdp-vscode/${plan.name}.json`;
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-lab-test-'));
const trafficScript = path.join(folder, 'lab-traffic.js');
const options = { plan, trafficScript, packetsPerSecond: 200 };

beforeAll(async () => {
  const entryPoints = ['extension/session/lab/traffic.ts'];
  await build({ entryPoints, outfile: trafficScript, bundle: true, platform: 'node', format: 'cjs' });
});
afterEach(() => labDown({ plan }));
afterAll(() => rmSync(folder, { recursive: true }));

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const hasLink = (name: string): boolean => existsSync(`/sys/class/net/${name}`);
const hasNamespace = (): boolean => ip('netns', 'list').includes(plan.peer.namespace);

test('up makes both ends and the traffic, down removes every trace', async () => {
  const up = await labUp(options);
  expect(up).toMatchObject({ state: 'up', interfaces: ['xdptlab0', 'xdptlab1'], namespaces: [plan.peer.namespace] });
  expect(ip('-br', 'address', 'show', 'dev', 'xdptlab0')).toMatch(/UP.*10\.77\.99\.1\/24.*fd77:99::1\/64/);
  expect(ip('-n', plan.peer.namespace, '-br', 'address')).toMatch(/xdptlab1.*10\.77\.99\.2\/24.*fd77:99::2\/64/);
  expect(await labStatus(plan)).toEqual(up);

  const pid = up.traffic.pid ?? 0;
  expect(await labDown({ plan })).toMatchObject({ state: 'down', interfaces: [], namespaces: [] });
  expect([hasLink('xdptlab0'), hasNamespace(), existsSync(record)]).toEqual([false, false, false]);
  expect(identify(pid)).toBeUndefined();
});

test('the traffic is a mix of protocols at about the asked rate, without any capability', async () => {
  const { traffic } = await labUp(options);
  const status = readFileSync(`/proc/${traffic.pid}/status`, 'utf8');
  expect(/CapEff:\s*(\w+)/.exec(status)?.[1]).toBe('0000000000000000');
  expect(/CapPrm:\s*(\w+)/.exec(status)?.[1]).toBe('0000000000000000');
  expect(status).toMatch(/NoNewPrivs:\s*1/);

  const capture = path.join(folder, 'traffic.pcap');
  const startedMs = Date.now();
  execFileSync(
    'tshark',
    [
      '-i',
      'xdptlab0',
      '-a',
      'duration:3',
      '-w',
      capture,
      'dst',
      'host',
      '10.77.99.1',
      'or',
      'dst',
      'host',
      'fd77:99::1',
    ],
    {
      stdio: 'ignore',
    },
  );
  expect(Date.now() - startedMs).toBeGreaterThan(2500);
  const protocols = execFileSync('tshark', ['-r', capture, '-T', 'fields', '-e', 'frame.protocols'], {
    encoding: 'utf8',
  });
  const seen = protocols.trim().split('\n');
  const count = (part: string): number => seen.filter((line) => line.includes(part)).length;
  expect(count('ip:udp')).toBeGreaterThan(100);
  expect(count('ipv6:udp')).toBeGreaterThan(30);
  expect(count('ip:tcp')).toBeGreaterThan(10);
  expect(count('ipv6:tcp')).toBeGreaterThan(10);
  expect(count('ip:icmp')).toBeGreaterThan(3);
  expect(count('ipv6:icmpv6')).toBeGreaterThan(3);
  expect(seen.length).toBeLessThan(3 * 200 * 1.5);
});

test('a lab that is up stays as it is; dead traffic is started again', async () => {
  const first = await labUp(options);
  expect(await labUp(options)).toEqual(first);
  process.kill(first.traffic.pid ?? 0, 'SIGKILL');
  await expect.poll(async () => (await labStatus(plan)).traffic.running).toBe(false);
  const again = await labUp(options);
  expect(again.traffic.running).toBe(true);
  expect(again.traffic.pid).not.toBe(first.traffic.pid);
});

test('the traffic ends with the interface and with its owner', async () => {
  const owner = spawn('sleep', ['60']);
  const first = await labUp({ ...options, ownerPid: owner.pid });
  owner.kill('SIGKILL');
  await expect.poll(() => identify(first.traffic.pid ?? 0), { timeout: 3000 }).toBeUndefined();
  const second = await labUp(options);
  ip('link', 'delete', 'xdptlab0');
  await expect.poll(() => identify(second.traffic.pid ?? 0), { timeout: 3000 }).toBeUndefined();
  expect(await labStatus(plan)).toMatchObject({ state: 'broken', interfaces: [], namespaces: [plan.peer.namespace] });
  expect(await labUp(options)).toMatchObject({ state: 'up' });
});

test('what a killed command left behind is found and removed', async () => {
  await labUp({ ...options, packetsPerSecond: 0 });
  // As if the maker had been killed before it could write down what it made.
  const { version, hostNamespace } = JSON.parse(readFileSync(record, 'utf8')) as { version: 1; hostNamespace: number };
  const maker = { pid: 4_194_300, startTime: '1' };
  writeFileSync(record, JSON.stringify({ version, phase: 'making', maker, hostNamespace }));
  ip('-n', plan.peer.namespace, 'link', 'delete', 'xdptlab1');
  expect((await labStatus(plan)).state).toBe('broken');
  await labDown({ plan });
  expect([hasNamespace(), existsSync(record)]).toEqual([false, false]);
});

test('names that somebody else uses are refused, and left alone', async () => {
  ip('link', 'add', 'xdptlab0', 'type', 'veth', 'peer', 'name', 'xdptother');
  try {
    const index = statSync('/sys/class/net/xdptlab0').ino;
    await expect(labUp(options)).rejects.toThrow(/interface xdptlab0 exists and was not made by this lab/);
    await expect(labUp(options)).rejects.toBeInstanceOf(XdpError);
    await labDown({ plan });
    expect(statSync('/sys/class/net/xdptlab0').ino).toBe(index);
    expect(hasNamespace()).toBe(false);
  } finally {
    ip('link', 'delete', 'xdptlab0');
  }
});

test('a replaced interface of the same name is not ours to remove', async () => {
  await labUp({ ...options, packetsPerSecond: 0 });
  ip('link', 'delete', 'xdptlab0');
  ip('link', 'add', 'xdptlab0', 'type', 'veth', 'peer', 'name', 'xdptother');
  try {
    await labDown({ plan });
    expect([hasLink('xdptlab0'), hasNamespace()]).toEqual([true, false]);
  } finally {
    ip('link', 'delete', 'xdptlab0');
  }
});

test('a failure half-way takes back what was made', async () => {
  await expect(labUp({ ...options, trafficScript: '/nowhere/lab-traffic.js' })).rejects.toThrow(/is missing/);
  expect([hasLink('xdptlab0'), hasNamespace(), existsSync(record)]).toEqual([false, false, false]);
});

test('two at once: one makes it, the other says so or finds it', async () => {
  const results = await Promise.allSettled([labUp(options), labUp(options)]);
  expect(results.some((result) => result.status === 'fulfilled')).toBe(true);
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(XdpError);
  expect((await labStatus(plan)).state).toBe('up');
});
