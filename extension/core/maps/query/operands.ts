import { decodeAt, type Memory } from '../decode.ts';
import { readBits, readInt } from '../integers.ts';
import type { Layout } from '../layout.ts';
import type { PrefixKey } from '../prefix.ts';
import type { MapSchema } from '../schema.ts';
import { isPerCpu, roundUp8 } from '../types.ts';
import type { Field } from './fields.ts';

/** The entry that is looked at: one object, moved from entry to entry. */
export interface Row {
  key: Memory;
  keyAt: number;
  value: Memory;
  valueAt: number;
  /** By the number of the rate operand, NaN where it is not known. */
  rates: ArrayLike<number>;
}

/** Where a field stands: one place, or one for each CPU. */
export interface Places {
  in: 'key' | 'value';
  offsets: readonly number[];
}

export type Operand = NumberOperand | BytesOperand | TextOperand;

export interface NumberOperand {
  kind: 'number';
  /** undefined: not known. Exact: a bigint where a number would not be. */
  readonly read: (row: Row) => number | bigint | undefined;
  /** Of what has names on several CPUs: the value of each, of which any may fit. */
  readonly each: ((row: Row) => (number | bigint)[]) | undefined;
  /** Whole numbers, with that sign; `float` for what is measured or divided. */
  domain: 'unsigned' | 'signed' | 'float';
  names: readonly { name: string; value: bigint }[];
  /** Where the bytes stand, when the number is read as it is: they may be meant as an address. */
  address: BytesOperand | undefined;
}

export interface BytesOperand {
  kind: 'bytes';
  form: 'ipv4' | 'ipv6' | 'mac' | 'hex';
  size: number;
  places: Places;
  prefix: PrefixKey | undefined;
}

export interface TextOperand {
  kind: 'text';
  /** One for each place. */
  readonly read: (row: Row) => string[];
}

export function placesOf(schema: MapSchema, field: Field): Places {
  if (field.in === 'key' || !isPerCpu(schema.type)) return { in: field.in, offsets: [field.offset] };
  const slotBytes = roundUp8(schema.valueSize);
  const slots = field.slot === undefined ? schema.possibleCpus.map((_, index) => index) : [field.slot];
  return { in: 'value', offsets: slots.map((slot) => slot * slotBytes + field.offset) };
}

/** undefined for what cannot be compared as a whole: structs, arrays. */
export function operandOf(schema: MapSchema, field: Field): Operand | undefined {
  const { layout, prefix } = field;
  const places = placesOf(schema, field);
  if (prefix !== undefined) {
    const at: Places = { in: 'key', offsets: [prefix.offset] };
    return { kind: 'bytes', form: prefix.family, size: prefix.addressBytes, places: at, prefix };
  }
  switch (layout.kind) {
    case 'int':
    case 'bool':
    case 'enum':
    case 'bits':
    case 'float':
    case 'pointer':
      return numberOperand(field, layout, places);
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return { kind: 'bytes', form: layout.kind, size: layout.size, places, prefix: undefined };
    case 'text':
      return {
        kind: 'text',
        read: (row) => {
          const memory = memoryOf(row, places);
          return places.offsets.map((offset) => {
            const at = baseOf(row, places) + offset;
            const value = decodeAt(layout, memory, at, at + layout.size);
            return typeof value === 'string' ? value : '';
          });
        },
      };
    case 'bytes':
    case 'struct':
    case 'union':
    case 'array':
      return layout.kind === 'bytes' || field.in === 'key'
        ? { kind: 'bytes', form: 'hex', size: layout.size, places, prefix: undefined }
        : undefined;
  }
}

type NumberLayout = Extract<Layout, { kind: 'int' | 'bool' | 'enum' | 'bits' | 'float' | 'pointer' }>;

function numberOperand(field: Field, layout: NumberLayout, places: Places): NumberOperand {
  const readAt = readerOf(layout);
  const { offsets } = places;
  const [first = 0] = offsets;
  const names = namesOf(field, layout);
  if (offsets.length > 1 && names.length > 0) return namedOperand(layout, places, names);
  const read =
    offsets.length === 1
      ? (row: Row) => readAt(memoryOf(row, places).view, baseOf(row, places) + first)
      : (row: Row) => sumAt(readAt, memoryOf(row, places).view, baseOf(row, places), offsets);
  const address: BytesOperand | undefined =
    layout.kind === 'int' && layout.size === 4 && !layout.signed
      ? { kind: 'bytes', form: 'ipv4', size: 4, places, prefix: undefined }
      : undefined;
  return { kind: 'number', read, each: undefined, domain: domainOf(layout), names, address };
}

/** Enumerators and truths of several CPUs have no sum: each is looked at, and the largest stands for all. */
function namedOperand(layout: NumberLayout, places: Places, names: NumberOperand['names']): NumberOperand {
  const readAt = readerOf(layout);
  const each = (row: Row): (number | bigint)[] => {
    const { view } = memoryOf(row, places);
    const base = baseOf(row, places);
    return places.offsets.map((offset) => readAt(view, base + offset));
  };
  const read = (row: Row): number | bigint => each(row).reduce((most, value) => (value > most ? value : most));
  return { kind: 'number', read, each, domain: domainOf(layout), names, address: undefined };
}

function namesOf({ names }: Field, layout: NumberLayout): NumberOperand['names'] {
  if (names !== undefined) return names.map((name, index) => ({ name, value: BigInt(index) }));
  if (layout.kind === 'enum' || (layout.kind === 'bits' && layout.base === 'enum')) return layout.values;
  if (layout.kind === 'bool' || (layout.kind === 'bits' && layout.base === 'bool')) return truths;
  return [];
}

const truths = [
  { name: 'false', value: 0n },
  { name: 'true', value: 1n },
] as const;

export type NumberReader = (view: DataView, at: number) => number | bigint;

/** The numbers of a field on every CPU, for the functions that look at each. */
export function readersOf(schema: MapSchema, field: Field): { places: Places; readAt: NumberReader } | undefined {
  const { layout } = field;
  switch (layout.kind) {
    case 'int':
    case 'bool':
    case 'enum':
    case 'bits':
    case 'float':
    case 'pointer':
      return { places: placesOf(schema, field), readAt: readerOf(layout) };
    default:
      return undefined;
  }
}

export function memoryOf(row: Row, places: Places): Memory {
  return places.in === 'key' ? row.key : row.value;
}

export function baseOf(row: Row, places: Places): number {
  return places.in === 'key' ? row.keyAt : row.valueAt;
}

function domainOf(layout: NumberLayout): NumberOperand['domain'] {
  if (layout.kind === 'float') return 'float';
  return (layout.kind === 'int' || layout.kind === 'enum' || layout.kind === 'bits') && layout.signed
    ? 'signed'
    : 'unsigned';
}

function readerOf(layout: NumberLayout): NumberReader {
  switch (layout.kind) {
    case 'float':
      return layout.size === 4
        ? (view, at) => view.getFloat32(at, !layout.bigEndian)
        : (view, at) => view.getFloat64(at, !layout.bigEndian);
    case 'bits':
      return (view, at) => plain(readBits(view, at, layout));
    case 'int':
    case 'enum':
    case 'bool':
    case 'pointer': {
      const signed = (layout.kind === 'int' || layout.kind === 'enum') && layout.signed;
      const place = { size: layout.size, signed, bigEndian: layout.bigEndian };
      return layout.size === 8 ? wideReader(place) : (view, at) => plain(readInt(view, at, place));
    }
  }
}

/** 64 bits as two halves: a bigint for every counter of a million entries would cost more than all the rest. */
function wideReader(place: { signed: boolean; bigEndian: boolean; size: number }): NumberReader {
  const little = !place.bigEndian;
  const [low, high] = place.bigEndian ? [4, 0] : [0, 4];
  return (view, at) => {
    const upper = place.signed ? view.getInt32(at + high, little) : view.getUint32(at + high, little);
    if (upper >= -0x200000 && upper < 0x200000) return upper * 0x1_0000_0000 + view.getUint32(at + low, little);
    return readInt(view, at, place);
  };
}

function plain(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function sumAt(readAt: NumberReader, view: DataView, base: number, offsets: readonly number[]): number | bigint {
  let sum = 0;
  for (const offset of offsets) {
    const value = readAt(view, base + offset);
    if (typeof value === 'bigint') return exactSum(readAt, view, base, offsets);
    sum += value;
  }
  return Number.isSafeInteger(sum) || !Number.isInteger(sum) ? sum : exactSum(readAt, view, base, offsets);
}

function exactSum(readAt: NumberReader, view: DataView, base: number, offsets: readonly number[]): number | bigint {
  let sum = 0n;
  for (const offset of offsets) {
    const value = readAt(view, base + offset);
    if (typeof value === 'number' && !Number.isInteger(value)) return Number.NaN;
    sum += BigInt(value);
  }
  return plain(sum);
}
