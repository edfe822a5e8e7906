import { XdpError } from '../../core/errors.ts';
import { encodeEntryValue } from '../../core/maps/entries.ts';
import { type MapSchema, mapSchema } from '../../core/maps/schema.ts';
import type { Value } from '../../core/maps/value.ts';
import type { MapSpec } from '../../core/object/spec.ts';
import { suggest } from '../../core/packet/fail.ts';
import { mapKey, rawBytes } from '../../core/packetTest/matchMaps.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import type { MapSetup, PacketTest } from '../../core/packetTest/model.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { SetupValue, TestEngine, TestInstance, TestRequest } from './engine.ts';

type Entry = MapSetup['entries'][number];

export interface Setting {
  object: BpfObject;
  instance: Pick<TestInstance, 'schemas' | 'initialValue'>;
  engine: Pick<TestEngine, 'interfaceIndex'>;
}

/** The programs that tests put into prog arrays, by name; those that the object does not have are an error where they stand. */
export function programsInSetups(object: BpfObject, tests: readonly Pick<PacketTest, 'maps'>[]): string[] {
  const arrays = new Set(object.spec.maps.filter(({ type }) => type === 'prog_array').map(({ name }) => name));
  const entries = tests.flatMap(({ maps }) =>
    maps.filter(({ name }) => arrays.has(name)).flatMap((map) => map.entries),
  );
  const names = new Set(entries.map(({ value }) => value));
  return object.spec.programs.map(({ name }) => name).filter((name) => names.has(name));
}

/** One entry of a test's `maps`, with names resolved and the value encoded. Errors name the map. */
export async function encodeSetup(
  entry: Entry,
  schema: MapSchema,
  setting: Setting,
): Promise<TestRequest['setup'][number]> {
  try {
    return { map: schema.name, key: mapKey(schema, entry.key), value: await encodeValue(entry, schema, setting) };
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    throw new XdpError(error.code, `${schema.name}: ${error.message}`, {
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      cause: error,
    });
  }
}

async function encodeValue({ key, value }: Entry, schema: MapSchema, setting: Setting): Promise<SetupValue> {
  switch (schema.type) {
    case 'prog_array':
      return programReference(value, setting.object);
    case 'array_of_maps':
    case 'hash_of_maps':
      return mapReference(value, schema, setting);
    case 'devmap':
    case 'devmap_hash':
      return encodePlain(schema, key, await resolveInterfaces(value, setting.engine), setting.instance);
    default:
      return encodePlain(schema, key, value, setting.instance);
  }
}

function encodePlain(schema: MapSchema, key: Value, value: Value, instance: Setting['instance']): Uint8Array {
  const previous = instance.initialValue(schema.name, mapKey(schema, key));
  return encodeEntryValue(schema, rawBytes(value) ?? value, previous);
}

function programReference(value: Value, { spec }: BpfObject): SetupValue {
  const names = spec.programs.map(({ name }) => name);
  if (typeof value === 'string' && names.includes(value)) return { kind: 'program', program: value };
  throw new XdpError('value-invalid', `its values are programs of the source, not ${JSON.stringify(value)}.`, {
    fix: typeof value === 'string' ? suggest(value, names) : `Name one: ${names.join(', ')}.`,
  });
}

/** A map of the source by its name, or the entries of a new one. */
function mapReference(value: Value, schema: MapSchema, { object, instance }: Setting): SetupValue {
  const names = [...instance.schemas.keys()].filter((name) => name !== schema.name);
  if (typeof value === 'string' && names.includes(value)) return { kind: 'map', map: value };
  if (!Array.isArray(value)) {
    throw new XdpError('value-invalid', `its values are maps, not ${JSON.stringify(value)}.`, {
      fix: 'Give the name of a map of the source, or the entries of a new one: [{ "key": …, "value": … }].',
    });
  }
  const template = object.spec.maps.find(({ name }) => name === schema.name)?.inner;
  if (template === undefined) {
    throw new XdpError('value-invalid', 'the source does not say what the maps in it are like.', {
      fix: 'Describe them with __array(values, struct …), or name a map of the source.',
    });
  }
  return { kind: 'newMap', template, entries: value.map((entry) => innerEntry(entry, template, { object, instance })) };
}

function innerEntry(
  entry: Value,
  template: MapSpec,
  { object, instance }: Pick<Setting, 'object' | 'instance'>,
): { key: Uint8Array; value: Uint8Array } {
  if (!isRecord(entry) || entry['key'] === undefined || entry['value'] === undefined) {
    throw new XdpError('value-invalid', `an entry of an inner map is ${JSON.stringify(entry)}.`, {
      fix: 'Write it as { "key": …, "value": … }.',
    });
  }
  const cpus = [...instance.schemas.values()][0]?.possibleCpus ?? [0];
  const schema = mapSchema(template, object.spec.btf, template.keyTypeId, template.valueTypeId, cpus);
  return {
    key: mapKey(schema, entry['key']),
    value: encodeEntryValue(schema, rawBytes(entry['value']) ?? entry['value']),
  };
}

/** `"eth0"` and `{"ifindex": "eth0"}` (struct bpf_devmap_val) for a device map. */
async function resolveInterfaces(value: Value, engine: Setting['engine']): Promise<Value> {
  if (typeof value === 'string') return /^(\d+|hex:.*)$/.test(value) ? value : await engine.interfaceIndex(value);
  if (!isRecord(value)) return value;
  const { ifindex } = value;
  return ifindex === undefined ? value : { ...value, ifindex: await resolveInterfaces(ifindex, engine) };
}
