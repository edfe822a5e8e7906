import { testRunLimits } from '../xdp.ts';
import { type JsonNode, readJson } from './jsonDocument.ts';
import type { Context, Expectation, MapSetup, PacketTest, Placed, Step, TestFile } from './model.ts';
import { readExpectation } from './parseExpectation.ts';
import { readPacketForm } from './parsePacketForm.ts';
import { type Problem, Problems } from './problems.ts';
import {
  type Fields,
  mismatch,
  placeOf,
  type Reading,
  readFields,
  readHex,
  readInteger,
  readItems,
  readMembers,
  readText,
  toValue,
} from './reading.ts';

const maxU32 = 0xffffffff;

/**
 * Reads the text of an `.xdptest.json`. Everything that is wrong with it is in `problems`, each with its place; `file` is
 * there only when nothing is. Never throws.
 */
export function parseTestFile(text: string): { file: TestFile | undefined; problems: readonly Problem[] } {
  const problems = new Problems(text);
  const root = readJson(text, problems);
  const file = root && readFile({ text, problems }, root);
  const list = problems.list.toSorted((left, right) => left.offset - right.offset);
  return { file: list.length === 0 ? file : undefined, problems: list };
}

/** What a test has under `maps`, alone: `{ "map name": [{ "key": …, "value": … }] }`. Never throws. */
export function parseMapSetups(text: string): { setups: MapSetup[]; problems: readonly Problem[] } {
  const problems = new Problems(text);
  const root = readJson(text, problems);
  const setups = root === undefined ? [] : readSetups({ text, problems }, root);
  return { setups, problems: problems.list };
}

function readFile(reading: Reading, root: JsonNode): TestFile | undefined {
  const fields = readFields(reading, root, 'The file', {
    known: ['$schema', 'source', 'program', 'tests'],
    required: ['source', 'tests'],
  });
  if (fields?.source === undefined || fields.tests === undefined) return undefined;
  const source = placedText(reading, fields.source, '"source"', 'the BPF C file or object, relative to this file');
  const program =
    fields.program && placedText(reading, fields.program, '"program"', 'the name of an XDP program of the source');
  const items = readItems(
    reading,
    fields.tests,
    '"tests"',
    'a list of tests: [{ "name": …, "packet": …, "expect": … }]',
  );
  const tests = items.flatMap((item) => readTest(reading, item) ?? []);
  reportRepeatedNames(reading, tests);
  return source && { source, program, tests };
}

function placedText(reading: Reading, node: JsonNode, what: string, expected: string): Placed<string> | undefined {
  const value = readText(reading, node, what, expected);
  return value === undefined ? undefined : { value, place: placeOf(reading, node) };
}

/** A name is how a test is found again, by people and by reports. */
function reportRepeatedNames({ problems }: Reading, tests: readonly PacketTest[]): void {
  const seen = new Map<string, PacketTest>();
  for (const test of tests) {
    const first = seen.get(test.name);
    if (first === undefined) seen.set(test.name, test);
    else {
      problems.add(test.place, `Another test, in line ${first.place.line}, has the same name.`, {
        expected: 'a name of its own for each test',
      });
    }
  }
}

const testFields = ['name', 'program', 'skip', 'packet', 'packets', 'context', 'maps', 'expect'] as const;

function readTest(reading: Reading, node: JsonNode): PacketTest | undefined {
  const fields = readFields(reading, node, 'A test', { known: testFields, required: ['name'] });
  if (fields === undefined) return undefined;
  const name = fields.name && readText(reading, fields.name, 'The name of a test');
  const steps = readSteps(reading, node, fields);
  const maps = fields.maps === undefined ? [] : readSetups(reading, fields.maps);
  const skip = fields.skip && readSkip(reading, fields.skip);
  const program =
    fields.program && placedText(reading, fields.program, '"program"', 'the name of an XDP program of the source');
  if (name === undefined || fields.name === undefined || steps === undefined) return undefined;
  return { name, place: placeOf(reading, fields.name), whole: placeOf(reading, node), program, skip, maps, steps };
}

function readSkip(reading: Reading, node: JsonNode): string | undefined {
  if (node.kind === 'string' && node.value.trim() !== '') return node.value;
  if (node.kind === 'boolean') return node.value ? 'skipped' : undefined;
  return mismatch(reading, node, '"skip"', 'the reason as text, or true');
}

function readSteps(reading: Reading, test: JsonNode, fields: Fields<(typeof testFields)[number]>): Step[] | undefined {
  const expectation = fields.expect && readExpectation(reading, fields.expect, 'expect');
  if (fields.packet !== undefined && fields.packets !== undefined) {
    reading.problems.add(fields.packets, 'A test has "packet" and "packets".', { expected: 'one of the two' });
    return undefined;
  }
  if (fields.packet !== undefined) {
    const packet = readPacketForm(reading, fields.packet);
    const context = readContext(reading, fields.context);
    if (fields.expect === undefined) missingExpectation(reading, test);
    return packet && [{ packet, context, expectations: expectation ? [expectation] : [] }];
  }
  if (fields.packets === undefined) {
    reading.problems.add({ offset: test.offset, length: 1 }, 'A test has no packet.', {
      expected: '"packet", or "packets" for several one after the other',
    });
    return undefined;
  }
  return readSequence(reading, test, { packets: fields.packets, context: fields.context, expectation });
}

/** A test that expects nothing cannot fail. */
function missingExpectation({ problems }: Reading, test: JsonNode): void {
  problems.add({ offset: test.offset, length: 1 }, 'A test expects nothing.', {
    expected: '"expect", such as { "action": "XDP_DROP" }',
  });
}

function readSequence(
  reading: Reading,
  test: JsonNode,
  given: { packets: JsonNode; context: JsonNode | undefined; expectation: Expectation | undefined },
): Step[] | undefined {
  const items = readItems(reading, given.packets, '"packets"', 'a list of packets, or of { "packet": …, "expect": … }');
  if (given.packets.kind === 'array' && items.length === 0) {
    reading.problems.add(given.packets, '"packets" is empty.', { expected: 'at least one packet' });
  }
  const steps = items.map((item, index) => readStep(reading, item, given.context, `packets[${index}].expect`));
  const last = steps.at(-1);
  if (given.expectation !== undefined) last?.expectations.push(given.expectation);
  if (items.length > 0 && steps.every((step) => step !== undefined && step.expectations.length === 0)) {
    missingExpectation(reading, test);
  }
  return steps.length > 0 && steps.every((step) => step !== undefined) ? steps : undefined;
}

/** `{ "packet": …, "context": …, "expect": … }`, or a packet alone. The test's context holds where there is none. */
function readStep(reading: Reading, node: JsonNode, outer: JsonNode | undefined, path: string): Step | undefined {
  const isStep = node.kind === 'object' && node.members.some(({ name }) => name === 'packet' || name === 'expect');
  if (!isStep) {
    const packet = readPacketForm(reading, node);
    return packet && { packet, context: readContext(reading, outer), expectations: [] };
  }
  const fields = readFields(reading, node, 'A packet of a sequence', {
    known: ['packet', 'context', 'expect'],
    required: ['packet'],
  });
  const packet = fields?.packet && readPacketForm(reading, fields.packet);
  const expectation = fields?.expect && readExpectation(reading, fields.expect, path);
  const context = readContext(reading, fields?.context ?? outer);
  return packet && { packet, context, expectations: expectation ? [expectation] : [] };
}

function readContext(reading: Reading, node: JsonNode | undefined): Context {
  const context: Context = {
    ingressInterface: undefined,
    rxQueueIndex: undefined,
    metadata: undefined,
    cpu: undefined,
    linearBytes: undefined,
    place: node && placeOf(reading, node),
  };
  if (node === undefined) return context;
  if (node.kind === 'object') {
    const egress = node.members.find(({ name }) => name === 'egress_ifindex');
    if (egress !== undefined) {
      reading.problems.add(egress.nameSpan, 'egress_ifindex cannot be given.', {
        fix: 'The kernel sets it only for programs of a devmap, in live traffic.',
      });
      return context;
    }
  }
  const fields = readFields(reading, node, '"context"', {
    known: ['ingress_ifindex', 'rx_queue_index', 'metadata', 'cpu', 'linear'],
  });
  if (fields === undefined) return context;
  if (fields.ingress_ifindex !== undefined) context.ingressInterface = readInterface(reading, fields.ingress_ifindex);
  if (fields.rx_queue_index !== undefined) {
    context.rxQueueIndex = readInteger(reading, fields.rx_queue_index, '"rx_queue_index"', { min: 0, max: maxU32 });
  }
  if (fields.cpu !== undefined) context.cpu = readInteger(reading, fields.cpu, '"cpu"', { min: 0, max: 65_535 });
  if (fields.linear !== undefined) {
    const { minPacket: min, maxLinear: max } = testRunLimits;
    context.linearBytes = readInteger(reading, fields.linear, '"linear"', { min, max });
  }
  if (fields.metadata !== undefined) context.metadata = readMetadata(reading, fields.metadata);
  // net/core/dev.c keeps the queues of an interface: without one the kernel refuses the context.
  if (fields.rx_queue_index !== undefined && context.rxQueueIndex !== 0 && fields.ingress_ifindex === undefined) {
    reading.problems.add(fields.rx_queue_index, '"rx_queue_index" is given without "ingress_ifindex".', {
      fix: 'Name the interface whose queue this is.',
    });
  }
  return context;
}

function readInterface(reading: Reading, node: JsonNode): Context['ingressInterface'] {
  const value =
    node.kind === 'string'
      ? readText(reading, node, '"ingress_ifindex"')
      : readInteger(reading, node, '"ingress_ifindex"', { min: 0, max: 0x7fffffff });
  return value === undefined ? undefined : { value, place: placeOf(reading, node) };
}

/** The kernel takes a multiple of 4 bytes, at most 252: net/bpf/test_run.c, bpf_prog_test_run_xdp(). */
function readMetadata(reading: Reading, node: JsonNode): Uint8Array | undefined {
  const bytes = readHex(reading, node, '"metadata"');
  if (bytes === undefined || (bytes.length % 4 === 0 && bytes.length <= 252)) return bytes;
  reading.problems.add(node, `"metadata" is ${bytes.length} bytes long.`, {
    expected: 'a multiple of 4 bytes, at most 252',
  });
  return undefined;
}

function readSetups(reading: Reading, node: JsonNode): MapSetup[] {
  const members = readMembers(reading, node, '"maps"', 'an object: { "map name": [{ "key": …, "value": … }] }');
  return members.map(({ name, nameSpan, value }) => {
    const items = readItems(reading, value, `The content of ${name}`, 'a list of entries: [{ "key": …, "value": … }]');
    const entries = items.flatMap((item) => readSetupEntry(reading, item, name) ?? []);
    return { name, place: placeOf(reading, nameSpan), entries };
  });
}

function readSetupEntry(reading: Reading, node: JsonNode, map: string): MapSetup['entries'][number] | undefined {
  const fields = readFields(reading, node, `An entry of ${map}`, {
    known: ['key', 'value', 'values'],
    required: ['key'],
  });
  if (fields?.key === undefined) return undefined;
  if ((fields.value === undefined) === (fields.values === undefined)) {
    reading.problems.add({ offset: node.offset, length: 1 }, `An entry of ${map} has no value, or two.`, {
      expected: '"value", or "values" with one for each CPU',
    });
    return undefined;
  }
  if (fields.values !== undefined && fields.values.kind !== 'array') {
    return mismatch(reading, fields.values, '"values"', 'a list with one value for each CPU');
  }
  const value = fields.value ?? fields.values;
  return value && { key: toValue(fields.key), value: toValue(value), place: placeOf(reading, node) };
}
