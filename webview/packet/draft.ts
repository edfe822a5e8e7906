import { toErrorData } from '../../extension/core/errors.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { exactLayers } from '../../extension/core/packet/exact.ts';
import type { FieldSpec, HeaderSpec } from '../../extension/core/packet/headers/spec.ts';
import type { BuiltField, BuiltPacket, FieldValue, Layer } from '../../extension/core/packet/model.ts';
import { headers } from './headers.ts';

/** The packet of the form. Only what was set by hand is kept; everything shown follows from building it. */
export interface Draft {
  layers: readonly Layer[];
  built: BuiltPacket;
}

/** Why an edit was not taken; where it belongs to one field, which. */
export interface DraftProblem {
  message: string;
  fix: string | undefined;
  layer: number | undefined;
  field: string | undefined;
}

export type DraftResult = { ok: true; draft: Draft } | { ok: false; problem: DraftProblem };

export function draftOf(layers: readonly Layer[]): DraftResult {
  try {
    return { ok: true, draft: { layers, built: buildPacket(layers) } };
  } catch (error) {
    const { message, fix, details } = toErrorData(error);
    const layer = details?.['layerIndex'];
    const field = details?.['field'];
    return {
      ok: false,
      problem: {
        message,
        fix,
        layer: typeof layer === 'number' ? layer : undefined,
        field: typeof field === 'string' ? field : undefined,
      },
    };
  }
}

/** The layers that these bytes are; what cannot be built back to the very same bytes stays one payload. */
export function draftOfBytes(bytes: Uint8Array): Draft {
  const layers = exactLayers(bytes);
  return { layers, built: buildPacket(layers) };
}

/** `undefined` makes the field automatic again. */
export function withField(layers: readonly Layer[], at: number, field: string, value: FieldValue | undefined): Layer[] {
  return layers.map((layer, index) => {
    if (index !== at) return layer;
    const fields = { ...layer.fields };
    if (value === undefined) delete fields[field];
    else fields[field] = value;
    return { ...layer, fields };
  });
}

export function withoutLayer(layers: readonly Layer[], at: number): Layer[] {
  return layers.filter((_, index) => index !== at);
}

export function withLayerMoved(layers: readonly Layer[], from: number, to: number): Layer[] {
  const moved = [...layers];
  const [layer] = moved.splice(from, 1);
  if (layer !== undefined) moved.splice(to, 0, layer);
  return moved;
}

/** Outside to inside; a new layer goes behind the last one of its own or a lower place. */
const places: Readonly<Record<HeaderSpec['role'], number>> = {
  link: 0,
  network: 1,
  extension: 2,
  transport: 3,
  control: 3,
  tunnel: 4,
  application: 5,
  payload: 6,
  option: 6,
};

/** Where a new layer belongs by its kind: a VLAN tag behind Ethernet, TCP behind IP, before the payload. */
export function placeFor(layers: readonly Layer[], name: string): number {
  const wanted = places[headers.get(name)?.role ?? 'payload'];
  const last = layers.findLastIndex((layer) => places[headers.get(layer.name)?.role ?? 'payload'] <= wanted);
  return last + 1;
}

export function withLayerAdded(layers: readonly Layer[], name: string): Layer[] {
  const at = placeFor(layers, name);
  return [...layers.slice(0, at), { name, fields: {} }, ...layers.slice(at)];
}

/** Two fields of a header may share a name; their lengths differ then. */
export function specOf(layer: string, field: BuiltField): FieldSpec | undefined {
  const named = headers.get(layer)?.fields.filter(({ name }) => name === field.name) ?? [];
  return named.find(({ bits }) => bits === field.bitLength) ?? named[0];
}

/** Bytes that a field touches. */
export function bytesOf(field: BuiltField): { start: number; end: number } {
  return { start: field.bitOffset >> 3, end: (field.bitOffset + field.bitLength + 7) >> 3 };
}

/** The field that a byte belongs to; of several (bit-fields) the first. */
export function fieldAt(packet: BuiltPacket, byte: number): { layer: number; field: number } | undefined {
  const layer = packet.layers.findLastIndex(({ offset, length }) => byte >= offset && byte < offset + length);
  const field = packet.layers[layer]?.fields.findIndex((candidate) => {
    const { start, end } = bytesOf(candidate);
    return candidate.bitLength > 0 && byte >= start && byte < end;
  });
  return field === undefined ? undefined : { layer, field };
}
