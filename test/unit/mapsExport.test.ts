import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvPieces, fromCsv } from '../../extension/core/maps/csv.ts';
import {
  decodeEntries,
  encodeEntryValue,
  encodeKey,
  type MapEntry,
  type RawPage,
} from '../../extension/core/maps/entries.ts';
import { metricsPieces, type MetricsOptions, readLabel } from '../../extension/core/maps/metrics.ts';
import type { MapSchema } from '../../extension/core/maps/schema.ts';
import { valueBytes } from '../../extension/core/maps/types.ts';
import { arrayOf, type Entries, layouts, mapOf, pageOf, struct } from '../support/mapSchemas.ts';

const { u8, u32, s32, u64, s64, be16, bool, double, ipv4, ipv6, mac, text, state } = layouts;

const flows = mapOf(
  'hash',
  struct('flow', { src: ipv4, dst: ipv6, hw: mac, port: be16, name: text }),
  struct('stats', {
    packets: u64,
    delta: s64,
    state,
    on: bool,
    share: double,
    tags: arrayOf(u8, 3),
    rx: struct('', { bytes: u32, errors: arrayOf(s32, 2) }),
  }),
  { name: 'flows' },
);
const counters = mapOf('percpu_array', u32, struct('datarec', { rx_packets: u64, rx_bytes: u64, last_ns: u64 }), {
  cpus: 3,
  maxEntries: 5,
  name: 'xdp_stats_map',
});
const csvText = (schema: MapSchema, entries: readonly MapEntry[]): string =>
  [...csvPieces(schema, () => [entries])].join('');
const untyped: MapSchema = { ...mapOf('percpu_hash', u32, u32, { cpus: 2 }), key: undefined, value: undefined };

describe('CSV', () => {
  test('a row per key and CPU, quoted where need be', () => {
    const schema = mapOf('percpu_hash', text, struct('', { packets: u64 }), { cpus: 2 });
    const page = pageOf(schema, [['a,"b"', [{ packets: '1' }, { packets: '2' }]]]);
    expect(csvText(schema, decodeEntries(schema, page))).toBe(
      'key,cpu,value.packets\r\n"a,""b""",0,1\r\n"a,""b""",1,2\r\n',
    );
    expect(csvText(schema, [])).toBe('key,cpu,value\r\n');
  });

  const any = (schema: MapSchema) =>
    fc
      .uniqueArray(fc.uint8Array({ minLength: schema.keySize, maxLength: schema.keySize }), {
        maxLength: 8,
        // What is shown is what is compared: two texts that differ behind their NUL are one key.
        selector: (key) => JSON.stringify(decodeEntries(schema, pageFrom(schema, [key], new Uint8Array(4096)))[0]?.key),
      })
      .chain((keys) =>
        fc
          .uint8Array({ minLength: keys.length * bytesOf(schema), maxLength: keys.length * bytesOf(schema) })
          .map((values) => pageFrom(schema, keys, values)),
      );
  const bytesOf = (schema: MapSchema) => valueBytes(schema.type, schema.valueSize, schema.possibleCpus.length);
  function pageFrom(schema: MapSchema, keys: Uint8Array[], values: Uint8Array): RawPage {
    return { count: keys.length, keys: Buffer.concat(keys), values: values.subarray(0, keys.length * bytesOf(schema)) };
  }

  test.for([
    ['structs', flows],
    ['per CPU', counters],
    ['untyped', untyped],
  ] as const)('%s: what is exported is what an import sets', ([, schema]) => {
    fc.assert(
      fc.property(any(schema), (page) => {
        const entries = decodeEntries(schema, page);
        const imported = fromCsv(schema, csvText(schema, entries));
        const again = {
          count: imported.length,
          keys: Buffer.concat(imported.map(({ key }) => encodeKey(schema, key))),
          values: Buffer.concat(imported.map(({ value }) => encodeEntryValue(schema, value))),
        };
        expect(decodeEntries(schema, again)).toEqual(entries);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test.for<[string, MapSchema, string, string]>([
    ['ragged', counters, 'key,cpu,value.rx_packets\n1,0\n', 'Line 2 of the CSV cannot be used: it has 2 cells'],
    ['strange column', counters, 'key,cpu,packets\n', 'packets is no column'],
    ['column twice', counters, 'key,key\n', 'twice'],
    ['no such CPU', counters, 'key,cpu,value.rx_packets\n1,9,5\n', '9 is none'],
    ['a CPU missing', counters, 'key,cpu,value.rx_packets\n1,0,5\n1,1,5\n', 'CPU 2 has no row'],
    ['key twice', flows, 'key.name,value.packets\na,1\nb,2\na,3\n', 'Line 4'],
    ['open quote', flows, 'key.name\n"abc\n', 'quote is not closed'],
    ['after a quote', flows, 'key.name\n"abc"d\n', 'behind a closing quote'],
    ['no key', flows, 'value.packets\n1\n', 'no column for a key'],
  ])('%s is refused', ([, schema, csv, message]) => {
    expect(() => fromCsv(schema, csv)).toThrow(message);
  });

  test('quotes, line ends in cells, a byte order mark and empty lines are read', () => {
    const schema = mapOf('hash', text, u32);
    expect(fromCsv(schema, '\ufeffkey,value\n"a\nb",1\n\n"c""d",2\r\n')).toEqual([
      { key: 'a\nb', value: '1', line: 2 },
      { key: 'c"d', value: '2', line: 5 },
    ]);
  });
});

type Families = Record<
  string,
  { type: string; help: string; samples: [string, Record<string, string>, number | string][] }
>;

/** What Prometheus' own parsers make of it: of OpenMetrics, and of the older text format that a textfile collector reads. */
function parsed(metrics: string, format: 'openmetrics.' | '' = 'openmetrics.'): Families {
  const program = `
import json, math, sys
from prometheus_client.${format}parser import text_string_to_metric_families
found = {}
for f in text_string_to_metric_families(sys.stdin.read()):
  family = found.setdefault(f.name, {"type": f.type, "help": f.documentation, "samples": []})
  family["samples"] += [[s.name, s.labels, s.value if math.isfinite(s.value) else str(s.value)] for s in f.samples]
print(json.dumps(found))`;
  return JSON.parse(
    execFileSync('/usr/bin/python3', ['-c', program], { input: metrics, encoding: 'utf8' }),
  ) as Families;
}

const metricsText = (
  schema: MapSchema,
  entries: readonly MapEntry[],
  options: MetricsOptions = { format: 'openmetrics' },
): string => [...metricsPieces(schema, () => [entries], options)].join('');

describe('OpenMetrics, as its own parser reads it', () => {
  test('a gauge for each number, key fields and CPU as labels', () => {
    const stats = { packets: '18446744073709551615', delta: '-2', state: 'BUSY', on: true, share: 0.25 };
    const entries: Entries = [
      [
        { src: '10.0.0.1', dst: 'fd00::1', hw: '02:00:00:00:00:01', port: 53, name: 'a"\\\n' },
        { ...stats, tags: [1, 2, 3], rx: { bytes: 5, errors: [-1, 0] } },
      ],
    ];
    const families = parsed(metricsText(flows, decodeEntries(flows, pageOf(flows, entries))));
    const labels = {
      map: 'flows',
      key_src: '10.0.0.1',
      key_dst: 'fd00::1',
      key_hw: '02:00:00:00:00:01',
      key_port: '53',
      key_name: 'a"\\\n',
    };
    const one = (field: string, value: number) => {
      const name = `xdp_map_flows_${field.replaceAll('.', '_')}`;
      return [name, { type: 'gauge', help: `${field} of the BPF map flows`, samples: [[name, labels, value]] }];
    };
    const size = (name: string, help: string, value: number) => [
      name,
      { type: 'gauge', help, samples: [[name, { map: 'flows' }, value]] },
    ];
    expect(families).toEqual(
      Object.fromEntries([
        one('packets', 2 ** 64),
        one('delta', -2),
        one('on', 1),
        one('share', 0.25),
        one('tags.0', 1),
        one('tags.1', 2),
        one('tags.2', 3),
        one('rx.bytes', 5),
        one('rx.errors.0', -1),
        one('rx.errors.1', 0),
        size('xdp_bpf_map_entries', 'Entries read from the BPF map', 1),
        size('xdp_bpf_map_max_entries', 'Entries that the BPF map can hold', 1000),
      ]),
    );
  });

  const value = { rx_packets: '1', rx_bytes: '60', last_ns: '9' };
  const counted = decodeEntries(
    counters,
    pageOf(
      counters,
      [0, 1, 2, 3, 4].map((key) => [key, [value, value, value]]),
    ),
  );

  test('counters by verdict are counters with the verdict as a label', () => {
    const families = parsed(metricsText(counters, counted));
    const { type, samples } = families['xdp_map_xdp_stats_map_rx_packets'] ?? { type: '', samples: [] };
    expect(type).toBe('counter');
    expect(samples).toHaveLength(15);
    expect(samples[4]).toEqual([
      'xdp_map_xdp_stats_map_rx_packets_total',
      { map: 'xdp_stats_map', action: 'XDP_DROP', cpu: '1' },
      1,
    ]);
    expect(families['xdp_map_xdp_stats_map_last_ns']?.type).toBe('gauge');
  });

  test.for(['prometheus', 'openmetrics'] as const)('as %s a textfile collector takes it', (format) => {
    const families = parsed(metricsText(counters, counted, { format }), '');
    // The parser takes _total off the names of counters, and leaves what it does not know to be one.
    const name = `xdp_map_xdp_stats_map_rx_packets${format === 'prometheus' ? '' : '_total'}`;
    expect(families[name]?.samples).toHaveLength(15);
    const known = { type: 'counter', help: 'rx_packets of the BPF map xdp_stats_map' };
    expect(families[name]).toMatchObject(format === 'prometheus' ? known : { type: 'unknown', help: '' });
    expect(families['xdp_map_xdp_stats_map_last_ns']?.samples).toHaveLength(15);
  });

  test('names that a metric cannot have, and empty maps', () => {
    const odd = mapOf('hash', struct('', { '0a': u32, 'a-b': u32, a_b: u32 }), u32, { name: '.my-map"é' });
    const families = parsed(metricsText(odd, decodeEntries(odd, pageOf(odd, [[{ '0a': 1, 'a-b': 2, a_b: 3 }, 7]]))));
    expect(Object.keys(families)).toContain('xdp_map__my_map__');
    expect(parsed(metricsText(flows, []))['xdp_bpf_map_entries']?.samples[0]?.[2]).toBe(0);
  });

  test('bytes without a type, names of digits and numbers of enumerators are no numbers; floats may be no finite ones', () => {
    const hex = decodeEntries(untyped, { count: 1, keys: new Uint8Array(4), values: new Uint8Array(16).fill(0x11) });
    expect(hex[0]?.values).toEqual(['11111111', '11111111']);
    expect(Object.keys(parsed(metricsText(untyped, hex)))).toEqual(['xdp_bpf_map_entries', 'xdp_bpf_map_max_entries']);
    const mixed = mapOf('hash', u32, struct('', { name: text, state, share: double, low: double }), { name: 'm' });
    const entries = [
      { key: 1, value: { name: '123', state: 7, share: 'NaN', low: '-Infinity' } },
      { key: 2, value: { name: '', state: 'BUSY', share: 1e21, low: 5e-324 } },
    ];
    const families = parsed(metricsText(mixed, entries));
    expect(Object.keys(families).slice(0, 2)).toEqual(['xdp_map_m_share', 'xdp_map_m_low']);
    const numbersOf = (name: string) => families[name]?.samples.map(([, , number]) => number);
    expect(numbersOf('xdp_map_m_share')).toEqual(['nan', 1e21]);
    expect(numbersOf('xdp_map_m_low')).toEqual(['-inf', 5e-324]);
  });

  test('a counter whose field is called total has the word once, and no two families share a sample', () => {
    const layout = struct('', { packets_total: u64, packets: u64, total_ns: u64 });
    const schema = mapOf('array', u32, layout, { maxEntries: 5, name: 'm' });
    const families = parsed(
      metricsText(
        schema,
        decodeEntries(schema, pageOf(schema, [[0, { packets_total: '1', packets: '2', total_ns: '3' }]])),
      ),
    );
    const samples = Object.values(families).flatMap((family) =>
      family.samples.map(([name, , number]) => [name, number]),
    );
    expect(samples.slice(0, 2)).toEqual([
      ['xdp_map_m_packets_total', 1],
      ['xdp_map_m_packets_2_total', 2],
    ]);
  });

  test('keys that look alike are told apart, and so are maps of one name', () => {
    const schema = mapOf('hash', text, u32, { name: 'm' });
    const key = (last: number) =>
      Uint8Array.from({ length: schema.keySize }, (_, at) => (at === 0 ? 0x61 : at === schema.keySize - 1 ? last : 0));
    const page = {
      count: 2,
      keys: Uint8Array.from([...key(1), ...key(2)]),
      values: Uint8Array.from([5, 0, 0, 0, 6, 0, 0, 0]),
    };
    const metrics = metricsText(schema, decodeEntries(schema, page), {
      format: 'openmetrics',
      labels: [readLabel('iface=eth0 "up"')],
    });
    const common = { map: 'm', iface: 'eth0 "up"' };
    const families = parsed(metrics);
    expect(families['xdp_map_m']?.samples.map(([, labels]) => labels)).toEqual([
      { ...common, key: 'a' },
      { ...common, key: 'a', same_key: '2' },
    ]);
    expect(families['xdp_bpf_map_entries']?.samples).toEqual([['xdp_bpf_map_entries', common, 2]]);
    for (const wrong of ['iface', '=x', '1a=x', 'a-b=x', '__name__=x', 'map=x', 'cpu=0', 'key_src=x']) {
      expect(() => readLabel(wrong), wrong).toThrow(/label/);
    }
  });
});
