import { XdpError } from '../errors.ts';
import { buildPacket } from '../packet/build.ts';
import { layersFromJson } from '../packet/json.ts';
import type { FieldValue } from '../packet/model.ts';
import { parsePacketText } from '../packet/parsePacket.ts';
import { type JsonNode, offsetInString, type Span } from './jsonDocument.ts';
import type { PacketForm } from './model.ts';
import { mismatch, placeOf, type Reading, readFields, readHex, readInteger, readText, toValue } from './reading.ts';

export const packetForms =
  'a packet: "Ether()/IP()/UDP()", {"hex": "…"}, {"pcap": "file.pcap", "index": 1} or [{"Ether": {…}}, …]';

/** The four ways to write a packet. What can be built is built here, so that its mistakes have a place. */
export function readPacketForm(reading: Reading, node: JsonNode): PacketForm | undefined {
  switch (node.kind) {
    case 'string':
      return fromText(reading, node);
    case 'array':
      return fromLayers(reading, node);
    case 'object':
      return fromObject(reading, node);
    case 'number':
    case 'boolean':
    case 'null':
      return mismatch(reading, node, 'A packet', packetForms);
  }
}

function fromText(reading: Reading, node: JsonNode & { kind: 'string' }): PacketForm | undefined {
  const capture = /^(.+\.(?:pcap|pcapng|cap))(?:#(\d+))?$/i.exec(node.value);
  if (capture !== null) {
    const form = `{ "pcap": ${JSON.stringify(capture[1])}, "index": ${capture[2] ?? 1} }`;
    reading.problems.add(node, 'A packet of a capture file is written as an object here.', { expected: form });
    return undefined;
  }
  try {
    return { kind: 'bytes', bytes: parsePacketText(node.value).bytes, place: placeOf(reading, node) };
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    const { position } = error.details;
    const span =
      typeof position === 'number' ? { offset: offsetInString(reading.text, node, position), length: 1 } : node;
    reading.problems.add(span, error.message, error.fix === undefined ? {} : { fix: error.fix });
    return undefined;
  }
}

function fromObject(reading: Reading, node: JsonNode & { kind: 'object' }): PacketForm | undefined {
  const names = node.members.map(({ name }) => name);
  if (!names.includes('hex') && !names.includes('pcap')) return mismatch(reading, node, 'A packet', packetForms);
  if (names.includes('hex')) {
    const hex = readFields(reading, node, 'A packet', { known: ['hex'] })?.hex;
    const bytes = hex && readHex(reading, hex, '"hex"');
    return bytes && { kind: 'bytes', bytes, place: placeOf(reading, node) };
  }
  const fields = readFields(reading, node, 'A packet', { known: ['pcap', 'index'], required: ['pcap', 'index'] });
  const file =
    fields?.pcap && readText(reading, fields.pcap, '"pcap"', 'a .pcap or .pcapng file, relative to this file');
  const index = fields?.index && readInteger(reading, fields.index, '"index"', { min: 1, max: 0xffffffff });
  return file === undefined || index === undefined
    ? undefined
    : { kind: 'pcap', file, index, place: placeOf(reading, node) };
}

function fromLayers(reading: Reading, node: JsonNode & { kind: 'array' }): PacketForm | undefined {
  try {
    const { bytes } = buildPacket(layersFromJson(toValue(node)));
    return { kind: 'bytes', bytes, place: placeOf(reading, node) };
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    const { layerIndex, field } = error.details;
    const layer = typeof layerIndex === 'number' ? node.items[layerIndex] : undefined;
    reading.problems.add(
      fieldSpan(layer, field) ?? layer ?? node,
      error.message,
      error.fix === undefined ? {} : { fix: error.fix },
    );
    return undefined;
  }
}

/** Where a layer's field stands: `[{"IP": {"ttl": 300}}]`. */
function fieldSpan(layer: JsonNode | undefined, field: unknown): Span | undefined {
  const fields = layer?.kind === 'object' ? layer.members[0]?.value : undefined;
  return fields?.kind === 'object' ? fields.members.find(({ name }) => name === field)?.nameSpan : undefined;
}

/** The value of one field, in the form in which layers are written. */
export function readFieldValue(
  reading: Reading,
  node: JsonNode,
  { layer, field }: { layer: string; field: string },
): FieldValue | undefined {
  const expected = 'a number, text, { "hex": "…" } for bytes, or a list';
  try {
    const [only] = layersFromJson([{ [layer]: { [field]: toValue(node) } }]);
    return only?.fields[field] ?? mismatch(reading, node, `${layer}.${field}`, expected);
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    reading.problems.add(node, error.message, { expected });
    return undefined;
  }
}
