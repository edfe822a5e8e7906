import { expect, test } from 'vitest';
import { findCounters } from '../../extension/core/c/counters.ts';
import { scanSource } from '../../extension/core/c/source.ts';

const head = `
struct rec { __u64 packets; struct { __u64 bytes; } rx; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, struct rec); __uint(max_entries, 1); } stats SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, __u32); __type(value, __u64); __uint(max_entries, 8); } hits SEC(".maps");
__u64 total;
`;

/** Lines that count are marked with what they count: `//^ map.field`, `//^ map`, `//^ $variable`. */
function check(body: string): void {
  const text = `${head}\nint f(struct xdp_md *ctx) {\n${body}\n}\n`;
  const lines = text.split('\n');
  const wanted = lines.flatMap((line, at) => {
    const mark = /\/\/\^ (.*)$/.exec(line)?.[1];
    return mark === undefined ? [] : [`${at} ${mark}`];
  });
  const found = findCounters(scanSource(text)).map(({ start, of }) => {
    const line = text.slice(0, start).split('\n').length - 1;
    if (of.kind === 'variable') return `${line} $${of.name}`;
    return `${line} ${of.map}${of.field === '' ? '' : `.${of.field}`}`;
  });
  expect(found).toEqual(wanted);
}

test('through a pointer that was looked up', () =>
  check(`
  struct rec *r = bpf_map_lookup_elem(&stats, &key);
  if (!r) return 0;
  r->packets++; //^ stats.packets
  r->rx.bytes += len; //^ stats.rx.bytes
  ++r->packets; //^ stats.packets
  __sync_fetch_and_add(&r->packets, 1); //^ stats.packets
  if (r->packets == 3) r->packets = 0;
  /* r->packets++; */`));

test('a value that is one number', () =>
  check(`
  __u64 *n = (__u64 *)bpf_map_lookup_elem(&hits, &key), x;
  if (n) (*n)++; //^ hits
  *n += 2; //^ hits
  x = 3 * n;
  __sync_fetch_and_add(n, 1); //^ hits`));

test('global variables, but not what hides them', () => {
  check(`
  total++; //^ $total
  total += 5; //^ $total
  __sync_fetch_and_add(&total, 1); //^ $total
  p->total++;
  other++;`);
  check(`
  __u64 total = 0;
  total++;`);
});

test('a pointer of unknown origin counts for nothing', () => {
  check(`
  struct rec *r = bpf_map_lookup_elem(&stats, &key);
  if (!r) r = &fallback;
  r->packets++;`);
  check(`
  struct rec *r = bpf_map_lookup_elem(&elsewhere, &key);
  r->packets++;`);
  check(`
  __u64 *n = bpf_map_lookup_elem(&hits, &key);
  n = bpf_map_lookup_elem(&stats, &key);
  (*n)++;`);
});
