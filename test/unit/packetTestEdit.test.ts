import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { applyEdits, editTests, type TestEdit } from '../../extension/core/packetTest/edit.ts';
import { outlineTests } from '../../extension/core/packetTest/outline.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { hexOf } from '../support/packetHex.ts';

const file = `// All about the firewall.
{
  "source": "fw.bpf.c",   // beside this file
  "tests": [
    {
      "name": "dropped", "note": [1,2 ,3],
      "packet": "Ether()/IP(src='10.0.0.66')/UDP(dport=53)",
      /* the verdict */
      "expect": { "action": "XDP_DROP" }
    },
    { "name": "as hex", "packet": { "hex": "ffffffffffff 000000000000 9000" }, "expect": {"action":"XDP_PASS"} },
    {
      "name": "as layers",
      "packet": [
        { "Ether": {} }, // the link
        { "IP": { "ttl": 64, "src": "10.0.0.1" } },
        { "UDP": {} }
      ],
      "expect": { "packet": "unchanged" }
    },
    { "name": "several", "packets": ["Ether()/ARP()", { "packet": "Ether()", "expect": { "action": 2 } }] },
    { "name": "of a capture", "packet": { "pcap": "a.pcap", "index": 3 }, "expect": {} }
  ]
}
`;

const layers = (text: string): readonly Layer[] => parseScapy(text);
const rows: [what: string, edit: TestEdit, gone: string, come: string][] = [
  [
    'one field of an expression',
    { kind: 'packet', test: 0, step: 0, layers: layers('Ether()/IP(src="10.0.0.66", ttl=3)/UDP(dport=53)') },
    `"Ether()/IP(src='10.0.0.66')/UDP(dport=53)"`,
    `"Ether()/IP(ttl=3, src='10.0.0.66')/UDP(dport=53)"`,
  ],
  [
    'quotes',
    { kind: 'packet', test: 0, step: 0, layers: layers(`Ether()/Raw(b"it's \\"x\\"")`) },
    `"Ether()/IP(src='10.0.0.66')/UDP(dport=53)"`,
    `"Ether()/Raw(b'it\\\\'s \\"x\\"')"`,
  ],
  [
    'bytes stay bytes',
    { kind: 'packet', test: 1, step: 0, layers: layers('Ether(type=1)') },
    '"ffffffffffff 000000000000 9000"',
    '"ffffffffffff0000000000000001"',
  ],
  [
    'one layer of several',
    { kind: 'packet', test: 2, step: 0, layers: layers('Ether()/IP(src="10.0.0.1", ttl=64)/UDP(dport=9)') },
    '{ "UDP": {} }',
    '{ "UDP": { "dport": 9 } }',
  ],
  [
    'a layer more',
    { kind: 'packet', test: 2, step: 0, layers: layers('Ether()/Dot1Q(vlan=5)/IP(src="10.0.0.1")/UDP()') },
    `[
        { "Ether": {} }, // the link
        { "IP": { "ttl": 64, "src": "10.0.0.1" } },
        { "UDP": {} }
      ]`,
    `[
        { "Ether": {} },
        { "Dot1Q": { "vlan": 5 } },
        { "IP": { "src": "10.0.0.1" } },
        { "UDP": {} }
      ]`,
  ],
  [
    'one of a sequence',
    { kind: 'packet', test: 3, step: 1, layers: layers('Ether(type=7)') },
    '"Ether()"',
    `"Ether(type=0x7)"`,
  ],
  [
    'one of a capture becomes its own',
    { kind: 'packet', test: 4, step: 0, layers: layers('Ether()') },
    '{ "pcap": "a.pcap", "index": 3 }',
    '"Ether()"',
  ],
  ['a name', { kind: 'name', test: 0, name: 'it is "dropped"' }, '"dropped"', '"it is \\"dropped\\""'],
  ['an action', { kind: 'action', test: 0, action: 'XDP_PASS' }, '"XDP_DROP"', '"XDP_PASS"'],
  [
    'an action where there was none',
    { kind: 'action', test: 2, action: 'XDP_PASS' },
    '{ "packet": "unchanged" }',
    '{ "packet": "unchanged", "action": "XDP_PASS" }',
  ],
  [
    'an expectation where there was none',
    { kind: 'action', test: 3, action: 'XDP_TX' },
    '{ "packet": "Ether()", "expect": { "action": 2 } }]',
    '{ "packet": "Ether()", "expect": { "action": 2 } }], "expect": { "action": "XDP_TX" }',
  ],
  [
    'a copy',
    { kind: 'duplicate', test: 1 },
    '"expect": {"action":"XDP_PASS"} }',
    `"expect": {"action":"XDP_PASS"} },
    { "name": "as hex (2)", "packet": { "hex": "ffffffffffff 000000000000 9000" }, "expect": {"action":"XDP_PASS"} }`,
  ],
  [
    'the last is removed',
    { kind: 'remove', test: 4 },
    `,\n    { "name": "of a capture", "packet": { "pcap": "a.pcap", "index": 3 }, "expect": {} }`,
    '',
  ],
  [
    'one between is removed',
    { kind: 'remove', test: 1 },
    `{ "name": "as hex", "packet": { "hex": "ffffffffffff 000000000000 9000" }, "expect": {"action":"XDP_PASS"} },\n    `,
    '',
  ],
  [
    'a new one',
    { kind: 'add', name: 'new', layers: layers('Ether()'), action: 'XDP_PASS' },
    '"index": 3 }, "expect": {} }',
    `"index": 3 }, "expect": {} },
    {
      "name": "new",
      "packet": "Ether()",
      "expect": { "action": "XDP_PASS" }
    }`,
  ],
];

test.each(rows)('%s, and nothing else', (_what, edit, gone, come) => {
  expect(file.split(gone)).toHaveLength(2);
  expect(applyEdits(file, editTests(file, edit))).toBe(file.replace(gone, () => come));
});

test('moving swaps texts in place, comments between stay', () => {
  const moved = applyEdits(file, editTests(file, { kind: 'move', test: 0, to: 1 }));
  expect(outlineTests(moved).tests.map(({ name }) => name)).toEqual([
    'as hex',
    'dropped',
    'as layers',
    'several',
    'of a capture',
  ]);
  expect(applyEdits(moved, editTests(moved, { kind: 'move', test: 1, to: 0 }))).toBe(file);
  expect(editTests(file, { kind: 'move', test: 0, to: 9 })).toEqual([]);
});

test('the first test of a file', () => {
  const empty = '{\n  "source": "a.c",\n  "tests": []\n}\n';
  const text = applyEdits(empty, editTests(empty, { kind: 'add', name: 'one', layers: [], action: 'XDP_PASS' }));
  expect(text).toContain('  "tests": [\n    {\n      "name": "one",');
  expect(applyEdits(text, editTests(text, { kind: 'remove', test: 0 }))).toBe(empty);
});

test('a packet that did not change is left as it is written', () => {
  for (const [index, { packets }] of outlineTests(file).tests.entries()) {
    for (const [step, packet] of packets.entries()) {
      if (packet.kind === 'layers') {
        expect(editTests(file, { kind: 'packet', test: index, step, layers: packet.layers })).toEqual([]);
      }
    }
  }
});

test('what no test file is says so', () => {
  expect(outlineTests('{ "tests": ').problem).toMatch(/^Line 1: /);
  expect(outlineTests('[]').problem).toMatch(/no list "tests"/);
  expect(() => editTests('{', { kind: 'remove', test: 0 })).toThrow('Line 1');
  expect(() => editTests(file, { kind: 'name', test: 9, name: '' })).toThrow('no test 10');
  expect(outlineTests('{"tests":[{"packet":"Ether("}]}').tests[0]?.packets[0]).toMatchObject({ kind: 'problem' });
});

test('any packet goes into any form and comes out the same', () => {
  const random = new Random(77);
  for (let n = 0; n < 150; n++) {
    const packet = generatePacket(random, { wrong: true });
    const bytes = hexOf(buildPacket(packet).bytes);
    for (const index of [0, 1, 2]) {
      const text = applyEdits(file, editTests(file, { kind: 'packet', test: index, step: 0, layers: packet }));
      const back = outlineTests(text).tests[index]?.packets[0];
      expect(back?.kind === 'layers' && hexOf(buildPacket(back.layers).bytes), formatScapy(packet)).toBe(bytes);
    }
  }
});

test('the examples are outlined as the tests read them', () => {
  const folder = path.resolve('bpf/examples');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.xdptest.json'),
  );
  expect(files.length).toBeGreaterThan(2);
  for (const name of files) {
    const text = readFileSync(path.join(folder, name), 'utf8');
    const steps = parseTestFile(text).file?.tests.map((each) => each.steps) ?? [];
    const ours = outlineTests(text).tests.map(({ packets }) => packets);
    expect(ours.map((each) => each.length)).toEqual(steps.map((each) => each.length));
    for (const [i, each] of steps.entries()) {
      for (const [j, { packet }] of each.entries()) {
        const outlined = ours[i]?.[j];
        if (packet.kind !== 'bytes' || outlined?.kind !== 'layers') continue;
        expect(hexOf(buildPacket(outlined.layers).bytes)).toBe(hexOf(packet.bytes));
      }
    }
  }
});
