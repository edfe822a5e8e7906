import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { command, eventually } from '../support/kernelHelper.ts';
import { clangs, compileFile, project, repository } from '../support/toolchain.ts';
import { bpftool, dump, type LoadedObject, PrivateBpffs, scapy } from '../support/toolchainKernel.ts';

/** The examples on real interfaces, and against Scapy: what packet tests, which know one packet at a time, cannot show. */
const [drop, pass, tx] = [1, 2, 3];
let bpffs: PrivateBpffs;
let namespaces: string[] = [];
let children: ChildProcess[] = [];

beforeAll(() => {
  bpffs = new PrivateBpffs();
});
afterAll(() => bpffs.dispose());
afterEach(() => {
  for (const child of children) child.kill();
  for (const name of namespaces) command('ip', ['netns', 'del', name]);
  [children, namespaces] = [[], []];
});

async function load(source: string): Promise<LoadedObject> {
  const options = { clangPath: clangs[0] ?? 'clang', output: join(project(), 'out.o') };
  const { object } = await compileFile(join(repository, 'bpf/examples', source), options);
  return bpffs.load(object ?? '');
}

function pinOf(object: LoadedObject, name: string): string {
  const found = object.programs.find((program) => program.name === name);
  if (found === undefined) throw new Error(`the object has no program ${name}`);
  return found.pin;
}

/** A network namespace of this test's; what it returns runs commands in it. */
function namespace(name: string): { name: string; run(...args: string[]): string } {
  const full = `xe${process.pid}${name}`;
  command('ip', ['netns', 'add', full]);
  namespaces.push(full);
  const run = (...args: string[]): string => command('ip', ['netns', 'exec', full, ...args]);
  run('ip', 'link', 'set', 'lo', 'up');
  return { name: full, run };
}

function sumOf(object: LoadedObject, map: string, key: number): number {
  const row = dump(object.map(map).id).find((entry) => entry.key === key);
  return (row?.values ?? []).reduce((sum, { value }) => sum + Number(value), 0);
}

test('router forwards between two hosts by the routing table, one hop less to live', async () => {
  const object = await load('router/xdp_router.bpf.c');
  const ends = await load('multi/xdp_multi.bpf.c');
  const router = namespace('r');
  const hosts = [1, 2].map((number) => {
    const host = namespace(`h${number}`);
    const [near, far] = [`r${number}`, `h${number}`];
    router.run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', host.name);
    router.run('ip', 'addr', 'add', `10.66.${number}.1/24`, 'dev', near);
    host.run('ip', 'addr', 'add', `10.66.${number}.2/24`, 'dev', far);
    router.run('ip', 'link', 'set', near, 'up');
    host.run('ip', 'link', 'set', far, 'up');
    host.run('ip', 'route', 'add', 'default', 'via', `10.66.${number}.1`);
    router.run('ip', 'link', 'set', 'dev', near, 'xdpdrv', 'pinned', pinOf(object, 'xdp_router'));
    // A veth takes redirected frames only where its peer has a program.
    host.run('ip', 'link', 'set', 'dev', far, 'xdpdrv', 'pinned', pinOf(ends, 'xdp_pass'));
    return host;
  });
  router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  const ping = hosts[0]?.run('ping', '-c', '6', '-i', '0.1', '-W', '2', '10.66.2.2') ?? '';
  expect(ping).toContain('6 packets transmitted, 6 received');
  expect(ping).toContain('ttl=63');
  // The first packet of each way may meet a neighbour that nobody has asked for yet: that is row 7.
  expect(sumOf(object, 'lookups', 0)).toBeGreaterThanOrEqual(8);
  expect(sumOf(object, 'lookups', 0) + sumOf(object, 'lookups', 7)).toBe(12);
  const traced = hosts[0]?.run('ping', '-c', '1', '-t', '1', '-W', '1', '10.66.1.1') ?? '';
  expect(traced).toContain('1 received');
});

test('af_xdp hands the packets of its port to the consumer, and no others', async () => {
  const object = await load('af_xdp/xdp_to_user.bpf.c');
  const consumer = join(project(), 'xsk_consumer');
  const source = join(repository, 'bpf/examples/af_xdp/xsk_consumer.c');
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', consumer, source, '-lbpf']);
  const [near, far] = [namespace('a'), namespace('b')];
  near.run('ip', 'link', 'add', 'n0', 'type', 'veth', 'peer', 'name', 'f0', 'netns', far.name);
  near.run('ip', 'addr', 'add', '10.67.0.1/24', 'dev', 'n0');
  far.run('ip', 'addr', 'add', '10.67.0.2/24', 'dev', 'f0');
  near.run('ip', 'link', 'set', 'n0', 'up');
  far.run('ip', 'link', 'set', 'f0', 'up');
  near.run('ip', 'link', 'set', 'dev', 'n0', 'xdpdrv', 'pinned', pinOf(object, 'xdp_to_user'));
  const id = String(object.map('sockets').id);
  const child = spawn('ip', ['netns', 'exec', near.name, consumer, 'n0', '0', id, '3'], { stdio: 'pipe' });
  children.push(child);
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await eventually('the socket', () => printed.includes('waiting on n0, queue 0'));
  const send = (port: number): string =>
    far.run('bash', '-c', `printf 0123456789 > /dev/udp/10.67.0.1/${port} || true`);
  for (const port of [53, 9, 9, 9]) send(port);
  await eventually('three packets', () => printed.includes('3 packets'));
  // 14 + 20 + 8 bytes of headers, and ten of text.
  expect(printed.match(/: 52 bytes, from /g)).toHaveLength(3);
  expect(sumOf(object, 'ways', 0)).toBe(3);
});

test('syn_cookie accepts the acknowledgement of its own answer, and no other', async () => {
  const object = await load('syn_cookie/xdp_syn_cookie.bpf.c');
  const pin = pinOf(object, 'xdp_syn_cookie');
  const port = ['80', '0', '0', '0'];
  bpftool('map', 'update', 'id', String(object.map('protected_ports').id), 'key', ...port, 'value', '1', '0', '0', '0');
  const packet = (fields: string): Buffer => {
    const [built] = scapy(
      `Ether(src='02:00:00:00:00:02', dst='02:00:00:00:00:01')/IP(src='10.0.0.2', dst='10.0.0.1')/TCP(sport=1000, dport=80, ${fields})`,
    );
    if (built === undefined) throw new Error('Scapy built nothing');
    return built;
  };
  const answer = bpffs.run(pin, packet("flags='S', seq=41, options=[('MSS', 1400)]"));
  expect(answer.retval).toBe(tx);
  const cookie = answer.dataOut.readUInt32BE(38);
  const [expected] = scapy(
    `Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')/IP(src='10.0.0.1', dst='10.0.0.2')/TCP(sport=80, dport=1000, flags='SA', seq=${cookie}, ack=42, window=65535)`,
  );
  expect(answer.dataOut.toString('hex')).toBe(expected?.toString('hex'));
  expect(bpffs.run(pin, packet(`flags='A', seq=42, ack=${((cookie ^ 4) + 1) >>> 0}`)).retval).toBe(drop);
  expect(bpffs.run(pin, packet(`flags='A', seq=42, ack=${(cookie + 1) >>> 0}`)).retval).toBe(pass);
  expect(bpffs.run(pin, packet("flags='PA', seq=42, ack=7")).retval).toBe(pass);
  expect([0, 1, 2, 3].map((row) => sumOf(object, 'outcomes', row))).toEqual([1, 1, 1, 1]);
});

test('icmp_echo answers with the bytes that Scapy would send', async () => {
  const pin = pinOf(await load('icmp_echo/xdp_icmp_echo.bpf.c'), 'xdp_icmp_echo');
  const there = "Ether(src='02:00:00:00:00:02', dst='02:00:00:00:00:01')";
  const back = "Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')";
  const pairs = [0, 1, 0x7fff, 0xf7fe, 0xf7ff, 0xf800, 0xffff].flatMap((id): [string, string][] => [
    [
      `${there}/IP(src='10.1.2.3', dst='10.4.5.6')/ICMP(id=${id}, seq=9)/Raw(b'payload')`,
      `${back}/IP(src='10.4.5.6', dst='10.1.2.3')/ICMP(type=0, id=${id}, seq=9)/Raw(b'payload')`,
    ],
    [
      `${there}/IPv6(src='fd00::1', dst='fd00::2')/ICMPv6EchoRequest(id=${id}, data=b'x')`,
      `${back}/IPv6(src='fd00::2', dst='fd00::1')/ICMPv6EchoReply(id=${id}, data=b'x')`,
    ],
  ]);
  const requests = scapy(...pairs.map(([request]) => request));
  const replies = scapy(...pairs.map(([, reply]) => reply));
  for (const [index, request] of requests.entries()) {
    const { retval, dataOut } = bpffs.run(pin, request);
    expect([retval, dataOut.toString('hex')], pairs[index]?.[0]).toEqual([tx, replies[index]?.toString('hex')]);
  }
});

test('load_balancer spreads connections evenly over its backends', async () => {
  const object = await load('load_balancer/xdp_load_balancer.bpf.c');
  const pin = pinOf(object, 'xdp_balance_tx');
  const service = ['10', '0', '0', '100', '0', '80', '6', '0'];
  bpftool('map', 'update', 'id', String(object.map('services').id), 'key', ...service, 'value', '4', '0', '0', '0');
  const expressions = Array.from(
    { length: 200 },
    (_, index) =>
      `Ether()/IP(src='10.${index % 7}.0.${index}', dst='10.0.0.100')/TCP(sport=${1024 + index * 3}, dport=80)`,
  );
  for (const packet of scapy(...expressions)) expect(bpffs.run(pin, packet).retval).toBe(tx);
  const rows = dump(object.map('per_backend').id).map(({ values }) =>
    (values as { value: { packets: number } }[]).reduce((sum, { value }) => sum + value.packets, 0),
  );
  expect(rows.slice(4).every((packets) => packets === 0)).toBe(true);
  // 50 each, were it perfect; a fair coin of four sides leaves these bounds once in ten thousand times.
  for (const packets of rows.slice(0, 4)) {
    expect(packets).toBeGreaterThan(25);
    expect(packets).toBeLessThan(75);
  }
});
