import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { ObjectSpec } from '../../extension/core/object/spec.ts';
import { cursorAt } from '../../extension/core/packetTest/assist/cursor.ts';
import { hoverAt } from '../../extension/core/packetTest/assist/hover.ts';
import { suggestAt } from '../../extension/core/packetTest/assist/suggest.ts';
import { compileBpf } from '../support/bpfFixture.ts';

/** What a test file is offered from its source; `|` is where somebody types. */
const spec: ObjectSpec = parseObject(
  compileBpf(`
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
enum verdict { KEEP, BLOCK };
struct key { __u32 prefixlen; __be32 saddr; };
struct rule { enum verdict verdict; __u16 ports[2]; };
struct event { __u32 length; __be32 saddr; };
struct event *unused_event;
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 16); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct key); __type(value, struct rule); } rules SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u32); } calls SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct rule); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct inner); } outer SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } alerts SEC(".maps");
SEC("xdp") int one(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp.frags") int two(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";`),
);

function at(marked: string): { text: string; offset: number } {
  const offset = marked.indexOf('|');
  return { text: marked.replace('|', ''), offset };
}

function labels(marked: string): string[] | undefined {
  const { text, offset } = at(marked);
  return suggestAt(text, offset, spec)?.items.map(({ label }) => label);
}

const inTest = (body: string): string => `{ "source": "a.bpf.c", "tests": [ { "name": "t", ${body} } ] }`;

test.for<[string, string[]]>([
  ['{ "program": "|" }', ['one', 'two']],
  ['{ "program": | }', ['one', 'two']],
  // Unfinished, and with comments.
  ['{ "program": // which\n "o|', ['one', 'two']],
  [inTest('"program": "|"'), ['one', 'two']],
  [inTest('"maps": { | }'), ['rules', 'calls', 'outer', '.bss']],
  [inTest('"maps": { "ru|" }'), ['rules', 'calls', 'outer', '.bss']],
  [inTest('"maps": { "rules": [], | }'), ['calls', 'outer', '.bss']],
  [inTest('"maps": { |, "rules": [] }'), ['rules', 'calls', 'outer', '.bss']],
  [inTest('"maps": { "rules": [{ "key": { | } }] }'), ['prefixlen', 'saddr']],
  [inTest('"maps": { "rules": [{ "key": { "prefixlen": 8, "|" } }] }'), ['saddr']],
  [inTest('"maps": { "rules": [{ "key": | }] }'), ['{ "prefixlen": 0, "saddr": "0.0.0.0" }']],
  [inTest('"maps": { "rules": [{ "key": { "saddr": "|" } }] }'), ['"0.0.0.0"']],
  [inTest('"maps": { "rules": [{ "value": { "verdict": | } }] }'), ['KEEP', 'BLOCK']],
  [inTest('"maps": { "calls": [{ "key": 0, "value": "|" }] }'), ['one', 'two']],
  [inTest('"maps": { "outer": [{ "key": 0, "value": | }] }'), ['[…]']],
  [inTest('"maps": { "outer": [{ "value": [{ "value": { | } }] }] }'), ['verdict', 'ports']],
  [inTest('"expect": { "maps": { "rules": [{ "value": { | } }] } }'), ['verdict', 'ports']],
  [inTest('"expect": { "maps": { "rules": { "entries": [{ "sum": { | } }] } } }'), ['verdict', 'ports']],
  [inTest('"packets": [{ "expect": { "maps": { | } } }]'), ['rules', 'calls', 'outer', '.bss']],
  [inTest('"expect": { "events": { | } }'), ['alerts']],
  [inTest('"expect": { "events": { "alerts": { "type": "|" } } }'), ['key', 'rule', 'event']],
  [inTest('"expect": { "events": { "alerts": { "type": "event", "records": [{ | }] } } }'), ['length', 'saddr']],
])('%s', ([marked, expected]) => {
  const found = labels(marked);
  expect(found?.filter((label) => !/^(xdp_md|inner|verdict)$/.test(label) || expected.includes(label))).toEqual(
    expected,
  );
});

test('fields and layers of packets', () => {
  expect(labels(inTest('"expect": { "packet": { "fields": { "|" } } }'))).toContain('IP.ttl');
  expect(labels(inTest('"packet": [{ | }]'))).toContain('Dot1Q');
  expect(labels(inTest('"expect": { "packet": { "layers": ["Ether", |] } }'))).toContain('IPv6');
});

test.for([
  inTest('"name": |'),
  inTest('"expect": { | }'),
  '{ | }',
  '|',
  '[ | ]',
  inTest('"maps": { "nothing": [{ "key": | }] }'),
])('nothing of the source belongs at %s', (marked) => {
  expect(labels(marked)).toBeUndefined();
});

test('what is put in takes the place of what is there, and a colon that is there stays', () => {
  const one = at(inTest('"maps": { "ru|": [] }'));
  const { span, items } = suggestAt(one.text, one.offset, spec) ?? { span: { offset: 0, length: 0 }, items: [] };
  expect(one.text.slice(span.offset, span.offset + span.length)).toBe('"ru"');
  expect(items[0]?.text).toBe('"rules"');
  const two = at(inTest('"maps": { | }'));
  expect(suggestAt(two.text, two.offset, spec)?.items[0]?.text).toBe('"rules": []');
});

test('hovers say what the source says', () => {
  const hover = (marked: string): string | undefined => {
    const { text, offset } = at(marked);
    return hoverAt(text, offset, spec)?.lines.join('\n');
  };
  expect(hover('{ "program": "o|ne" }')).toBe('one — SEC("xdp"), 2 instructions');
  expect(hover(inTest('"maps": { "ru|les": [] }'))).toBe('rules — lpm_trie, 16 entries: struct key → struct rule');
  expect(hover(inTest('"maps": { "o|uter": [] }'))).toContain(
    'Its maps are like this: hash, 4 entries: __u32 → struct rule',
  );
  expect(hover(inTest('"maps": { "rules": [{ "key": { "sa|ddr": "" } }] }'))).toBe('saddr: IPv4 address');
  expect(hover(inTest('"expect": { "packet": { "fields": { "IP.t|tl": 1 } } }'))).toContain('Time to live');
  expect(hover(inTest('"na|me": 1'))).toBeUndefined();
});

test('any text and any place: never a crash, and what is taken the place of lies in the text', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    '"tests"',
    '"maps"',
    '"rules"',
    '"key"',
    '0',
    '//',
    '/*',
    '*/',
    '\n',
    ' ',
    'x',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), fc.nat(400), (parts, place) => {
      const text = parts.join('');
      const offset = Math.min(place, text.length);
      const { span } = cursorAt(text, offset) ?? { span: { offset, length: 0 } };
      expect(span.offset).toBeGreaterThanOrEqual(0);
      expect(span.offset + span.length).toBeLessThanOrEqual(text.length);
      suggestAt(text, offset, spec);
      hoverAt(text, offset, spec);
    }),
    { numRuns: 2000, seed: 7 },
  );
});
