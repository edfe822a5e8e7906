/** Packets as JSON: what `xdp packet P --json` prints, and the form of layers in test files. */
import { toHex } from './hex.ts';
import { compiledHeaders } from './compile.ts';
import { dissect } from './dissect.ts';
import { packetInvalid, suggest } from './fail.ts';
import type { BuiltLayer, FieldValue, Layer, NamedOption, OptionValue } from './model.ts';
import { isLayer, isNamedOption } from './value.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

export interface PacketJson {
  /** Lower-case hexadecimal. */
  bytes: string;
  layers: { name: string; offset: number; fields: Record<string, JsonValue> }[];
  warnings: string[];
}

export function packetJson(bytes: Uint8Array): PacketJson {
  const { layers, warnings } = dissect(bytes);
  return builtPacketJson({ bytes, layers, warnings });
}

/** The same for a packet that was built: its layers are those it was built from. */
export function builtPacketJson(packet: {
  bytes: Uint8Array;
  layers: readonly BuiltLayer[];
  warnings: readonly string[];
}): PacketJson {
  return {
    bytes: toHex(packet.bytes),
    layers: packet.layers.map(({ name, offset, fields }) => ({
      name,
      offset,
      fields: Object.fromEntries(
        fields
          .filter((field) => field.bitLength > 0 || field.value instanceof Uint8Array || Array.isArray(field.value))
          .map((field) => [field.name, fieldJson(field.value)]),
      ),
    })),
    warnings: [...packet.warnings],
  };
}

/** Numbers as numbers, 64-bit ones as decimal strings, addresses as text, bytes as hexadecimal. */
export function fieldJson(value: FieldValue | OptionValue): JsonValue {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return toHex(value);
  return value.map((item): JsonValue => {
    if (isLayer(item)) {
      const fields = Object.entries(item.fields).flatMap(([name, field]) =>
        field === undefined ? [] : [[name, fieldJson(field)] as const],
      );
      return { name: item.name, fields: Object.fromEntries(fields) };
    }
    if (isNamedOption(item)) return [item[0], fieldJson(item[1])];
    return item;
  });
}

/**
 * Layers as test files hold them: `[{"Ether": {}}, {"IP": {"src": "10.0.0.1"}}, {"Raw": {"load": {"hex": "6869"}}}]`.
 * Text in a bytes field is UTF-8; other bytes are `{"hex": "…"}`.
 */
export function layersFromJson(value: unknown): Layer[] {
  if (!Array.isArray(value)) throw packetInvalid('The packet is not a list of layers.', {}, jsonHint);
  return value.map((item: unknown, index) => layerFromJson(item, index));
}

const jsonHint = 'A layer is an object with one key: {"IP": {"src": "10.0.0.1"}}';

function layerFromJson(item: unknown, index: number): Layer {
  const entries = isRecord(item) ? Object.entries(item) : [];
  const [name, fields] = entries[0] ?? [];
  if (entries.length !== 1 || name === undefined || !isRecord(fields)) {
    throw packetInvalid(`Element ${index} is not a layer.`, { layerIndex: index }, jsonHint);
  }
  const header = compiledHeaders().get(name);
  if (header === undefined) {
    throw packetInvalid(
      `There is no layer "${name}".`,
      { layer: name, layerIndex: index },
      suggest(name, [...compiledHeaders().keys()]),
    );
  }
  const given: Layer['fields'] = {};
  for (const [field, value] of Object.entries(fields)) {
    if (!header.positions.has(field)) {
      throw packetInvalid(
        `${name} has no field "${field}".`,
        { layer: name, layerIndex: index, field },
        suggest(field, [...header.positions.keys()]),
      );
    }
    given[field] = valueFromJson(value, () =>
      packetInvalid(`${name}.${field}: this is not a value of a field.`, { layer: name, layerIndex: index, field }),
    );
  }
  return { name, fields: given };
}

function valueFromJson(value: unknown, error: () => Error): FieldValue | undefined {
  if (value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (isRecord(value) && typeof value['hex'] === 'string') return bytesFromHex(value['hex'], error);
  if (!Array.isArray(value)) throw error();
  if (value.every((item): item is string => typeof item === 'string')) return value;
  if (value.every(Array.isArray)) return value.map((item): NamedOption => tcpOptionFromJson(item, error));
  return layersFromJson(value);
}

function tcpOptionFromJson(item: readonly unknown[], error: () => Error): NamedOption {
  const [name, value] = item;
  if (typeof name !== 'string' && typeof name !== 'number') throw error();
  if (value === undefined || value === null || typeof value === 'number' || typeof value === 'string')
    return [name, value ?? null];
  if (isRecord(value) && typeof value['hex'] === 'string') return [name, bytesFromHex(value['hex'], error)];
  if (Array.isArray(value) && value.every((part): part is number => typeof part === 'number')) return [name, value];
  if (Array.isArray(value) && value.every((part): part is string => typeof part === 'string')) return [name, value];
  throw error();
}

function bytesFromHex(text: string, error: () => Error): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) throw error();
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

/** The inverse of layersFromJson. */
export function layersToJson(layers: readonly Layer[]): JsonValue[] {
  return layers.map(({ name, fields }) => ({
    [name]: Object.fromEntries(
      Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [[field, valueToJson(value)]])),
    ),
  }));
}

function valueToJson(value: FieldValue | OptionValue): JsonValue {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) {
    const printable = value.length > 0 && value.every((byte) => byte >= 32 && byte < 127);
    return printable ? Array.from(value, (byte) => String.fromCharCode(byte)).join('') : { hex: toHex(value) };
  }
  if (value.length > 0 && value.every(isLayer)) return layersToJson(value);
  return value.map((item): JsonValue => {
    if (isNamedOption(item))
      return [item[0], item[1] instanceof Uint8Array ? { hex: toHex(item[1]) } : valueToJson(item[1])];
    return isLayer(item) ? null : item;
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
