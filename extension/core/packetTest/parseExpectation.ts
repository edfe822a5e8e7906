import { XdpError } from '../errors.ts';
import { type CompiledHeader, headerNamed } from '../packet/compile.ts';
import { suggest } from '../packet/fail.ts';
import { actionName, xdpActions } from '../xdp.ts';
import type { JsonMember, JsonNode } from './jsonDocument.ts';
import type {
  EntryExpectation,
  Expectation,
  FieldExpectation,
  MapExpectation,
  PacketExpectation,
  Placed,
  PrintkExpectation,
} from './model.ts';
import { readEventExpectations } from './parseEvents.ts';
import { readFieldValue, readPacketForm } from './parsePacketForm.ts';
import {
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

const expectable = ['action', 'packet', 'metadata', 'maps', 'printk', 'events', 'durationNs'] as const;

/** `path` is how messages call the expectation: `expect`, `packets[0].expect`. */
export function readExpectation(reading: Reading, node: JsonNode, path: string): Expectation | undefined {
  const fields = readFields(reading, node, `"${path}"`, { known: expectable });
  if (fields === undefined) return undefined;
  if (Object.keys(fields).length === 0 && node.kind === 'object' && node.members.length === 0) {
    reading.problems.add(node, `"${path}" is empty.`, {
      expected: `at least one of ${expectable.join(', ')}`,
    });
    return undefined;
  }
  return {
    path,
    action: fields.action && readAction(reading, fields.action),
    packet: fields.packet && readPacketExpectation(reading, fields.packet),
    metadata: fields.metadata && placed(reading, fields.metadata, readHex(reading, fields.metadata, '"metadata"')),
    maps: fields.maps === undefined ? [] : readMapExpectations(reading, fields.maps),
    printk: fields.printk && placed(reading, fields.printk, readPrintk(reading, fields.printk)),
    events: fields.events === undefined ? [] : readEventExpectations(reading, fields.events),
    durationNs: fields.durationNs && placed(reading, fields.durationNs, readDuration(reading, fields.durationNs)),
  };
}

function readDuration(reading: Reading, node: JsonNode): number | undefined {
  return readInteger(reading, node, '"durationNs"', { min: 1, max: 0xffffffff });
}

function placed<T>(reading: Reading, node: JsonNode, value: T | undefined): Placed<T> | undefined {
  return value === undefined ? undefined : { value, place: placeOf(reading, node) };
}

function readAction(reading: Reading, node: JsonNode): Expectation['action'] {
  if (node.kind === 'number') {
    const retval = readInteger(reading, node, '"action"', { min: 0, max: 0xffffffff });
    return placed(reading, node, retval === undefined ? undefined : { name: actionName(retval), retval });
  }
  if (node.kind !== 'string') return mismatch(reading, node, '"action"', `one of ${xdpActions.join(', ')}`);
  const retval = xdpActions.findIndex((name) => name === node.value);
  if (retval >= 0) return placed(reading, node, { name: node.value, retval });
  reading.problems.add(node, `There is no action "${node.value}".`, {
    expected: `one of ${xdpActions.join(', ')}`,
    fix: suggest(node.value, [...xdpActions]),
  });
  return undefined;
}

function readPacketExpectation(reading: Reading, node: JsonNode): PacketExpectation | undefined {
  const place = placeOf(reading, node);
  if (node.kind === 'string' && node.value === 'unchanged') return { kind: 'unchanged', place };
  if (node.kind === 'object') {
    if (node.members.some(({ name }) => name === 'mask')) return readMasked(reading, node);
    if (!node.members.some(({ name }) => name === 'hex' || name === 'pcap')) return readParts(reading, node);
  }
  const packet = readPacketForm(reading, node);
  return packet && { kind: 'bytes', packet, mask: undefined, place };
}

function readMasked(reading: Reading, node: JsonNode): PacketExpectation | undefined {
  const what = 'An expected packet';
  const fields = readFields(reading, node, what, { known: ['hex', 'mask'], required: ['hex'] });
  const bytes = fields?.hex && readHex(reading, fields.hex, '"hex"');
  const mask = fields?.mask && readHex(reading, fields.mask, '"mask"');
  if (bytes === undefined || mask === undefined || fields?.mask === undefined) return undefined;
  if (bytes.length !== mask.length) {
    reading.problems.add(fields.mask, `"mask" has ${mask.length} bytes and "hex" ${bytes.length}.`, {
      expected: 'the same length: ff where a byte counts, 00 where it does not',
    });
    return undefined;
  }
  const place = placeOf(reading, node);
  return { kind: 'bytes', packet: { kind: 'bytes', bytes, place }, mask, place };
}

function readParts(reading: Reading, node: JsonNode): PacketExpectation | undefined {
  const what = 'An expected packet';
  const fields = readFields(reading, node, what, { known: ['fields', 'layers', 'length', 'checksums'] });
  if (fields === undefined) return undefined;
  if (Object.keys(fields).length === 0) {
    return mismatch(
      reading,
      node,
      what,
      '"unchanged", a packet, or an object with hex and mask, or with fields, layers, length, checksums',
    );
  }
  if (fields.checksums !== undefined && (fields.checksums.kind !== 'string' || fields.checksums.value !== 'valid')) {
    mismatch(reading, fields.checksums, '"checksums"', '"valid"');
  }
  const lengthBytes = fields.length && readInteger(reading, fields.length, '"length"', { min: 0, max: 0xffffffff });
  return {
    kind: 'parts',
    fields: fields.fields === undefined ? [] : readFieldExpectations(reading, fields.fields),
    layers: fields.layers && placed(reading, fields.layers, readLayerNames(reading, fields.layers)),
    lengthBytes: fields.length && placed(reading, fields.length, lengthBytes),
    checksums: fields.checksums && placeOf(reading, fields.checksums),
    place: placeOf(reading, node),
  };
}

function readLayerNames(reading: Reading, node: JsonNode): string[] {
  const items = readItems(reading, node, '"layers"', 'a list of layer names: ["Ether", "IP", "UDP"]');
  return items.flatMap((item) => {
    const name = readText(reading, item, 'A layer', 'the name of a layer');
    return name === undefined || headerFor(reading, item, name) === undefined ? [] : name;
  });
}

function headerFor(
  { problems }: Reading,
  span: { offset: number; length: number },
  name: string,
): CompiledHeader | undefined {
  try {
    return headerNamed(name);
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    problems.add(span, error.message, error.fix === undefined ? {} : { fix: error.fix });
    return undefined;
  }
}

function readFieldExpectations(reading: Reading, node: JsonNode): FieldExpectation[] {
  const members = readMembers(reading, node, '"fields"', 'an object: { "IP.ttl": 63 }');
  return members.flatMap((member) => readFieldExpectation(reading, member) ?? []);
}

/** `IP.ttl`, or as Scapy counts layers of the same name: `IP:2.ttl` is in the second. */
function readFieldExpectation(reading: Reading, { name, nameSpan, value }: JsonMember): FieldExpectation | undefined {
  const match = /^([A-Za-z]\w*)(?::([1-9]\d?))?\.(\w+)$/.exec(name);
  const [, layer, occurrence = '1', field] = match ?? [];
  if (layer === undefined || field === undefined) {
    reading.problems.add(nameSpan, `"${name}" names no field.`, {
      expected: 'a layer and a field: "IP.ttl", or "IP:2.ttl" for the second IP',
    });
    return undefined;
  }
  const header = headerFor(reading, nameSpan, layer);
  if (header === undefined) return undefined;
  if (!header.positions.has(field)) {
    reading.problems.add(nameSpan, `${layer} has no field "${field}".`, {
      fix: suggest(field, [...header.positions.keys()]),
    });
    return undefined;
  }
  const expected = readFieldValue(reading, value, { layer, field });
  if (expected === undefined) return undefined;
  return { layer, occurrence: Number(occurrence), field, value: expected, place: placeOf(reading, nameSpan) };
}

function readMapExpectations(reading: Reading, node: JsonNode): MapExpectation[] {
  const members = readMembers(reading, node, '"maps"', 'an object: { "map name": [{ "key": …, "value": … }] }');
  return members.flatMap(({ name, nameSpan, value }) => {
    const list =
      value.kind === 'object'
        ? readFields(reading, value, `What is expected of ${name}`, { known: ['entries', 'count'] })
        : { entries: value };
    if (list === undefined) return [];
    const expected = 'a list of entries: [{ "key": …, "value": … }]';
    const items =
      list.entries === undefined ? [] : readItems(reading, list.entries, `What is expected of ${name}`, expected);
    const count =
      'count' in list && list.count
        ? placed(reading, list.count, readInteger(reading, list.count, '"count"', { min: 0, max: 0xffffffff }))
        : undefined;
    const entries = items.flatMap((item) => readEntry(reading, item, name) ?? []);
    return { name, place: placeOf(reading, nameSpan), entries, count };
  });
}

function readEntry(reading: Reading, node: JsonNode, map: string): EntryExpectation | undefined {
  const what = `An expected entry of ${map}`;
  const fields = readFields(reading, node, what, {
    known: ['key', 'value', 'values', 'sum', 'absent'],
    required: ['key'],
  });
  if (fields?.key === undefined) return undefined;
  const { value, values, sum, absent } = fields;
  const given = [value, values, sum, absent].filter((each) => each !== undefined);
  if (given.length !== 1) {
    reading.problems.add(
      { offset: node.offset, length: 1 },
      `${what} says ${given.length === 0 ? 'nothing about it' : 'more than one thing'}.`,
      {
        expected: 'one of value, values (for each CPU), sum (over all CPUs), "absent": true',
      },
    );
    return undefined;
  }
  const content = entryContent(reading, { value, values, sum, absent });
  return content && { key: toValue(fields.key), place: placeOf(reading, node), what: content };
}

function entryContent(
  reading: Reading,
  { value, values, sum, absent }: Partial<Record<'value' | 'values' | 'sum' | 'absent', JsonNode>>,
): EntryExpectation['what'] | undefined {
  if (value !== undefined) return { kind: 'value', value: toValue(value) };
  if (sum !== undefined) return { kind: 'sum', sum: toValue(sum) };
  if (values !== undefined) {
    const items = readItems(reading, values, '"values"', 'a list with one value for each CPU');
    return { kind: 'values', values: items.map(toValue) };
  }
  if (absent?.kind === 'boolean' && absent.value) return { kind: 'absent' };
  return absent && mismatch(reading, absent, '"absent"', 'true');
}

function readPrintk(reading: Reading, node: JsonNode): PrintkExpectation | undefined {
  if (node.kind === 'string') {
    const text = readText(reading, node, '"printk"');
    return text === undefined ? undefined : { kind: 'some', text };
  }
  const items = readItems(
    reading,
    node,
    '"printk"',
    'a text that one line holds, or a list with a text for every line',
  );
  if (node.kind !== 'array') return undefined;
  return { kind: 'lines', texts: items.flatMap((item) => readText(reading, item, 'A line of "printk"') ?? []) };
}
