import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromCsv, toCsv } from '../../extension/core/maps/csv.ts';
import { decodeEntries, encodeEntryValue, encodeKey, type RawPage } from '../../extension/core/maps/entries.ts';
import { toOpenMetrics } from '../../extension/core/maps/openMetrics.ts';
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
const untyped: MapSchema = { ...mapOf('percpu_hash', u32, u32, { cpus: 2 }), key: undefined, value: undefined };

describe('CSV', () => {
  test('a row per key and CPU, quoted where need be', () => {
    const schema = mapOf('percpu_hash', text, struct('', { packets: u64 }), { cpus: 2 });
    const page = pageOf(schema, [['a,"b"', [{ packets: '1' }, { packets: '2' }]]]);
    expect(toCsv(schema, decodeEntries(schema, page))).toBe(
      'key,cpu,value.packets\r\n"a,""b""",0,1\r\n"a,""b""",1,2\r\n',
    );
    expect(toCsv(schema, [])).toBe('key,cpu,value\r\n');
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
        const imported = fromCsv(schema, toCsv(schema, entries));
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

/** What Prometheus' own parser makes of it: family → type and samples. */
function parsed(
  metrics: string,
): Record<string, { type: string; samples: [string, Record<string, string>, number][] }> {
  const program = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(json.dumps({f.name: {"type": f.type, "samples": [[s.name, s.labels, s.value] for s in f.samples]}
  for f in text_string_to_metric_families(sys.stdin.read())}))`;
  return JSON.parse(
    execFileSync('/usr/bin/python3', ['-c', program], { input: metrics, encoding: 'utf8' }),
  ) as ReturnType<typeof parsed>;
}

describe('OpenMetrics, as its own parser reads it', () => {
  test('a gauge for each number, key fields and CPU as labels', () => {
    const stats = { packets: '18446744073709551615', delta: '-2', state: 'BUSY', on: true, share: 0.25 };
    const entries: Entries = [
      [
        { src: '10.0.0.1', dst: 'fd00::1', hw: '02:00:00:00:00:01', port: 53, name: 'a"\\\n' },
        { ...stats, tags: [1, 2, 3], rx: { bytes: 5, errors: [-1, 0] } },
      ],
    ];
    const families = parsed(toOpenMetrics(flows, decodeEntries(flows, pageOf(flows, entries))));
    const labels = {
      map: 'flows',
      key_src: '10.0.0.1',
      key_dst: 'fd00::1',
      key_hw: '02:00:00:00:00:01',
      key_port: '53',
      key_name: 'a"\\\n',
    };
    const one = (name: string, value: number) => [name, { type: 'gauge', samples: [[name, labels, value]] }];
    expect(families).toEqual({
      ...Object.fromEntries([
        one('xdp_map_flows_packets', 2 ** 64),
        one('xdp_map_flows_delta', -2),
        one('xdp_map_flows_on', 1),
        one('xdp_map_flows_share', 0.25),
        one('xdp_map_flows_tags_0', 1),
        one('xdp_map_flows_tags_1', 2),
        one('xdp_map_flows_tags_2', 3),
        one('xdp_map_flows_rx_bytes', 5),
        one('xdp_map_flows_rx_errors_0', -1),
        one('xdp_map_flows_rx_errors_1', 0),
      ]),
      xdp_bpf_map_entries: { type: 'gauge', samples: [['xdp_bpf_map_entries', { map: 'flows' }, 1]] },
      xdp_bpf_map_max_entries: { type: 'gauge', samples: [['xdp_bpf_map_max_entries', { map: 'flows' }, 1000]] },
    });
  });

  test('counters by verdict are counters with the verdict as a label', () => {
    const value = { rx_packets: '1', rx_bytes: '60', last_ns: '9' };
    const entries: Entries = [0, 1, 2, 3, 4].map((key) => [key, [value, value, value]]);
    const families = parsed(toOpenMetrics(counters, decodeEntries(counters, pageOf(counters, entries))));
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

  test('names that a metric cannot have, untyped maps and empty ones', () => {
    const odd = mapOf('hash', struct('', { '0a': u32, 'a-b': u32, a_b: u32 }), u32, { name: '.my-map"é' });
    const families = parsed(toOpenMetrics(odd, decodeEntries(odd, pageOf(odd, [[{ '0a': 1, 'a-b': 2, a_b: 3 }, 7]]))));
    expect(Object.keys(families)).toContain('xdp_map__my_map__');
    const hex = parsed(
      toOpenMetrics(untyped, decodeEntries(untyped, { count: 1, keys: new Uint8Array(4), values: new Uint8Array(16) })),
    );
    expect(hex['xdp_bpf_map_entries']?.samples[0]?.[2]).toBe(1);
    expect(parsed(toOpenMetrics(flows, []))['xdp_bpf_map_entries']?.samples[0]?.[2]).toBe(0);
  });
});
