import type { Btf } from '../btf/types.ts';
import { XdpError } from '../errors.ts';
import { toHex } from '../maps/text.ts';
import { buildPacket } from '../packet/build.ts';
import { dissect } from '../packet/dissect.ts';
import type { BuiltField, BuiltLayer, Dissection, FieldValue } from '../packet/model.ts';
import { equalValue } from '../packet/value.ts';
import { actionName } from '../xdp.ts';
import { type EventSnapshots, matchEvents } from './matchEvents.ts';
import { matchMaps, type Snapshots } from './matchMaps.ts';
import type { Expectation, FieldExpectation, PacketExpectation, PacketForm, PrintkExpectation } from './model.ts';
import { byOccurrence, equalBytes, packetDifferences, shownField, specOf } from './packetDiff.ts';
import type { Failure } from './result.ts';

/** What one packet did. */
export interface Outcome {
  retval: number;
  packetIn: Uint8Array;
  /** From `data` on: without metadata. */
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  /** Lines of bpf_printk, or why they are not known; absent: nobody listened. */
  printk: readonly string[] | { problem: string } | undefined;
  /** The maps after it. */
  maps: Snapshots;
  /** What its ring buffers and perf event arrays got from it. */
  events: EventSnapshots;
  /** The object's, for the types of events. */
  btf: Btf | undefined;
  /** Bytes of a packet that the test names; those of capture files were read before. */
  bytesOf: (form: PacketForm) => Uint8Array;
}

/** Every expectation that does not hold, in the order of the file format. */
export function matchOutcome(expected: Expectation, outcome: Outcome): Failure[] {
  return [
    ...matchAction(expected, outcome),
    ...(expected.packet ? matchPacket(expected.packet, outcome, `${expected.path}.packet`) : []),
    ...matchMetadata(expected, outcome),
    ...matchMaps(expected.maps, outcome.maps, expected.path),
    ...matchPrintk(expected, outcome),
    ...matchEvents(expected.events, outcome.events, { path: expected.path, btf: outcome.btf }),
  ];
}

function matchAction({ action, path }: Expectation, { retval }: Outcome): Failure[] {
  if (action === undefined || action.value.retval === retval) return [];
  const actual = actionName(retval);
  const message = `The program answered ${actual} instead of ${action.value.name}.`;
  return [
    { path: `${path}.action`, message, expected: action.value.name, actual, differences: [], place: action.place },
  ];
}

function matchMetadata({ metadata, path }: Expectation, { metadataOut }: Outcome): Failure[] {
  if (metadata === undefined || equalBytes(metadata.value, metadataOut)) return [];
  const [expected, actual] = [toHex(metadata.value), toHex(metadataOut)];
  return [
    {
      path: `${path}.metadata`,
      message: 'The metadata is not as expected.',
      expected,
      actual,
      differences: [],
      place: metadata.place,
    },
  ];
}

function matchPrintk({ printk, path }: Expectation, outcome: Outcome): Failure[] {
  if (printk === undefined) return [];
  const about = { path: `${path}.printk`, differences: [], place: printk.place };
  const printed = outcome.printk ?? { problem: 'it was not captured' };
  if ('problem' in printed) return [{ ...about, message: `bpf_printk could not be read: ${printed.problem}` }];
  const lines = [...printed];
  if (holds(printk.value, lines)) return [];
  const expected = printk.value.kind === 'some' ? printk.value.text : printk.value.texts;
  return [{ ...about, message: 'What the program printed is not as expected.', expected, actual: lines }];
}

function holds(expected: PrintkExpectation, lines: readonly string[]): boolean {
  switch (expected.kind) {
    case 'some':
      return lines.some((line) => line.includes(expected.text));
    case 'lines':
      return (
        lines.length === expected.texts.length && expected.texts.every((text, index) => lines[index]?.includes(text))
      );
  }
}

function matchPacket(expected: PacketExpectation, outcome: Outcome, path: string): Failure[] {
  const { packetIn, packetOut, bytesOf } = outcome;
  const { place } = expected;
  switch (expected.kind) {
    case 'unchanged':
      return differing(packetIn, packetOut, 'The packet was changed.', { path, place });
    case 'bytes': {
      const wanted = bytesOf(expected.packet);
      const { mask } = expected;
      // What the mask leaves out is taken from the actual packet: so only the rest can differ.
      const compared =
        mask === undefined
          ? wanted
          : wanted.map((byte, i) => (byte & (mask[i] ?? 0)) | ((packetOut[i] ?? 0) & ~(mask[i] ?? 0)));
      return differing(compared, packetOut, 'The packet is not as expected.', { path, place });
    }
    case 'parts':
      return matchParts(expected, packetOut, path);
  }
}

function differing(
  expected: Uint8Array,
  actual: Uint8Array,
  message: string,
  where: Pick<Failure, 'path' | 'place'>,
): Failure[] {
  const differences = packetDifferences(expected, actual);
  if (differences.length === 0) return [];
  return [{ ...where, message, expected: toHex(expected), actual: toHex(actual), differences }];
}

function matchParts(expected: PacketExpectation & { kind: 'parts' }, packet: Uint8Array, path: string): Failure[] {
  const dissection = dissect(packet);
  const layers = byOccurrence(dissection);
  const failures = expected.fields.flatMap((field) => matchField(field, layers, dissection, `${path}.fields`));
  const stack = dissection.layers.map(({ name }) => name);
  if (expected.layers !== undefined && expected.layers.value.join('/') !== stack.join('/')) {
    failures.push({
      path: `${path}.layers`,
      message: 'The layers of the packet are not as expected.',
      expected: expected.layers.value,
      actual: stack,
      differences: [],
      place: expected.layers.place,
    });
  }
  if (expected.lengthBytes !== undefined && expected.lengthBytes.value !== packet.length) {
    failures.push({
      path: `${path}.length`,
      message: 'The length of the packet is not as expected.',
      expected: expected.lengthBytes.value,
      actual: packet.length,
      differences: [],
      place: expected.lengthBytes.place,
    });
  }
  if (expected.checksums !== undefined)
    failures.push(...wrongChecksums(layers, expected.checksums, `${path}.checksums`));
  return failures;
}

function matchField(
  { layer: name, occurrence, field: fieldName, value, place }: FieldExpectation,
  layers: ReadonlyMap<string, BuiltLayer>,
  { layers: stack }: Dissection,
  parent: string,
): Failure[] {
  const label = occurrence === 1 ? name : `${name}:${occurrence}`;
  const about = { path: `${parent}.${label}.${fieldName}`, differences: [], place };
  const layer = layers.get(label);
  const field = layer?.fields.find((each) => each.name === fieldName);
  if (layer === undefined || field === undefined) {
    const names = stack.map((each) => each.name).join('/') || 'nothing';
    const missing = layer === undefined ? `no layer ${label}: it is ${names}` : `no field ${label}.${fieldName}`;
    return [{ ...about, message: `The packet has ${missing}.` }];
  }
  try {
    const wanted = asWritten(layer, field, value);
    if (equalValue(wanted.value, field.value)) return [];
    const [expected, actual] = [shownField(name, wanted), shownField(name, field)];
    return [{ ...about, message: `${label}.${fieldName} is not as expected.`, expected, actual }];
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    return [{ ...about, message: error.message }];
  }
}

/** The expected value in the form in which a dissected field has it: what building the layer with it makes of it. */
function asWritten(layer: BuiltLayer, field: BuiltField, value: FieldValue): BuiltField {
  const fields: Record<string, FieldValue> = {};
  for (const each of layer.fields) fields[each.name] = each.value;
  fields[field.name] = value;
  const built = buildPacket([{ name: layer.name, fields }]).layers[0]?.fields.find(({ name }) => name === field.name);
  return { ...field, value: built?.value ?? value, wrong: undefined };
}

function wrongChecksums(layers: ReadonlyMap<string, BuiltLayer>, place: Failure['place'], path: string): Failure[] {
  const differences = [...layers].flatMap(([label, layer]) =>
    layer.fields.flatMap((field) => {
      const { wrong, ...rest } = field;
      if (wrong === undefined || specOf(layer.name, field.name)?.auto?.kind !== 'checksum') return [];
      const show = (value: FieldValue) => shownField(layer.name, { ...rest, value });
      return [{ what: `${label}.${field.name}`, expected: show(wrong), actual: show(field.value) }];
    }),
  );
  return differences.length === 0 ? [] : [{ path, message: 'A checksum of the packet is wrong.', differences, place }];
}
