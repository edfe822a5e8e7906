import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { jsonReporter } from '../../extension/cli/verbs/reporters/json.ts';
import { escapeXml, junitReporter } from '../../extension/cli/verbs/reporters/junit.ts';
import type { Report } from '../../extension/cli/verbs/reporters/report.ts';
import { specReporter } from '../../extension/cli/verbs/reporters/spec.ts';
import { XdpError } from '../../extension/core/errors.ts';
import type { Layout } from '../../extension/core/maps/layout.ts';
import type { MapSchema } from '../../extension/core/maps/schema.ts';
import { matchOutcome, type Outcome } from '../../extension/core/packetTest/match.ts';
import type { MapSnapshot } from '../../extension/core/packetTest/matchMaps.ts';
import type { PacketForm } from '../../extension/core/packetTest/model.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import type { Failure } from '../../extension/core/packetTest/result.ts';
import { parsePacketText } from '../../extension/core/packet/parsePacket.ts';

const u32: Layout = { kind: 'int', size: 4, signed: false, bigEndian: false };
const u64: Layout = { kind: 'int', size: 8, signed: false, bigEndian: false };
const stats: Layout = {
  kind: 'struct',
  name: 'stats',
  size: 16,
  fields: [
    { name: 'rx_packets', offset: 0, layout: u64, overlaps: false },
    { name: 'addr', offset: 8, layout: { kind: 'ipv4', size: 4, bigEndian: true }, overlaps: false },
    {
      name: 'ports',
      offset: 12,
      layout: {
        kind: 'array',
        size: 4,
        count: 4,
        flexible: false,
        element: { kind: 'int', size: 1, signed: false, bigEndian: false },
      },
      overlaps: false,
    },
  ],
};

function snapshot(type: string, value: Layout, keys: number[], values: Uint8Array): MapSnapshot {
  const schema: MapSchema = {
    name: 'm',
    type,
    keySize: 4,
    valueSize: value.size,
    maxEntries: 4,
    possibleCpus: [0, 2],
    key: u32,
    value,
  };
  return { schema, page: { count: keys.length, keys: new Uint8Array(Uint32Array.from(keys).buffer), values } };
}

const bytesOf = (form: PacketForm): Uint8Array => (form.kind === 'bytes' ? form.bytes : new Uint8Array(0));
const packetIn = parsePacketText("Ether()/Dot1Q(vlan=5)/IP(src='10.0.0.1')/UDP(dport=53)").bytes;
const packetOut = parsePacketText("Ether()/IP(src='10.0.0.1', ttl=63)/UDP(dport=53)").bytes;

const outcome: Outcome = {
  retval: 2,
  packetIn,
  packetOut,
  metadataOut: Uint8Array.of(1, 2, 3, 4),
  printk: ['xdp: saw 10.0.0.1', 'xdp: done'],
  maps: new Map([
    [
      'hash',
      snapshot(
        'hash',
        stats,
        [7, 9],
        Uint8Array.from([...u64le(3n), 10, 0, 0, 1, 1, 2, 3, 4, ...u64le(0n), ...new Uint8Array(8)]),
      ),
    ],
    ['percpu', snapshot('percpu_array', u64, [0, 1], Uint8Array.from([1n, 2n, 2n ** 63n, 2n ** 63n].flatMap(u64le)))],
    ['ring', { ...snapshot('ringbuf', u64, [], new Uint8Array(0)), page: { problem: 'a ring buffer has no entries' } }],
  ]),
  events: new Map(),
  btf: undefined,
  bytesOf,
};

function u64le(value: bigint): number[] {
  return [...new Uint8Array(BigUint64Array.of(value).buffer)];
}

function match(expectation: string): Failure[] {
  const { file, problems } = parseTestFile(
    `{ "source": "x", "tests": [{ "name": "t", "packet": "00", "expect": ${expectation} }] }`,
  );
  expect(problems).toEqual([]);
  return (file?.tests[0]?.steps[0]?.expectations ?? []).flatMap((each) => matchOutcome(each, outcome));
}

test.each([
  { expectation: '{ "action": "XDP_PASS" }' },
  { expectation: '{ "action": 2 }' },
  { expectation: `{ "packet": "Ether()/IP(src='10.0.0.1', ttl=63)/UDP(dport=53)" }` },
  { expectation: '{ "packet": [{"Ether": {}}, {"IP": {"src": "10.0.0.1", "ttl": 63}}, {"UDP": {"dport": 53}}] }' },
  {
    expectation: `{ "packet": { "hex": "${'00'.repeat(packetOut.length)}", "mask": "${'00'.repeat(packetOut.length)}" } }`,
  },
  { expectation: '{ "packet": { "fields": { "IP.ttl": 63, "UDP.dport": "53" } } }' },
  {
    expectation:
      '{ "packet": { "fields": { "Ether.type": "IPv4", "IP.flags": "", "IP.proto": "udp", "Ether.dst": "FF:FF:FF:FF:FF:FF" } } }',
  },
  { expectation: '{ "packet": { "layers": ["Ether", "IP", "UDP"], "length": 42, "checksums": "valid" } }' },
  { expectation: '{ "metadata": "01:02:03:04" }' },
  { expectation: '{ "printk": "10.0.0.1" }' },
  { expectation: '{ "printk": ["saw", "done"] }' },
  { expectation: '{ "maps": { "hash": [{ "key": 7, "value": { "rx_packets": 3 } }] } }' },
  {
    expectation:
      '{ "maps": { "hash": [{ "key": "7", "value": { "rx_packets": "0x3", "addr": "10.0.0.1", "ports": [1, 2, 3, 4] } }] } }',
  },
  {
    expectation: '{ "maps": { "hash": [{ "key": "hex:07000000", "value": "hex:03000000000000000a00000101020304" }] } }',
  },
  { expectation: '{ "maps": { "hash": { "entries": [{ "key": 8, "absent": true }], "count": 2 } } }' },
  { expectation: '{ "maps": { "hash": [{ "key": 7, "sum": { "rx_packets": 3 } }] } }' },
  {
    expectation:
      '{ "maps": { "percpu": [{ "key": 0, "sum": 3 }, { "key": 0, "sum": "3" }, { "key": 0, "values": [1, "2"] }] } }',
  },
  // Sums never wrap: 2^63 on each of two CPUs.
  {
    expectation:
      '{ "maps": { "percpu": [{ "key": 1, "sum": "18446744073709551616" }, { "key": 1, "sum": 18446744073709551616 }] } }',
  },
])('holds: $expectation', ({ expectation }) => {
  expect(match(expectation)).toEqual([]);
});

test.each([
  { expectation: '{ "action": "XDP_DROP" }', path: 'expect.action', expected: 'XDP_DROP', actual: 'XDP_PASS' },
  { expectation: '{ "metadata": "" }', path: 'expect.metadata', expected: '', actual: '01020304' },
  { expectation: '{ "printk": [] }', path: 'expect.printk', expected: [], actual: outcome.printk },
  {
    expectation: '{ "printk": ["done", "saw"] }',
    path: 'expect.printk',
    expected: ['done', 'saw'],
    actual: outcome.printk,
  },
  { expectation: '{ "packet": { "length": 46 } }', path: 'expect.packet.length', expected: 46, actual: 42 },
  {
    expectation: '{ "packet": { "layers": ["Ether"] } }',
    path: 'expect.packet.layers',
    expected: ['Ether'],
    actual: ['Ether', 'IP', 'UDP'],
  },
  {
    expectation: '{ "packet": { "fields": { "IP.ttl": 64 } } }',
    path: 'expect.packet.fields.IP.ttl',
    expected: 64,
    actual: 63,
  },
  {
    expectation: '{ "packet": { "fields": { "IP.flags": "DF" } } }',
    path: 'expect.packet.fields.IP.flags',
    expected: '2 (DF)',
    actual: 0,
  },
  { expectation: '{ "maps": { "hash": { "count": 0 } } }', path: 'expect.maps.hash.count', expected: 0, actual: 2 },
  {
    expectation: '{ "maps": { "hash": [{ "key": 1, "value": {} }] } }',
    path: 'expect.maps.hash[0]',
    expected: {},
    actual: null,
  },
  {
    expectation: '{ "maps": { "percpu": [{ "key": 0, "sum": 4 }] } }',
    path: 'expect.maps.percpu[0]',
    expected: 4,
    actual: '3',
  },
])('says what came instead: $expectation', ({ expectation, ...failure }) => {
  expect(match(expectation)).toMatchObject([failure]);
});

test.each([
  { expectation: '{ "packet": { "fields": { "TCP.seq": 1 } } }', says: /no layer TCP: it is Ether\/IP\/UDP/ },
  { expectation: '{ "packet": { "fields": { "IP:2.ttl": 1 } } }', says: /no layer IP:2/ },
  { expectation: '{ "maps": { "hahs": [] } }', says: /no map named hahs\. Did you mean hash/ },
  { expectation: '{ "maps": { "ring": [] } }', says: /cannot be read: a ring buffer/ },
  { expectation: '{ "maps": { "hash": [{ "key": "x", "value": 1 }] } }', says: /the key does not fit/ },
  {
    expectation: '{ "maps": { "hash": [{ "key": 7, "value": { "packets": 1 } }] } }',
    says: /packets is no field of this value.*rx_packets/,
  },
  {
    expectation: '{ "maps": { "hash": [{ "key": 7, "value": { "ports": [1] } }] } }',
    says: /ports does not fit: it has 4 elements, not 1/,
  },
  {
    expectation: '{ "maps": { "hash": [{ "key": 7, "value": 1 }] } }',
    says: /expected an object with the fields rx_packets, addr, ports/,
  },
  { expectation: '{ "maps": { "percpu": [{ "key": 0, "value": 1 }] } }', says: /every CPU has a value of its own/ },
  {
    expectation: '{ "maps": { "percpu": [{ "key": 0, "values": [1] }] } }',
    says: /1 elements, but there are 2 possible CPUs/,
  },
  { expectation: '{ "maps": { "percpu": [{ "key": 4, "sum": 1 }] } }', says: /the keys go from 0 to 3/ },
])('says why it cannot hold: $expectation', ({ expectation, says }) => {
  const failures = match(expectation);
  expect(failures).toHaveLength(1);
  expect(failures[0]?.message).toMatch(says);
});

test('differences of packets are fields, layers and lengths', () => {
  const [failure] = match('{ "packet": "unchanged" }');
  expect(failure?.message).toBe('The packet was changed.');
  expect(failure?.differences).toEqual([
    { what: 'layers', expected: 'Ether/Dot1Q/IP/UDP', actual: 'Ether/IP/UDP' },
    { what: 'Ether.type', expected: '0x8100 (VLAN)', actual: '0x0800 (IPv4)' },
    { what: 'IP.ttl', expected: 64, actual: 63 },
    { what: 'IP.chksum', expected: expect.any(String), actual: expect.any(String) },
    { what: 'length', expected: 46, actual: 42 },
  ]);
});

test('a wrong checksum in the output is marked with the right value', () => {
  const bytes = packetOut.slice();
  bytes[22] = 62; // ttl, without correcting the checksum
  const { file } = parseTestFile(
    '{ "source": "x", "tests": [{ "name": "t", "packet": "00", "expect": { "packet": { "checksums": "valid" } } }] }',
  );
  const failures = (file?.tests[0]?.steps[0]?.expectations ?? []).flatMap((each) =>
    matchOutcome(each, { ...outcome, packetOut: bytes }),
  );
  expect(failures).toMatchObject([
    { message: 'A checksum of the packet is wrong.', differences: [{ what: 'IP.chksum' }] },
  ]);
});

const place = { offset: 0, length: 1, line: 3, column: 5 };
const nasty = 'a "name" <&> \u0000 \u001b[31m \ud800 ]]> é 🐝';
const report: Report = {
  engine: 'kernel',
  durationMs: 12.3456,
  startedAt: new Date('2025-01-02T03:04:05.678Z'),
  files: [
    {
      file: '/w/a.xdptest.json',
      source: '/w/a.bpf.c',
      program: 'p',
      problem: undefined,
      durationMs: 12,
      results: [
        { name: 'good', place, status: 'passed', durationMs: 1, failures: [], steps: [] },
        { name: 'later', place, status: 'skipped', skip: nasty, durationMs: 0, failures: [], steps: [] },
        {
          name: 'odd',
          place,
          status: 'error',
          problem: { message: nasty, place },
          durationMs: 0,
          failures: [],
          steps: [],
        },
        {
          name: nasty,
          place,
          status: 'failed',
          durationMs: 2,
          failures: [
            {
              path: 'expect.action',
              message: nasty,
              expected: 'XDP_DROP',
              actual: nasty,
              differences: [{ what: 'x', expected: 1, actual: nasty }],
              place,
            },
          ],
          steps: [{ action: 'XDP_PASS', packetIn: Uint8Array.of(1), packetOut: Uint8Array.of(2) }],
        },
      ],
    },
    {
      file: '/w/b.xdptest.json',
      source: undefined,
      program: undefined,
      problem: new XdpError('compile-failed', nasty),
      durationMs: 1,
      results: [],
    },
  ],
};

test('junit: XML that a parser takes, with counts that agree', () => {
  const script = `
import sys, json, xml.etree.ElementTree as E
root = E.fromstring(sys.stdin.buffer.read())
suites = root.findall('testsuite')
kinds = lambda e: [len(e.findall('.//' + k)) for k in ('testcase', 'failure', 'error', 'skipped')]
attrs = lambda e: [int(e.get(k)) for k in ('tests', 'failures', 'errors', 'skipped')]
print(json.dumps({'all': attrs(root), 'found': kinds(root), 'suites': [[attrs(s), kinds(s)] for s in suites], 'failure': root.find('.//failure').text}))`;
  const xml = junitReporter.onEnd(report);
  const parsed = JSON.parse(execFileSync('python3', ['-c', script], { input: xml, encoding: 'utf8' })) as Record<
    string,
    unknown
  >;
  expect(parsed).toMatchObject({
    all: [5, 1, 2, 1],
    found: [5, 1, 2, 1],
    suites: [
      [
        [4, 1, 1, 1],
        [4, 1, 1, 1],
      ],
      [
        [1, 0, 1, 0],
        [1, 0, 1, 0],
      ],
    ],
  });
  expect(parsed['failure']).toContain('/w/a.xdptest.json:3:5 expect.action');
  expect(escapeXml('\u0000\ud800\uffff🐝')).toBe('\ufffd\ufffd\ufffd🐝');
});

test('json: one document', () => {
  const text = jsonReporter.onEnd(report);
  expect(text.split('\n')).toHaveLength(2);
  expect(JSON.parse(text)).toMatchObject({
    ok: false,
    engine: 'kernel',
    passed: 1,
    failed: 1,
    skipped: 1,
    errors: 1,
    files: [
      {
        file: '/w/a.xdptest.json',
        ok: false,
        tests: [
          { name: 'good', ok: true, status: 'passed', line: 3, column: 5 },
          { name: 'later', ok: true, status: 'skipped' },
          { name: 'odd', ok: false, status: 'error', error: { line: 3 } },
          {
            ok: false,
            failures: [{ path: 'expect.action', expected: 'XDP_DROP', line: 3, column: 5 }],
            packets: [{ packetIn: '01', packetOut: '02' }],
          },
        ],
      },
      { ok: false, error: { code: 'compile-failed' }, tests: [] },
    ],
  });
});

test('spec: no escape of a name reaches the terminal', () => {
  const [first, second] = report.files;
  const text = [
    ...(first?.results ?? []).map((result) =>
      specReporter.onEvent({ kind: 'tested', file: '/w/a.xdptest.json', result }),
    ),
    second && specReporter.onEvent({ kind: 'fileEnded', report: second }),
    specReporter.onEnd(report),
  ].join('');
  const control = text.split('').filter((char) => char < ' ' && char !== '\n');
  expect(control).toEqual([]);
  expect(text).toContain('  ✓ good\n');
  expect(text).toContain('expected  actual');
  expect(text).toContain(
    '1 passed, 1 failed, 1 could not run, 1 skipped, 1 of 2 files could not be tested (2 files, 12 ms)',
  );
});
