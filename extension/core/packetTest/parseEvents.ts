import type { JsonNode } from './jsonDocument.ts';
import type { EventExpectation, RecordExpectation } from './model.ts';
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

/** `"events": { "alerts": ["0102", …] }`, or with `type`, `records` and `count`. */
export function readEventExpectations(reading: Reading, node: JsonNode): EventExpectation[] {
  const members = readMembers(reading, node, '"events"', 'an object: { "map name": ["hex of the first record", …] }');
  return members.flatMap(({ name, nameSpan, value }) => {
    const what = `What is expected of ${name}`;
    const place = placeOf(reading, nameSpan);
    if (value.kind === 'array') {
      return {
        name,
        place,
        type: undefined,
        records: readRecords(reading, value, { map: name, typed: false }),
        count: undefined,
      };
    }
    const fields = readFields(reading, value, what, { known: ['type', 'records', 'count'] });
    if (fields === undefined) return [];
    if (fields.records === undefined && fields.count === undefined) {
      return mismatch(reading, value, what, 'a list of records, or an object with "records" or "count"') ?? [];
    }
    const type = fields.type && readText(reading, fields.type, '"type"', 'the name of a struct of the source');
    const count = fields.count && readInteger(reading, fields.count, '"count"', { min: 0, max: 0xffffffff });
    return {
      name,
      place,
      type:
        type === undefined || fields.type === undefined
          ? undefined
          : { value: type, place: placeOf(reading, fields.type) },
      records: fields.records && readRecords(reading, fields.records, { map: name, typed: fields.type !== undefined }),
      count:
        count === undefined || fields.count === undefined
          ? undefined
          : { value: count, place: placeOf(reading, fields.count) },
    };
  });
}

/** `typed`: records are values of a C type; bytes all the same where they say so. */
interface Records {
  map: string;
  typed: boolean;
}

function readRecords(reading: Reading, node: JsonNode, of: Records): RecordExpectation[] {
  const items = readItems(reading, node, `The records of ${of.map}`, 'a list with a record for each event, in order');
  return items.flatMap((item) => readRecord(reading, item, of) ?? []);
}

function readRecord(reading: Reading, node: JsonNode, { map, typed }: Records): RecordExpectation | undefined {
  const what = `A record of ${map}`;
  const place = placeOf(reading, node);
  if (node.kind === 'object' && node.members.some(({ name }) => name === 'hex')) {
    const fields = readFields(reading, node, what, { known: ['hex', 'mask'], required: ['hex'] });
    const bytes = fields?.hex && readHex(reading, fields.hex, '"hex"');
    const mask = fields?.mask && readHex(reading, fields.mask, '"mask"');
    if (bytes === undefined || (fields?.mask !== undefined && mask === undefined)) return undefined;
    if (mask === undefined || mask.length === bytes.length) return { kind: 'bytes', bytes, mask, place };
    return mismatch(reading, node, what, 'a "mask" as long as "hex"');
  }
  const isHex = node.kind === 'string' && /^hex:/i.test(node.value);
  if (typed && !isHex) return { kind: 'value', value: toValue(node), place };
  if (node.kind !== 'string') {
    return mismatch(reading, node, what, 'its bytes in hex, or a value of the type that "type" names beside "records"');
  }
  const bytes = readHex(reading, isHex ? { ...node, value: node.value.slice(4) } : node, what);
  return bytes && { kind: 'bytes', bytes, mask: undefined, place };
}
