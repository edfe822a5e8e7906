import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv from 'ajv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJson } from '../../extension/core/packetTest/jsonDocument.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { describeProblem, Problems } from '../../extension/core/packetTest/problems.ts';
import { toValue } from '../../extension/core/packetTest/reading.ts';
import { toHex } from '../../extension/core/packet/hex.ts';

const examplesFolder = resolve(import.meta.dirname, '../../bpf/examples');
const examples = readdirSync(examplesFolder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.xdptest.json'))
  .map((file) => ({ file, text: readFileSync(resolve(examplesFolder, file), 'utf8') }));

const schema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../extension/core/packetTest/xdptest.schema.json'), 'utf8'),
) as object;
// VS Code's own keyword: snippets inside a schema.
const validate = new Ajv({ allErrors: true }).addVocabulary(['defaultSnippets']).compile(schema);

/** One test around what is looked at. */
function fileWith(test: string): string {
  return `{ "source": "x.bpf.c", "tests": [ { "name": "t", ${test} } ] }`;
}
const pass = '"expect": { "action": "XDP_PASS" }';

/** The file as JSON, by our own reader: it knows comments. */
function asJson(text: string): unknown {
  const root = readJson(text, new Problems(text));
  return root && toValue(root);
}

test('every example has a test file', () => {
  const folders = readdirSync(examplesFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(new Set(examples.map(({ file }) => file.split('/')[0]))).toEqual(new Set(folders.map(({ name }) => name)));
});

test.each(examples)('$file is read without a problem, and the schema takes it', ({ text }) => {
  const { file, problems } = parseTestFile(text);
  expect(problems.map(describeProblem)).toEqual([]);
  expect(file?.tests.length).toBeGreaterThan(0);
  expect(validate(asJson(text)), JSON.stringify(validate.errors)).toBe(true);
});

test('the contract of the design, word for word', () => {
  const { file, problems } = parseTestFile(`
{ "source": "xdp_firewall.bpf.c", "program": "xdp_firewall",
  "tests": [ { "name": "blocked source is dropped",
               "packet": "Ether()/IP(src='10.0.0.66')/UDP(dport=53)",          // or {"hex": "…"} or {"pcap": "f.pcap", "index": 3} or [{"Ether": {…}}, …]
               "context": { "ingress_ifindex": 1, "rx_queue_index": 0, "metadata": "01020304" },
               "maps": { "blocklist": [ { "key": { "prefixlen": 32, "addr": "10.0.0.66" }, "value": 1 } ] },
               "expect": { "action": "XDP_DROP", "packet": "unchanged", "maps": { "dropped": [ { "key": 0, "sum": "1" } ] } } } ] }`);
  expect(problems).toEqual([]);
  expect(file).toMatchObject({
    source: { value: 'xdp_firewall.bpf.c' },
    program: { value: 'xdp_firewall' },
    tests: [
      {
        name: 'blocked source is dropped',
        place: { line: 3, column: 24 },
        maps: [{ name: 'blocklist', entries: [{ key: { prefixlen: 32, addr: '10.0.0.66' }, value: 1 }] }],
        steps: [
          {
            context: { ingressInterface: { value: 1 }, rxQueueIndex: 0, metadata: Uint8Array.of(1, 2, 3, 4) },
            expectations: [
              {
                action: { value: { name: 'XDP_DROP', retval: 1 } },
                packet: { kind: 'unchanged' },
                maps: [{ name: 'dropped', entries: [{ key: 0, what: { kind: 'sum', sum: '1' } }] }],
              },
            ],
          },
        ],
      },
    ],
  });
});

// Oracle: Scapy 2.5, bytes(Ether(dst="ff:…", src="00:…")/IP(src="127.0.0.1", dst="127.0.0.1")/UDP()/Raw(b"hi")).
const udp = 'ffffffffffff00000000000008004500001e0001000040117ccc7f0000017f00000100350035000a99046869';

test.each([
  { form: `"Ether(dst='ff:ff:ff:ff:ff:ff', src='00:00:00:00:00:00')/IP(src='127.0.0.1')/UDP()/Raw(b'hi')"` },
  { form: `[{"Ether": {}}, {"IP": {}}, {"UDP": {}}, {"Raw": {"load": "hi"}}]` },
  { form: `[{"Ether": {}}, {"IP": {}}, {"UDP": {"dport": "53"}}, {"Raw": {"load": {"hex": "68 69"}}}]` },
  { form: `{ "hex": "${udp}" }` },
  { form: `"${udp}"` },
])('the packet $form', ({ form }) => {
  const { file, problems } = parseTestFile(fileWith(`"packet": ${form}, ${pass}`));
  expect(problems.map(describeProblem)).toEqual([]);
  const packet = file?.tests[0]?.steps[0]?.packet;
  expect(packet?.kind === 'bytes' ? toHex(packet.bytes) : packet).toBe(udp);
});

const packet = '"packet": "Ether()/IP()"';
test.each([
  { name: 'empty', text: '', says: /^1:1: The file is empty/ },
  { name: 'not JSON', text: '{ source: 1 }', says: /^1:3: There is "source"\. Expected: a name in double quotes/ },
  { name: 'cut off', text: '{ "source": "x', says: /^1:13: A text is not closed/ },
  {
    name: 'trailing comma',
    text: '{ "source": "x",\n  "tests": [],\n}',
    says: /^2:14: A comma stands behind the last element/,
  },
  { name: 'twice', text: '{ "source": "x", "tests": [], "source": "y" }', says: /^1:31: "source" is there twice/ },
  { name: 'a list', text: '[]', says: /^1:1: The file is a list\. Expected: an object/ },
  { name: 'something behind', text: '{ "source": "x", "tests": [] } {', says: /^1:32: There is "{" after the end/ },
  { name: 'no source', text: '{ "tests": [] }', says: /^1:1: The file has no "source"/ },
  { name: 'deep', text: '['.repeat(100_000), says: /^1:66: Values are nested more than 64 deep/ },
  { name: 'an open comment', text: '{ /* ', says: /^1:3: A comment is not closed/ },
  { name: 'a bad escape', text: '{ "\\x": 1 }', says: /^1:4: A backslash begins no escape/ },
  { name: 'a hex number', text: '{ "source": 0x1 }', says: /^1:13: This is no number of JSON/ },
  {
    name: 'a misspelt field',
    text: fileWith(`"paket": "", ${packet}, ${pass}`),
    at: '"paket"',
    says: /A test has no field "paket"\. Did you mean packet\?/,
  },
  { name: 'no packet', text: fileWith(pass), says: /A test has no packet/ },
  {
    name: 'two kinds of packets',
    text: fileWith(`${packet}, "packets": ["00"], ${pass}`),
    says: /"packet" and "packets"/,
  },
  { name: 'nothing expected', text: fileWith(packet), says: /A test expects nothing/ },
  { name: 'an empty expectation', text: fileWith(`${packet}, "expect": {}`), says: /"expect" is empty/ },
  {
    name: 'a misspelt action',
    text: fileWith(`${packet}, "expect": { "action": "XDP_DORP" }`),
    says: /There is no action "XDP_DORP".*Did you mean XDP_DROP/,
  },
  {
    name: 'a place in a Scapy text',
    text: fileWith(`"packet": "Ether()/IP(tll=1)", ${pass}`),
    at: 'tll=1',
    says: /IP has no field "tll".*Did you mean ttl/,
  },
  {
    name: 'a place after an escape',
    text: fileWith(`"packet": "Ether(src=\\"x\\")/IP(tll=1)", ${pass}`),
    at: 'tll=1',
    says: /IP has no field "tll"/,
  },
  {
    name: 'a layer',
    text: fileWith(`"packet": [{"Ether": {}}, {"IPP": {}}], ${pass}`),
    at: '{"IPP"',
    says: /There is no layer "IPP"\. Did you mean IP/,
  },
  {
    name: 'a field of a layer',
    text: fileWith(`"packet": [{"IP": {"ttl": 300}}], ${pass}`),
    at: '"ttl"',
    says: /IP.ttl: 300 does not fit/,
  },
  { name: 'half a byte', text: fileWith(`"packet": {"hex": "123"}, ${pass}`), says: /"hex" is the text "123"/ },
  {
    name: 'a capture as text',
    text: fileWith(`"packet": "a.pcap#3", ${pass}`),
    says: /{ "pcap": "a.pcap", "index": 3 }/,
  },
  {
    name: 'packet 0',
    text: fileWith(`"packet": {"pcap": "a.pcap", "index": 0}, ${pass}`),
    says: /whole number from 1/,
  },
  {
    name: 'metadata',
    text: fileWith(`${packet}, "context": {"metadata": "010203"}, ${pass}`),
    says: /3 bytes long.*multiple of 4/,
  },
  {
    name: 'a queue of nothing',
    text: fileWith(`${packet}, "context": {"rx_queue_index": 1}, ${pass}`),
    says: /without "ingress_ifindex"/,
  },
  {
    name: 'egress',
    text: fileWith(`${packet}, "context": {"egress_ifindex": 1}, ${pass}`),
    says: /egress_ifindex cannot be given/,
  },
  { name: 'no value', text: fileWith(`${packet}, "maps": {"m": [{"key": 1}]}, ${pass}`), says: /no value, or two/ },
  {
    name: 'sum and value',
    text: fileWith(`${packet}, "expect": {"maps": {"m": [{"key": 1, "value": 1, "sum": 1}]}}`),
    says: /more than one thing/,
  },
  {
    name: 'a mask',
    text: fileWith(`${packet}, "expect": {"packet": {"hex": "0102", "mask": "ff"}}`),
    says: /"mask" has 1 bytes and "hex" 2/,
  },
  {
    name: 'a field without layer',
    text: fileWith(`${packet}, "expect": {"packet": {"fields": {"ttl": 1}}}`),
    says: /"ttl" names no field/,
  },
  {
    name: 'an unknown field',
    text: fileWith(`${packet}, "expect": {"packet": {"fields": {"IP.tll": 1}}}`),
    says: /IP has no field "tll"\. Did you mean ttl/,
  },
  {
    name: 'events',
    text: fileWith(`${packet}, "expect": {"events": []}`),
    says: /"events" is a list\. Expected: an object/,
  },
  {
    name: 'an event without a type that is no hex',
    text: fileWith(`${packet}, "expect": {"events": {"rb": [{"a": 1}]}}`),
    at: '{"a": 1}',
    says: /A record of rb is an object\. Expected: its bytes in hex, or a value of the type/,
  },
  {
    name: 'a mask of another length',
    text: fileWith(`${packet}, "expect": {"events": {"rb": [{"hex": "0102", "mask": "ff"}]}}`),
    says: /a "mask" as long as "hex"/,
  },
  {
    name: 'events of which nothing is expected',
    text: fileWith(`${packet}, "expect": {"events": {"rb": {"type": "event"}}}`),
    says: /an object with "records" or "count"/,
  },
  { name: 'no time', text: fileWith(`${packet}, "expect": {"durationNs": 0}`), says: /"durationNs" is the number 0/ },
  {
    name: 'a linear part that the kernel does not take',
    text: fileWith(`${packet}, "context": {"linear": 13}, ${pass}`),
    says: /"linear" is the number 13\. Expected: a whole number from 14 to 3520/,
  },
  {
    name: 'two of one name',
    text: `{ "source": "x", "tests": [ { "name": "a", ${packet}, ${pass} },\n { "name": "a", ${packet}, ${pass} } ] }`,
    says: /^2:12: Another test, in line 1, has the same name/,
  },
] as { name: string; text: string; at?: string; says: RegExp }[])(
  'says where and what: $name',
  ({ text, at, says }) => {
    const { file, problems } = parseTestFile(text);
    expect(file).toBeUndefined();
    if (at !== undefined) expect(text.slice(problems[0]?.offset)).toMatch(new RegExp(`^${at}`));
    expect(problems.map(describeProblem).join('\n')).toMatch(says);
  },
);

test('every problem of a file is told, in order', () => {
  const text = '{ "source": 1,\n "program": 2,\n "tests": [ {},\n {"name": ""} ], "x": 0 }';
  expect(parseTestFile(text).problems.map(({ line }) => line)).toEqual([1, 2, 3, 3, 4, 4, 4]);
});

test('what the schema takes, the reader takes, and the other way round', () => {
  const bothTake = [
    `${packet}, ${pass}`,
    `"packets": ["00"], "expect": {"action": 7}`,
    `"packets": [{"packet": {"hex": ""}, "expect": {"printk": []}}]`,
    `"packet": {"pcap": "a", "index": 1}, "skip": "later", "expect": {"maps": {"m": {"count": 1}}}`,
    `${packet}, "context": {"ingress_ifindex": "lo", "cpu": 1}, "expect": {"packet": {"length": 1, "checksums": "valid"}}`,
    `${packet}, "maps": {"m": [{"key": "hex:00", "values": [1]}]}, "expect": {"packet": {"hex": "00:11", "mask": "ff 00"}}`,
  ];
  const bothRefuse = [
    packet,
    pass,
    `${packet}, "expect": {}`,
    `"packets": [], ${pass}`,
    `"packet": 1, ${pass}`,
    `"packet": {"hex": "1"}, ${pass}`,
    `"packet": {"pcap": "a"}, ${pass}`,
    `${packet}, "expect": {"action": "DROP"}`,
    `${packet}, "expect": {"packet": {}}`,
    `${packet}, "expect": {"packet": {"fields": {"ttl": 1}}}`,
    `${packet}, "expect": {"maps": {"m": [{"key": 1}]}}`,
    `${packet}, "expect": {"maps": {"m": [{"sum": 1}]}}`,
    `${packet}, "expect": {"maps": {"m": [{"key": 1, "absent": false}]}}`,
    `${packet}, "maps": {"m": [{"key": 1}]}, ${pass}`,
    `${packet}, "context": {"ifindex": 1}, ${pass}`,
    `${packet}, "skip": 1, ${pass}`,
  ];
  const ours = (body: string): boolean => parseTestFile(fileWith(body)).problems.length === 0;
  const theirs = (body: string): boolean => validate(JSON.parse(fileWith(body)));
  expect(bothTake.map((body) => [body, ours(body), theirs(body)])).toEqual(bothTake.map((body) => [body, true, true]));
  expect(bothRefuse.map((body) => [body, ours(body), theirs(body)])).toEqual(
    bothRefuse.map((body) => [body, false, false]),
  );
});

test('JSON means what JSON.parse says', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('', ' ', '// x\n', '/* } */'), (text, noise) => {
      const spaced = `${noise}${text}${noise}`;
      const problems = new Problems(spaced);
      const root = readJson(spaced, problems);
      // JSON.parse keeps the last of two equal names; here they are a problem.
      if (problems.list.length > 0) expect(problems.list[0]?.message).toMatch(/twice/);
      // JSON.parse rounds large integers; here they stay exact, as text.
      else expect(JSON.stringify(root && toValue(root))).toBe(JSON.stringify(exact(JSON.parse(text))));
    }),
    { numRuns: 1000, seed: 5 },
  );
});

function exact(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return /e/.test(String(value)) ? value : String(value);
  }
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, exact(inner)]));
}

test('a 64-bit integer keeps its last digit', () => {
  const text = '{"value": 18446744073709551615}';
  const root = readJson(text, new Problems(text));
  expect(root && toValue(root)).toEqual({ value: '18446744073709551615' });
});
