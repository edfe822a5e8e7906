import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { parsePacketText } from '../../extension/core/packet/parsePacket.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { bpftool, command, eventually, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** `xdp run` beyond one packet on fresh maps: docs/cli.md, run. Compared with bpftool, and with what the kernel counts. */
const source = path.resolve(import.meta.dirname, '../fixtures/bpf/runPackets.bpf.c');
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-run-'));
const udp = 'Ether()/IP(ttl=9)/UDP()';
let cli: CliBundle;
let lab: VethLab;

beforeAll(async () => {
  cli = await bundleCli('run-packets');
  lab = vethLab();
});
afterAll(() => {
  lab?.remove();
  cli?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const run = (program: string, ...more: string[]) => cli.run(['run', source, '--prog', program, ...more]);

test('the same verdict and the same bytes as bpftool prog run', () => {
  const object = path.join(folder, 'run.o');
  expect(cli.run(['compile', source, '-o', object]).status).toBe(0);
  const pins = `/sys/fs/bpf/xdp-run-${process.pid}`;
  command('bpftool', ['prog', 'loadall', object, pins]);
  try {
    writeFileSync(path.join(folder, 'in'), parsePacketText(udp).bytes);
    for (const program of ['hop', 'limit', 'by_port']) {
      const out = path.join(folder, 'out');
      const theirs = bpftool(
        'prog',
        'run',
        'pinned',
        `${pins}/${program}`,
        'data_in',
        path.join(folder, 'in'),
        'data_out',
        out,
      );
      const ours = run(program, '--packet', udp).json;
      expect([ours['retval'], ours['packetOut']]).toEqual([
        (theirs as { retval: number }).retval,
        readFileSync(out, 'hex'),
      ]);
    }
  } finally {
    rmSync(pins, { recursive: true, force: true });
  }
});

test('a time has a spread, unless it is one run', () => {
  const { json } = run('limit', '--packet', udp, '--repeat', '1000');
  const { medianNs, minNs, maxNs, batches } = json['spread'] as Record<string, number>;
  expect(batches).toBe(5);
  expect(json['durationNs']).toBe(medianNs);
  expect(minNs).toBeGreaterThan(0);
  expect([minNs, medianNs, maxNs]).toEqual([minNs, medianNs, maxNs].toSorted((a = 0, b = 0) => a - b));
  expect(run('limit', '--packet', udp, '--repeat', '1').json['spread']).toMatchObject({ batches: 1 });
});

test('what is printed and written as events, and what is left wrong', () => {
  const said = run('speak', '--packet', udp);
  expect(said.json).toMatchObject({
    action: 'XDP_PASS',
    printk: ['saw 42 bytes'],
    events: [{ map: 'ring', records: [{ data: '2a000000' }] }],
  });
  const text = cli.onTerminal(['run', source, '--prog', 'hop', '--packet', udp]);
  return text.exit.then((code) => {
    expect(code).toBe(0);
    expect(text.text()).toMatch(/IP\.ttl\s+9\s+8/);
    expect(text.text()).toMatch(/wrong: IP\.chksum is 0x\w+, 0x\w+ would be right/);
  });
});

test('events have fields where their type is named', () => {
  const monitor = path.resolve(import.meta.dirname, '../../bpf/examples/flow_monitor/xdp_flow_monitor.bpf.c');
  const packet = "Ether()/IP(src='10.0.0.66')/UDP(dport=53)";
  const args = ['run', monitor, '--prog', 'xdp_monitor_perf', '--packet', packet, '--event-type'];
  const { json } = cli.run([...args, 'flow_key']);
  const [event] = json['events'] as { map: string; records: { cpu: number; value: Record<string, unknown> }[] }[];
  expect(event?.records[0]?.value).toMatchObject({ saddr: '10.0.0.66', dport: 53, protocol: 17 });
  expect(cli.run([...args, 'nothing'])).toMatchObject({ status: 2, json: { error: { code: 'value-invalid' } } });
});

test('a redirect names its target, on the maps of a test', () => {
  const context = ['--netns', lab.ns, '--ctx', JSON.stringify({ ingress_ifindex: lab.near })];
  const near = { kind: 'interface', ifindex: lab.ifindex, name: lab.near };
  expect(run('by_ifindex', '--packet', udp, ...context).json).toMatchObject({ action: 'XDP_REDIRECT', redirect: near });
  const maps = ['--maps', JSON.stringify({ ports: [{ key: 2, value: lab.near }], cpus: [{ key: 1, value: 192 }] })];
  expect(run('by_port', '--packet', udp, ...context, ...maps).json['redirect']).toEqual({
    ...near,
    map: 'ports',
    key: 2,
  });
  expect(run('by_cpu', '--packet', udp, ...context, ...maps).json['redirect']).toEqual({
    kind: 'cpu',
    cpu: 1,
    map: 'cpus',
  });
  expect(run('everywhere', '--packet', udp, ...context, ...maps).json['redirect']).toEqual({
    kind: 'broadcast',
    map: 'ports',
  });
  expect(run('by_port', '--packet', udp).json).toMatchObject({ action: 'XDP_DROP' });
  expect(run('by_port', '--packet', udp, '--maps', '{"prots": []}')).toMatchObject({
    status: 2,
    json: { error: { code: 'map-not-found' } },
  });
});

test('the linear part ends where it is asked to', () => {
  const packet = ['--packet', `${udp}/Raw(b'x'*258)`];
  expect(run('linear', ...packet, '--ctx', '{"linear": 100}').json['action']).toBe('XDP_TX');
  expect(run('linear', ...packet).json['action']).toBe('XDP_PASS');
  expect(run('linear', ...packet, '--ctx', '{"linear": 100}', '--engine', 'both')).toMatchObject({
    status: 0,
    json: { differences: [] },
  });
  expect(run('linear', ...packet, '--ctx', '{"linear": 301}')).toMatchObject({
    status: 2,
    json: { error: { code: 'context-invalid' } },
  });
});

test.for(['kernel', 'vm', 'both'])('every packet of a file, on maps that keep what was written: %s', (engine) => {
  const file = path.join(folder, 'all.pcapng');
  const data = ['Ether()/IP()/UDP()', 'Ether()/ARP()', 'Ether()/IP()/TCP()', 'Ether()/IPv6()/UDP()'].map(
    (text) => parsePacketText(text).bytes,
  );
  writeFileSync(file, writePcapng([...data, new Uint8Array(5)].map((bytes) => ({ data: bytes }))));
  const { status, json } = run('limit', '--packet', file, '--engine', engine);
  expect(status).toBe(0);
  expect(json).toMatchObject({
    engine,
    packets: [
      { number: 1, action: 'XDP_PASS', changed: false },
      { number: 2, action: 'XDP_PASS' },
      { number: 3, action: 'XDP_DROP' },
      { number: 4, action: 'XDP_DROP' },
      { number: 5, error: { code: 'packet-too-short' } },
    ],
    actions: { XDP_PASS: 2, XDP_DROP: 2 },
  });
  if (engine === 'both') expect(json['differences']).toEqual([]);
  // Oracle: what Wireshark sees of the verdicts.
  const out = path.join(folder, 'verdicts.pcapng');
  expect(run('limit', '--packet', file, '--engine', engine, '-o', out).status).toBe(0);
  const seen = command('tshark', ['-r', out, '-T', 'fields', '-e', 'frame.verdict.ebpf_xdp']);
  expect(
    seen
      .trimEnd()
      .split('\n')
      .map((line) => Number.parseInt(line, 16) || line),
  ).toEqual([2, 2, 1, 1]);
});

test('a run becomes a test that passes, beside what stands in the file', () => {
  const file = path.join(folder, 'recorded.xdptest.json');
  expect(run('speak', '--packet', udp, '--record', file).status).toBe(0);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"tests": [', '"tests": [ // mine'));
  expect(run('speak', '--packet', 'ffffffffffff0000000000000800', '--record', file, '--name', 'as bytes').status).toBe(
    0,
  );
  expect(run('speak', '--packet', udp, '--record', file).status).toBe(0);
  expect(readFileSync(file, 'utf8')).toContain('// mine');
  const tested = cli.run(['test', file, '--engine', 'both']);
  expect(tested.json).toMatchObject({ ok: true, passed: 3 });
  const names = (tested.json['files'] as { tests: { name: string }[] }[])[0]?.tests.map(({ name }) => name);
  expect(names).toEqual(['speak: XDP_PASS', 'as bytes', 'speak: XDP_PASS (2)']);
  writeFileSync(file, '{');
  expect(run('speak', '--packet', udp, '--record', file)).toMatchObject({
    status: 2,
    json: { error: { code: 'test-file-invalid' } },
  });
  expect(readFileSync(file, 'utf8')).toBe('{');
  expect(existsSync(`${file}.new`)).toBe(false);
});

test('live frames arrive in the stack, as often as they were sent', () => {
  const mac = lab.run('cat', `/sys/class/net/${lab.near}/address`).trim();
  const packet = `Ether(dst='${mac}')/IP(src='10.99.0.2', dst='10.99.0.1')/UDP(dport=9)`;
  // Nobody listens on that port: the kernel counts each datagram that it cannot deliver.
  const undelivered = (): number => Number(/UdpNoPorts\s+(\d+)/.exec(lab.run('nstat', '-asz', 'UdpNoPorts'))?.[1]);
  const before = undelivered();
  const where = ['--netns', lab.ns, '--ctx', JSON.stringify({ ingress_ifindex: lab.near })];
  const { json } = run('speak', '--packet', packet, '--live', '1000', '--batch', '50', ...where);
  expect(json['live']).toMatchObject({ frames: 1000, batch: 50, iface: lab.near });
  expect((json['live'] as { packetsPerSecond: number }).packetsPerSecond).toBeGreaterThan(0);
  expect(undelivered() - before).toBe(1000);
  const refused = run('speak', '--packet', `${packet}/Raw(b'x'*3458)`, '--live', '1', ...where);
  expect(refused).toMatchObject({ status: 2, json: { error: { code: 'packet-too-long' } } });
  const nowhere = run('speak', '--packet', packet, '--live', '1', '--netns', lab.ns);
  expect(nowhere).toMatchObject({ status: 2, json: { error: { code: 'context-invalid' } } });
});

test('on the attached program the counters of the attached program move', async () => {
  const attached = ['run', '--attached', lab.near, '--netns', lab.ns, '--packet', udp];
  expect(cli.run(attached)).toMatchObject({ status: 1, json: { error: { code: 'nothing-attached' } } });
  const child = spawn(
    process.execPath,
    [cli.file, 'attach', source, '--prog', 'limit', '--iface', lab.near, '--netns', lab.ns, '--json'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  try {
    const line = await eventually('the line of xdp attach', () => (said.includes('\n') ? said : undefined));
    const { progId } = JSON.parse(line) as { progId: number };
    const { json, stderr } = cli.run(attached);
    expect(json).toMatchObject({ attached: { iface: lab.near, progId }, retval: expect.any(Number) });
    expect(stderr).toMatch(/its counters move/);
    const { map_ids: ids } = bpftool('prog', 'show', 'id', String(progId)) as { map_ids: number[] };
    const maps = ids.map((id) => bpftool('map', 'show', 'id', String(id)) as { id: number; name: string });
    const counter = maps.find(({ name }) => name === 'packets')?.id ?? 0;
    const [entry] = bpftool('map', 'dump', 'id', String(counter)) as { formatted?: { values: { value: number }[] } }[];
    expect(entry?.formatted?.values.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThan(0);
    const changed = (json['maps'] as { name: string }[]).map(({ name }) => name);
    expect(changed).toContain('packets');
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
});
