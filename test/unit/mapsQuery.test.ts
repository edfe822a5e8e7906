import { describe, expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import type { Layout } from '../../extension/core/maps/layout.ts';
import { Arrangement, type ArrangeRequest } from '../../extension/core/maps/query/arrangement.ts';
import type { MapSchema } from '../../extension/core/maps/schema.ts';
import { decodeValue, type Value } from '../../extension/core/maps/value.ts';
import { type Entries, layouts, mapOf, pageOf, struct } from '../support/mapSchemas.ts';

const { u8, u32, s32, u64, s64, be16, ipv4, ipv6, mac, text, state } = layouts;

const flows = mapOf(
  'hash',
  struct('flow', { src: ipv4, dst: ipv6, hw: mac, port: be16, id: u32 }),
  struct('stats', { packets: u64, delta: s64, state, name: text, flags: u8, rx: struct('', { bytes: u32 }), id: u32 }),
);
const perCpu = mapOf('percpu_hash', u32, struct('count', { packets: u64, bytes: u64 }), { cpus: 3 });
const routes = mapOf('lpm_trie', struct('k', { prefixlen: u32, addr: ipv4 }), u32);
const actions = mapOf('percpu_array', u32, u64, { cpus: 2, maxEntries: 5 });

/** Keys of the rows, in their order. */
function arrange(schema: MapSchema, entries: Entries, request: ArrangeRequest): Value[] {
  const arrangement = new Arrangement(schema, request, 0n);
  arrangement.take(pageOf(schema, entries));
  return keysOf(schema, arrangement);
}

function keysOf(schema: MapSchema, arrangement: Arrangement): Value[] {
  const { keys, rows } = arrangement.finish();
  return Array.from({ length: rows }, (_, row) =>
    decodeValue(schema.key, keys.subarray(row * schema.keySize, (row + 1) * schema.keySize)),
  );
}

const flow = (id: number, more: Record<string, Value> = {}) => ({
  src: '10.1.2.3',
  dst: 'fd00::1',
  hw: '02:00:00:00:00:01',
  port: 53,
  id,
  ...more,
});
const stats = (more: Record<string, Value> = {}) => ({
  packets: '5',
  delta: '-7',
  state: 'BUSY',
  name: 'alpha',
  flags: 6,
  rx: { bytes: 9 },
  id: 77,
  ...more,
});

describe('one entry fits', () => {
  const check = (filter: string, fits: boolean, entry: [Value, Value] = [flow(1), stats()]) =>
    expect(arrange(flows, [entry], { filter }), filter).toHaveLength(fits ? 1 : 0);

  test.for([
    ['', true],
    ['src == 10.0.0.0/8 && packets > 4', true],
    ['src == 10.0.0.0/8 && packets > 5', false],
    ['src == 11.0.0.0/8 || packets == 5', true],
    ['src != 10.1.2.3', false],
    ['src == 10.1.2.3', true],
    ['src == 10.1.3.0/23', true],
    ['src == 10.1.4.0/23', false],
    ['src == 0.0.0.0/0', true],
    ['src >= 10.1.2.3 && src < 10.1.2.4', true],
    ['dst == fd00::/8', true],
    ['dst == fc00::/8', false],
    ['dst == fd00::1', true],
    ['hw == 02:00:00:00:00:01', true],
    ['hw != 02-00-00-00-00-01', true],
    ['port == 53', true],
    ['port == 0x35', true],
    ['53 == port', true],
    ['100 < port', false],
    ['delta < 0', true],
    ['delta == -7', true],
    ['delta >= -6', false],
    ['state == BUSY', true],
    ['state == 3', true],
    ['state != IDLE', true],
    ['state', true],
    ['!(state == IDLE)', true],
    ['name == "alpha"', true],
    ['name == alpha', true],
    ['name ~ "LPH"', true],
    ['name ~ z', false],
    ['flags & 4', true],
    ['flags & 1', false],
    ['(flags & 4) != 0', true],
    ['flags & 0x3 == 2', true],
    ['rx.bytes == 9', true],
    ['value.rx.bytes > 8.5', true],
    ['key.id == 1 && value.id == 77', true],
    ['packets > rx.bytes', false],
    ['rx.bytes > packets', true],
    ['port < 1k', true],
    ['port > 1_0 && port < 1K', true],
    ['((packets == 5))', true],
    ['! state', false],
  ] as const)('%s: %s', ([filter, fits]) => check(filter.replace('02-00-00-00-00-01', '02:00:00:00:00:02'), fits));

  test('counters that a number cannot hold are compared exactly', () => {
    const big: [Value, Value] = [flow(1), stats({ packets: '18446744073709551615' })];
    check('packets == 18446744073709551615', true, big);
    check('packets == 18446744073709551614', false, big);
    check('packets > 18446744073709551614', true, big);
    check('packets & 0x8000000000000000', true, big);
  });
});

describe('per-CPU maps', () => {
  const entries: Entries = [
    [
      1,
      [
        { packets: '1', bytes: '10' },
        { packets: '2', bytes: '0' },
        { packets: '3', bytes: '0' },
      ],
    ],
    [
      2,
      [
        { packets: '4', bytes: '1' },
        { packets: '4', bytes: '1' },
        { packets: '4', bytes: '1' },
      ],
    ],
    [
      3,
      [
        { packets: '0', bytes: '0' },
        { packets: '0', bytes: '0' },
        { packets: '0', bytes: '0' },
      ],
    ],
  ];
  test('names and addresses fit when those of any CPU do', () => {
    const schema = mapOf('percpu_hash', u32, struct('v', { state, src: ipv4, name: text }), { cpus: 3 });
    const value = (one: string, src: string, name: string) => ({ state: one, src, name });
    const some: Entries = [
      [1, [value('IDLE', '10.0.0.1', 'a'), value('BUSY', '0.0.0.0', ''), value('BUSY', '0.0.0.0', 'b')]],
      [2, [value('IDLE', '0.0.0.0', ''), value('IDLE', '0.0.0.0', ''), value('IDLE', '0.0.0.0', '')]],
    ];
    const keys = (filter: string) => arrange(schema, some, { filter });
    expect(keys('state == BUSY')).toEqual([1]);
    expect(keys('state == 6')).toEqual([]);
    expect(keys('state == IDLE')).toEqual([1, 2]);
    expect(keys('cpu0.state == IDLE && cpu1.state == BUSY')).toEqual([1]);
    expect(keys('src == 10.0.0.0/8')).toEqual([1]);
    expect(keys('name == b')).toEqual([1]);
    expect(arrange(schema, some, { sort: { by: 'state', descending: true } })).toEqual([1, 2]);
  });

  test.for([
    ['packets == 6', [1]],
    ['sum(packets) >= 6', [1, 2]],
    ['max(packets) == 3', [1]],
    ['min(packets) > 0', [1, 2]],
    ['avg(packets) == 4', [2]],
    ['imbalance(bytes) == 3', [1]],
    ['imbalance(bytes) < 1.5', [2]],
    ['cpu2.packets == 3', [1]],
    ['key >= 2', [2, 3]],
    ['rate(packets) > 0', []],
  ] as const)('%s', ([filter, keys]) => expect(arrange(perCpu, entries, { filter })).toEqual(keys));

  test.for([
    ['packets', [3, 1, 2]],
    ['max(bytes)', [3, 2, 1]],
    ['cpu0.bytes', [3, 2, 1]],
    ['imbalance(bytes)', [2, 1, 3]],
    ['key', [1, 2, 3]],
  ] as const)('sorted by %s', ([by, keys]) => {
    expect(arrange(perCpu, entries, { sort: { by, descending: false } })).toEqual(keys);
    // What is not known stays last.
    const turned = by === 'imbalance(bytes)' ? [1, 2, 3] : keys.toReversed();
    expect(arrange(perCpu, entries, { sort: { by, descending: true } })).toEqual(turned);
  });
});

test('prefixes: inside another one, sorted by address', () => {
  const entries: Entries = [
    [{ prefixlen: 32, addr: '10.0.0.66' }, 1],
    [{ prefixlen: 8, addr: '10.0.0.0' }, 2],
    [{ prefixlen: 0, addr: '0.0.0.0' }, 3],
    [{ prefixlen: 16, addr: '192.168.0.0' }, 4],
  ];
  const lengths = (request: ArrangeRequest) =>
    arrange(routes, entries, request).map((key) => (key as { prefixlen: number }).prefixlen);
  expect(lengths({ filter: 'key == 10.0.0.0/8' })).toEqual([32, 8]);
  expect(lengths({ filter: 'key != 10.0.0.0/8' })).toEqual([0, 16]);
  expect(lengths({ filter: 'addr == 10.0.0.0/24 && prefixlen > 8' })).toEqual([32]);
  expect(lengths({ sort: { by: 'key', descending: false } })).toEqual([0, 8, 32, 16]);
});

test('counters by verdict know their names', () => {
  const entries: Entries = [0, 1, 2, 3, 4].map((key) => [key, ['1', '2']]);
  expect(arrange(actions, entries, { filter: 'key == XDP_DROP || key == XDP_TX' })).toEqual([1, 3]);
});

describe('sorting', () => {
  const sorted = (layout: Layout, values: Value[], descending = false): Value[] => {
    const schema = mapOf('hash', u32, layout);
    const entries: Entries = values.map((value, key) => [key, value]);
    return arrange(schema, entries, { sort: { by: 'value', descending } }).map((key) => values[Number(key)] ?? null);
  };
  test.for<[string, Layout, Value[]]>([
    [
      'u64',
      u64,
      ['0', '5', '4294967295', '4294967296', '9007199254740993', '9223372036854775808', '18446744073709551615'],
    ],
    ['s64', s64, ['-9223372036854775808', '-4294967297', '-4294967296', '-1', '0', '1', '9223372036854775807']],
    ['s32', s32, [-2147483648, -1, 0, 1, 2147483647]],
    ['u8', u8, [0, 1, 128, 255]],
    ['float', { kind: 'float', size: 8, bigEndian: false }, [-1e300, -1.5, 0, 1e-9, 2, 1e300]],
    ['ipv4', ipv4, ['1.2.3.4', '10.0.0.1', '10.0.0.2', '192.168.0.1', '255.0.0.0']],
    ['mac', mac, ['00:00:00:00:00:02', '02:00:00:00:00:01', 'ff:00:00:00:00:00']],
    ['ipv6', ipv6, ['::1', 'fd00::1', 'fd00::2']],
    ['text', text, ['alpha', 'beta', 'zeta']],
  ])('%s', ([, layout, values]) => {
    const mixed = values.map((_, index) => values[(index * 3 + 1) % values.length] ?? null);
    const shuffled = new Set(mixed).size === values.length ? mixed : values.toReversed();
    expect(sorted(layout, shuffled)).toEqual(values);
    expect(sorted(layout, shuffled, true)).toEqual(values.toReversed());
  });

  test('equal rows keep their order, up and down', () => {
    const entries: Entries = Array.from({ length: 5000 }, (_, key) => [key, key % 2]);
    const schema = mapOf('hash', u32, u32, { maxEntries: 5000 });
    const up = arrange(schema, entries, { sort: { by: 'value', descending: false } });
    expect(up.slice(0, 3)).toEqual([0, 2, 4]);
    expect(up.slice(2500, 2503)).toEqual([1, 3, 5]);
    const down = arrange(schema, entries, { sort: { by: 'value', descending: true } });
    expect(down.slice(0, 3)).toEqual([1, 3, 5]);
  });
});

test('rates are between two readings, by key and not by place', () => {
  const schema = mapOf('hash', u32, u64, { maxEntries: 10 });
  const request = { filter: 'rate(value) >= 100', sort: { by: 'rate(value)', descending: true } };
  const first = new Arrangement(schema, request, 0n);
  first.take(
    pageOf(schema, [
      [1, '0'],
      [2, '1000'],
      [3, '0'],
      [4, '50'],
    ]),
  );
  expect(keysOf(schema, first)).toEqual([]);
  const second = new Arrangement(schema, request, 2_000_000_000n, first);
  // 2 is gone, 5 is new, 4 went back, 1 and 3 have changed places.
  second.take(
    pageOf(schema, [
      [3, '400'],
      [1, '200'],
      [4, '10'],
      [5, '99999'],
    ]),
  );
  expect(second.periodNs).toBe(2_000_000_000n);
  expect(keysOf(schema, second)).toEqual([3, 1]);
  const other = new Arrangement(schema, { filter: 'rate(value) > 0' }, 3_000_000_000n, second);
  other.take(pageOf(schema, [[3, '500']]));
  expect(other.periodNs).toBeUndefined();
});

test('what has a sign may fall, and has a rate then', () => {
  const schema = mapOf('hash', layouts.u32, layouts.s32);
  const request = { filter: 'rate(value) < 0' };
  const first = new Arrangement(schema, request, 0n);
  first.take(
    pageOf(schema, [
      [1, 5],
      [2, 5],
    ]),
  );
  first.finish();
  const second = new Arrangement(schema, request, 1_000_000_000n, first);
  second.take(
    pageOf(schema, [
      [1, -5],
      [2, 6],
    ]),
  );
  expect(keysOf(schema, second)).toEqual([1]);
});

describe('what is wrong is said, and where', () => {
  const check = (schema: MapSchema, filter: string, part: string, message: string) => {
    try {
      new Arrangement(schema, { filter }, 0n);
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      const { offset, length } = error.details as { offset: number; length: number };
      expect([error.code, filter.slice(offset, offset + length)]).toEqual(['filter-invalid', part]);
      expect(`${error.message} ${error.fix ?? ''}`).toContain(message);
      return;
    }
    throw new Error(`${filter} was taken`);
  };
  test.for([
    ['packest > 1', 'packest', 'Did you mean packets?'],
    ['packets > ', '', 'missing at the end'],
    ['packets >', '', 'missing at the end'],
    ['packets = 5', '=', 'Write =='],
    ['packets > 1 packets', 'packets', '&& or ||'],
    ['packets > lots', 'lots', 'no number'],
    ['state == LAZY', 'LAZY', 'IDLE, BUSY'],
    ['packets < 1m', '1m', 'no number'],
    ['src == 10', '10', 'Did you mean 0.0.0.10?'],
    ['src == 10.0.0.0/33', '10.0.0.0/33', 'no IPv4 address'],
    ['src > 10.0.0.0/8', '10.0.0.0/8', '== and !='],
    ['dst == 10.0.0.1', '10.0.0.1', 'no IPv6 address'],
    ['hw == 1', '1', 'no MAC address'],
    ['id == 1', 'id', 'key.id or value.id'],
    ['rx == 1', 'rx', 'several values'],
    ['name', 'name', 'comparison is missing'],
    ['packets ~ 5', '5', 'text'],
    ['src & 1', 'src', 'whole number'],
    ['flags & x', 'x', '0x4'],
    ['median(packets) > 1', 'median(packets)', 'sum, min, max'],
    ['imbalance(packets) > 1', 'imbalance(packets)', 'per-CPU'],
    ['rate(name) > 1', 'name', 'no rate'],
    ['(packets > 1', '', 'parenthesis'],
    ['packets > 1)', ')', 'not expected'],
    ['name == "abc', '"abc', 'closing quote'],
    ['src == dst', 'src == dst', 'cannot be compared'],
    ['packets > 1 | 2', '|', '||'],
  ] as const)('%s', ([filter, part, message]) => check(flows, filter, part, message));

  test('long, deep and odd texts end', () => {
    check(flows, `${'!'.repeat(3000)}packets`, '!', 'nested too deep');
    check(flows, `${'('.repeat(3000)}packets`, '(', 'nested too deep');
    check(flows, 'x'.repeat(5000), 'x', '4096');
    check(flows, `${'sum('.repeat(900)}packets`, '', 'closing');
  });
});
