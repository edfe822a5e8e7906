import { encodeEntryValue } from '../../core/maps/entries.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { decodeValue, type Value } from '../../core/maps/value.ts';
import { defaultIfindex, type Entry, type Input } from '../../core/generate/input.ts';
import { equalBytes } from '../../core/packet/bits.ts';
import { exactLayers } from '../../core/packet/exact.ts';
import { toHex } from '../../core/packet/hex.ts';
import { minimalLayers } from '../../core/packet/minimal.ts';
import { parsePacketText } from '../../core/packet/parsePacket.ts';
import { formatScapy } from '../../core/packet/scapy.ts';
import { isRecord } from '../../core/packetTest/matchValue.ts';
import { mapKey } from '../../core/packetTest/matchMaps.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import type { RunContext } from '../run/input.ts';
import { XdpError } from '../../core/errors.ts';

/** Beyond this the bytes are easier to read than the expression. Characters. */
const maxExpression = 400;

/** A generated input in the words of a test file. */
export interface InputAsTest {
  packet: Uint8Array;
  /** A Scapy expression, where it says the very same bytes. */
  packetText: string | undefined;
  context: RunContext;
  setups: MapSetup[];
}

export interface Schemas {
  /** Of the maps by name, as the machine of the search has them. */
  schemas: ReadonlyMap<string, MapSchema>;
  /** What global data holds before a run, by the map's name. */
  initial: (map: string) => Uint8Array;
  /** Of the maps in a map of maps. */
  inner: (map: string) => MapSchema | undefined;
}

export function inputAsTest(input: Input, schemas: Schemas): InputAsTest {
  return {
    packet: input.packet,
    packetText: expressionOf(input.packet),
    context: contextOf(input),
    setups: setupsOf(input, schemas),
  };
}

export function expressionOf(packet: Uint8Array): string | undefined {
  try {
    const text = formatScapy(minimalLayers(exactLayers(packet)));
    return text.length <= maxExpression && equalBytes(parsePacketText(text).bytes, packet) ? text : undefined;
  } catch (error) {
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}

function contextOf({ metadata, ingressIfindex, rxQueueIndex, linearBytes, packet }: Input): RunContext {
  // The kernel looks a queue up at an interface, and so wants to know which.
  const device = ingressIfindex !== defaultIfindex || rxQueueIndex !== 0;
  return {
    ...(device ? { ingressIfindex } : {}),
    ...(rxQueueIndex === 0 ? {} : { rxQueueIndex }),
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(linearBytes === undefined || linearBytes >= packet.length ? {} : { linearBytes }),
  };
}

function setupsOf({ entries }: Input, schemas: Schemas): MapSetup[] {
  const setups = new Map<string, MapSetup>();
  const place = { offset: 0, length: 0, line: 1, column: 1 };
  for (const entry of entries) {
    const schema = schemas.schemas.get(entry.map);
    if (schema === undefined) continue;
    const setup = setups.get(entry.map) ?? { name: entry.map, place, entries: [] };
    setups.set(entry.map, setup);
    setup.entries.push({ key: keyOf(entry.key, schema), value: valueOf(entry, schema, schemas), place });
  }
  return [...setups.values()];
}

/** Bytes that the type does not show (padding, a type that is not known) are written as they are. */
function keyOf(key: Uint8Array, schema: MapSchema): Value {
  if (schema.name.startsWith('.')) return 0;
  const value = decodeValue(schema.key, key);
  return sameWhen(() => mapKey(schema, value), key) ? value : `hex:${toHex(key)}`;
}

function valueOf({ map, value }: Entry, schema: MapSchema, schemas: Schemas): Value {
  switch (value.kind) {
    case 'program':
      return value.program;
    case 'newMap': {
      const inner = schemas.inner(map);
      if (inner === undefined) return [];
      return value.entries.map((entry) => ({ key: keyOf(entry.key, inner), value: bytesOf(entry.value, inner) }));
    }
    case 'bytes': {
      if (!map.startsWith('.')) return bytesOf(value.bytes, schema);
      const now = decodeValue(schema.value, value.bytes);
      const before = decodeValue(schema.value, schemas.initial(map));
      return isRecord(now) && isRecord(before) ? changedFields(now, before) : bytesOf(value.bytes, schema);
    }
  }
}

/** The variables that a test sets; the others keep what the source gives them. */
function changedFields(now: { [field: string]: Value }, before: { [field: string]: Value }): Value {
  return Object.fromEntries(
    Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );
}

function bytesOf(bytes: Uint8Array, schema: MapSchema): Value {
  const value = decodeValue(schema.value, bytes);
  const one = { ...schema, type: schema.type.replace('percpu_', '') };
  return sameWhen(() => encodeEntryValue(one, value), bytes) ? value : `hex:${toHex(bytes)}`;
}

function sameWhen(encode: () => Uint8Array, bytes: Uint8Array): boolean {
  try {
    return equalBytes(encode(), bytes);
  } catch (error) {
    if (error instanceof XdpError) return false;
    throw error;
  }
}
