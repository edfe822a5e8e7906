import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { labDown, labStatus, labUp } from '../../extension/session/lab/lab.ts';
import { labPlan } from '../../extension/session/lab/plan.ts';
import { mixText, parseMix } from '../../extension/session/lab/trafficMix.ts';
import { identify } from '../../extension/session/lab/processIdentity.ts';
import { fixture, helper } from '../support/kernelHelper.ts';

/** Of this test alone, so that a lab that somebody is using is left in peace. */
const names = { name: `xdptest-lab-${process.pid}`, prefix: 'xdptlab', number: 99, mark: 1 };
const plan = labPlan('pair', names);
const routed = labPlan('router', names);
const namespace = names.name;
const record = `/run/xdp-vscode/${plan.name}.json`;
// Below the project: the traffic source finds koffi there.
const cache = path.resolve(import.meta.dirname, '../../.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(path.join(cache, 'lab-test-'));
const trafficScript = path.join(folder, 'lab-traffic.js');
const options = { plan, trafficScript, packetsPerSecond: 200 };

beforeAll(async () => {
  const entryPoints = ['extension/kernel/labTraffic.ts'];
  const external = ['koffi'];
  await build({ entryPoints, outfile: trafficScript, bundle: true, platform: 'node', format: 'cjs', external });
  const lab = ['extension/session/lab/lab.ts'];
  await build({
    entryPoints: lab,
    outfile: path.join(folder, 'lab.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
  });
});
afterEach(() => labDown({ plan }));
afterAll(() => rmSync(folder, { recursive: true }));

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const hasLink = (name: string): boolean => existsSync(`/sys/class/net/${name}`);
const hasNamespace = (): boolean => ip('netns', 'list').includes(namespace);

test('up makes both ends and the traffic, down removes every trace', async () => {
  const up = await labUp(options);
  expect(up).toMatchObject({ state: 'up', interfaces: ['xdptlab0', 'xdptlab1'], namespaces: [namespace] });
  expect(ip('-br', 'address', 'show', 'dev', 'xdptlab0')).toMatch(/UP.*10\.99\.0\.1\/24.*fd99::1\/64/);
  expect(ip('-n', namespace, '-br', 'address')).toMatch(/xdptlab1.*10\.99\.0\.2\/24.*fd99::2\/64/);
  expect(await labStatus(plan)).toEqual(up);

  const pid = up.traffic.pid ?? 0;
  expect(await labDown({ plan })).toMatchObject({ state: 'down', interfaces: [], namespaces: [] });
  expect([hasLink('xdptlab0'), hasNamespace(), existsSync(record)]).toEqual([false, false, false]);
  expect(identify(pid)).toBeUndefined();
});

test('down takes along what was kept attached in the lab, here and there', async () => {
  await labUp(options);
  // XDP_PASS, which waits there so that XDP_TX arrives, makes room.
  ip('-n', namespace, 'link', 'set', 'dev', 'xdptlab1', 'xdp', 'off');
  const elf = fixture('kernelReplace');
  const ends = [
    { netns: undefined, iface: 'xdptlab0', via: 'link' },
    { netns: namespace, iface: 'xdptlab1', via: 'netlink' },
  ] as const;
  const pins: string[] = [];
  for (const { netns, iface, via } of ends) {
    const client = await helper(netns === undefined ? {} : { netns });
    const { object } = await client.call('object/load', { elf, name: 'lab.o' });
    const { interfaces } = await client.call('interfaces/list', {});
    const ifindex = interfaces.find(({ name }) => name === iface)?.ifindex ?? 0;
    const asked = { object, program: 'xdp_replaced', ifindex, mode: 'native', via, keep: true } as const;
    pins.push(path.dirname((await client.call('xdp/attach', asked)).pin ?? ''));
    await client.dispose();
  }
  expect(pins.map((pin) => existsSync(pin))).toEqual([true, true]);
  await labDown({ plan });
  expect(pins.map((pin) => existsSync(pin))).toEqual([false, false]);
});

test('the traffic is a mix of protocols at about the asked rate, with no capability but that of raw sockets', async () => {
  const { traffic } = await labUp(options);
  const status = readFileSync(`/proc/${traffic.pid}/status`, 'utf8');
  // CAP_NET_RAW is bit 13: include/uapi/linux/capability.h.
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
    expect(new RegExp(`${set}:\\s*(\\w+)`).exec(status)?.[1]).toBe('0000000000002000');
  }
  expect(status).toMatch(/NoNewPrivs:\s*1/);

  const capture = path.join(folder, 'traffic.pcap');
  const startedMs = Date.now();
  execFileSync(
    'tshark',
    ['-i', 'xdptlab0', '-a', 'duration:3', '-w', capture, 'dst', 'host', '10.99.0.1', 'or', 'dst', 'host', 'fd99::1'],
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

test('a user sees the lab that root made, also where root attached before', async () => {
  mkdirSync('/run/xdp-vscode', { recursive: true });
  chmodSync('/run/xdp-vscode', 0o700);
  await labUp(options);
  const record = `/run/xdp-vscode/${plan.name}.json`;
  const seen = spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', record]);
  expect(seen.status).toBe(0);
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
  expect(await labStatus(plan)).toMatchObject({ state: 'broken', interfaces: [], namespaces: [namespace] });
  expect(await labUp(options)).toMatchObject({ state: 'up' });
});

test('what a killed command left behind is found and removed', async () => {
  await labUp({ ...options, packetsPerSecond: 0 });
  // As if the maker had been killed before it could write down what it made.
  const made = JSON.parse(readFileSync(record, 'utf8')) as object;
  const maker = { pid: 4_194_300, startTime: '1' };
  writeFileSync(record, JSON.stringify({ ...made, phase: 'making', maker, namespaces: {}, hostIfindex: undefined }));
  ip('-n', namespace, 'link', 'delete', 'xdptlab1');
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

/** The protocols of the next packets that pass a filter; fails when so many do not come within 10 s. */
function packets(where: string, iface: string, filter: string, count: number): string[] {
  const inside = where === '' ? [] : ['ip', 'netns', 'exec', where];
  const capture = ['tshark', '-i', iface, '-c', String(count), '-T', 'fields', '-e', 'frame.protocols', '-f', filter];
  const [file = '', ...args] = [...inside, ...capture];
  const seen = execFileSync(file, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
  return seen.trim().split('\n');
}

test('a chosen mix is what arrives, each kind by its weight, with nothing malformed', async () => {
  const mix = parseMix('udp=2,udp6,tcp,tcp6,icmp,icmp6,sctp,sctp6,arp,vlan');
  const up = await labUp({ ...options, mix, packetsPerSecond: 1100 });
  expect(up.traffic).toMatchObject({ running: true, packetsPerSecond: 1100, mix: mixText(mix) });
  const seen = packets('', 'xdptlab0', 'ether src 02:78:64:70:01:02', 550);
  const kinds: [string, (line: string) => boolean, number][] = [
    ['udp', (line) => line.startsWith('eth:ethertype:ip:udp'), 2],
    ['udp6', (line) => line.includes('ipv6:udp'), 1],
    ['tcp', (line) => line.includes(':ip:tcp'), 1],
    ['tcp6', (line) => line.includes('ipv6:tcp'), 1],
    ['icmp', (line) => line.includes(':ip:icmp'), 1],
    ['icmp6', (line) => line.includes('ipv6:icmpv6'), 1],
    ['sctp', (line) => line.includes(':ip:sctp'), 1],
    ['sctp6', (line) => line.includes('ipv6:sctp'), 1],
    ['arp', (line) => line.includes(':arp'), 1],
    ['vlan', (line) => line.includes(':vlan:'), 1],
  ];
  for (const [kind, is, weight] of kinds) {
    const share = seen.filter(is).length / seen.length;
    expect(share, kind).toBeGreaterThan((weight / 11) * 0.7);
    expect(share, kind).toBeLessThan((weight / 11) * 1.3);
  }
  expect(seen.filter((line) => line.includes('malformed'))).toEqual([]);
  // Another mix changes the traffic alone: the interface is the same one.
  const index = readFileSync('/sys/class/net/xdptlab0/ifindex', 'utf8');
  expect((await labUp({ ...options, mix: parseMix('arp') })).traffic.mix).toBe('arp');
  expect(readFileSync('/sys/class/net/xdptlab0/ifindex', 'utf8')).toBe(index);
  // The kernel's own neighbour discovery goes on beside it.
  const others = packets('', 'xdptlab0', 'ether src 02:78:64:70:01:02 and not icmp6 and not ip6[6] == 0', 20);
  expect(new Set(others)).toEqual(new Set(['eth:ethertype:arp']));
});

test('client – router – server: traffic is forwarded, status says where to attach, down leaves nothing', async () => {
  const up = await labUp({ ...options, plan: routed, mix: parseMix('udp,udp6') });
  expect(up).toMatchObject({
    topology: 'router',
    state: 'up',
    interfaces: ['xdptlabr0', 'xdptlabr1', 'xdptlabc0', 'xdptlabs0'],
    attach: { iface: 'xdptlabr0', netns: `${namespace}-router` },
    warnings: [],
  });
  const arrived = packets(`${namespace}-server`, 'xdptlabs0', 'udp', 100);
  expect(arrived.filter((line) => line.includes(':ip:udp')).length).toBeGreaterThan(30);
  expect(arrived.filter((line) => line.includes('ipv6:udp')).length).toBeGreaterThan(30);
  // Asked as the other topology it is found, and taken down, all the same.
  expect(await labStatus(plan)).toEqual(up);
  expect(await labDown({ plan })).toMatchObject({ state: 'down' });
  expect([hasNamespace(), existsSync(record)]).toEqual([false, false]);
});

test('packets that a program sends back, or on to another interface, arrive', async () => {
  const object = path.join(folder, 'actions.o');
  const source = path.resolve(import.meta.dirname, '../fixtures/bpf/labActions.bpf.c');
  const flags = ['-O2', '-g', '-target', 'bpf', '-I/usr/include/x86_64-linux-gnu'];
  execFileSync('clang', [...flags, '-c', source, '-o', object]);
  await labUp({ ...options, mix: parseMix('udp') });
  ip('link', 'set', 'dev', 'xdptlab0', 'xdpdrv', 'object', object, 'section', 'xdp/tx');
  // Turned round: from the address of the host's end, seen on the peer's.
  expect(packets(namespace, 'xdptlab1', 'ether src 02:78:64:70:01:01 and udp', 20)).toHaveLength(20);
  await labUp({ ...options, plan: routed, mix: parseMix('udp') });
  const router = `${namespace}-router`;
  const index = execFileSync('ip', ['netns', 'exec', router, 'cat', '/sys/class/net/xdptlabr1/ifindex'], {
    encoding: 'utf8',
  });
  execFileSync('clang', [...flags, `-DTO=${index.trim()}`, '-c', source, '-o', object]);
  ip('-n', router, 'link', 'set', 'dev', 'xdptlabr0', 'xdpdrv', 'object', object, 'section', 'xdp/redirect');
  // As the client sent them: the router's stack, which would have put its own address there, never saw them.
  const arrived = packets(`${namespace}-server`, 'xdptlabs0', 'ether src 02:78:64:70:01:12 and udp', 20);
  expect(arrived).toHaveLength(20);
});

test.for([0, 1, 2])(
  'killed at a random point (%i), the next start makes the lab whole and the end is clean',
  async (seed) => {
    const code = `
    const { labUp } = require(${JSON.stringify(path.join(folder, 'lab.js'))});
    labUp({ plan: ${JSON.stringify(routed)}, trafficScript: ${JSON.stringify(trafficScript)}, packetsPerSecond: 200 });`;
    const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // From before its first command to after its last: making it takes about 400 ms.
    await new Promise((resolve) => setTimeout(resolve, 60 + 140 * seed));
    child.kill('SIGKILL');
    await ended;
    const up = await labUp({ ...options, plan: routed });
    expect(up).toMatchObject({ state: 'up', traffic: { running: true } });
    expect(await labDown({ plan: routed })).toMatchObject({ state: 'down' });
    expect([hasNamespace(), existsSync(record), identify(up.traffic.pid ?? 0)]).toEqual([false, false, undefined]);
    // A source that was not written down yet ends by itself when its interface goes.
    const left = (): string => spawnSync('pgrep', ['-f', trafficScript], { encoding: 'utf8' }).stdout;
    await expect.poll(left, { timeout: 3000 }).toBe('');
  },
);
