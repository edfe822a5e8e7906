import { decodeAt, type Memory, viewOf } from '../../../extension/core/maps/decode.ts';
import { encodeAt } from '../../../extension/core/maps/encode.ts';
import { encodePrefix, type PrefixKey } from '../../../extension/core/maps/prefix.ts';
import { parseValueText, type Value } from '../../../extension/core/maps/value.ts';
import { XdpError } from '../../../extension/core/errors.ts';
import type { Leaf } from '../data/leaves.ts';
import type { SetRequest } from '../data/mapEditor.ts';
import type { MapModel } from '../data/mapModel.ts';
import type { Row } from '../data/rowCache.ts';

/** What an input for this field starts with: what writeLeaf takes back. */
export function editableText(leaf: Leaf, memory: Memory, base: number): string {
  const value = decodeAt(leaf.layout, memory, base + leaf.offset, base + leaf.end);
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Puts what was typed into the bytes of a key or value that starts at `base`. Throws `value-invalid`, which says what was expected. */
export function writeLeaf(leaf: Leaf, bytes: Uint8Array, base: number, text: string): void {
  const place = { offset: base + leaf.offset, end: base + leaf.end, path: leaf.path === '' ? 'the value' : leaf.path };
  const target = { bytes, view: viewOf(bytes) };
  encodeAt(leaf.layout, { target, source: undefined, complete: false }, place, valueOf(leaf, text));
}

/**
 * A value with what `write` writes into it, and which of its bits those are: they come out the same whatever was there before. The
 * others stay as they are in the kernel by then, where a program may have counted on meanwhile.
 */
export function typedValue(size: number, write: (bytes: Uint8Array) => void): { value: Uint8Array; mask: Uint8Array } {
  const value = new Uint8Array(size);
  const overOnes = new Uint8Array(size).fill(0xff);
  write(value);
  write(overOnes);
  return { value, mask: value.map((byte, at) => ~(byte ^ (overOnes[at] ?? 0))) };
}

/** One field of a row, of one CPU where each has its own. */
export interface CellPlace {
  model: MapModel;
  row: Row;
  field: Leaf;
  slot: number;
}

/** Sets one field and nothing beside it. Throws as writeLeaf(). */
export function cellRequest({ model, row, field, slot }: CellPlace, text: string): SetRequest {
  const typed = typedValue(model.stride, (bytes) => writeLeaf(field, bytes, slot * model.slot, text));
  const cpu = model.perCpu ? model.schema.possibleCpus[slot] : undefined;
  return { key: keyOf(model, row), ...typed, ...(cpu === undefined ? {} : { cpus: [cpu] }), ...expectedOf(model) };
}

export function keyOf({ schema }: MapModel, { key }: Row): Uint8Array {
  return key.bytes.slice(key.base, key.base + schema.keySize);
}

/** An edit of a row is for the entry that is there: one that was deleted meanwhile does not come back with zeros in its other fields. */
export function expectedOf({ schema }: MapModel): Pick<SetRequest, 'expect'> {
  return /hash$|^lpm_trie$/.test(schema.type) ? { expect: 'existing' } : {};
}

function valueOf({ layout }: Leaf, text: string): Value {
  const trimmed = text.trim();
  switch (layout.kind) {
    case 'text':
      return text;
    case 'bool':
      return trimmed === 'true' ? true : trimmed === 'false' ? false : trimmed;
    case 'bits':
      if (layout.base === 'bool') return trimmed === 'true' ? true : trimmed === 'false' ? false : trimmed;
      return trimmed;
    case 'float':
      return trimmed === '' || Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
    case 'array':
    case 'struct':
    case 'union': {
      const value = parseValueText(trimmed);
      // Raw bytes of something larger: its own form is what is asked for here.
      return value instanceof Uint8Array ? trimmed : value;
    }
    case 'int':
    case 'enum':
    case 'pointer':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return trimmed;
  }
}

/** A key as its fields were typed, in the order of the model's key fields. */
export function keyFrom(model: MapModel, texts: readonly string[], prefix: PrefixKey | undefined): Uint8Array {
  const { keySize } = model.schema;
  if (prefix !== undefined) {
    const key = encodePrefix(prefix, keySize, texts[0]?.trim() ?? '');
    if (key !== undefined) return key;
    const example = prefix.family === 'ipv4' ? '10.0.0.0/8' : '2001:db8::/32';
    throw new XdpError('value-invalid', `"${texts[0] ?? ''}" is no prefix: expected one like ${example}.`);
  }
  const key = new Uint8Array(keySize);
  model.keyFields.forEach((field, at) => writeLeaf(field, key, 0, texts[at] ?? ''));
  return key;
}

/** How the type wants to be written, for an empty input. */
export function placeholderOf({ layout }: Leaf): string {
  switch (layout.kind) {
    case 'int':
    case 'bits':
    case 'enum':
      return '0';
    case 'bool':
      return 'false';
    case 'float':
      return '0.0';
    case 'pointer':
      return '0x0';
    case 'text':
      return '';
    case 'bytes':
      return `${'00'.repeat(Math.min(4, layout.size))}${layout.size > 4 ? '…' : ''} (hex)`;
    case 'ipv4':
      return '10.0.0.1';
    case 'ipv6':
      return '2001:db8::1';
    case 'mac':
      return '02:00:00:00:00:01';
    case 'array':
      return '[…]';
    case 'struct':
    case 'union':
      return '{…}';
  }
}

/** What to choose from, where the type has few values. */
export function choicesOf({ layout }: Leaf): string[] {
  if (layout.kind === 'bool' || (layout.kind === 'bits' && layout.base === 'bool')) return ['false', 'true'];
  const values = layout.kind === 'enum' || (layout.kind === 'bits' && layout.base === 'enum') ? layout.values : [];
  return values.length > 64 ? [] : values.map(({ name }) => name);
}
