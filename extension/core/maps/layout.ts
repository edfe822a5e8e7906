import { maxTypeDepth, typeAt } from '../btf/resolve.ts';
import type { Btf, BtfMember, BtfType } from '../btf/types.ts';
import { isAddressListName, isAddressName, isMacName } from './fieldNames.ts';

/**
 * How the bytes of a key or value are read: a self-contained tree without type ids, so that it crosses process boundaries
 * alone. Sizes and offsets in bytes.
 */
export type Layout =
  | { kind: 'int'; size: number; signed: boolean; bigEndian: boolean }
  | { kind: 'bool'; size: number; bigEndian: boolean }
  | {
      kind: 'enum';
      size: number;
      signed: boolean;
      bigEndian: boolean;
      values: readonly { name: string; value: bigint }[];
    }
  | BitsLayout
  | { kind: 'float'; size: 4 | 8; bigEndian: boolean }
  | { kind: 'pointer'; size: 8; bigEndian: boolean }
  /** `char[size]`; with `flexible` it reaches to the end of the value. */
  | { kind: 'text'; size: number; flexible: boolean }
  /** Shown as hex: what has a size and no better form. */
  | { kind: 'bytes'; size: number }
  /** Memory order is network order; `bigEndian` says how a plain number for it is meant (`__be32` or `__u32`). */
  | { kind: 'ipv4'; size: 4; bigEndian: boolean }
  | { kind: 'ipv6'; size: 16 }
  | { kind: 'mac'; size: 6 }
  /** With `flexible` it reaches to the end of the value and `count` is 0. */
  | { kind: 'array'; size: number; count: number; flexible: boolean; element: Layout }
  | { kind: 'struct' | 'union'; name: string; size: number; fields: readonly LayoutField[] };

/** A bit-field: the bytes that it touches, and where it stands in them (from the least significant bit, or the most for big-endian). */
export interface BitsLayout {
  kind: 'bits';
  size: number;
  bitOffset: number;
  bitSize: number;
  bigEndian: boolean;
  base: 'int' | 'bool' | 'enum';
  signed: boolean;
  /** Of an enum; else empty. */
  values: readonly { name: string; value: bigint }[];
}

export interface LayoutField {
  name: string;
  /** From the start of the struct; members of anonymous structs and unions stand in the outer one, as in C. */
  offset: number;
  layout: Layout;
  /** Shares its bytes with other fields. */
  overlaps: boolean;
}

/** Nodes of one layout. The largest structs of the kernel stay below 10,000. */
const maxNodes = 50_000;

/**
 * Layout of a BTF type; undefined when it has none: void, functions, forward declarations, and types that are too deep, too
 * large or contain themselves. Never throws and never takes long, whatever the BTF says.
 */
export function layoutOf(btf: Btf, typeId: number): Layout | undefined {
  const layout = build({ btf, nodes: maxNodes }, typeId, { names: [], depth: 0 });
  // A tiny value must not decode into very many leaves (nested unions), nor one of 2^32 elements.
  return layout !== undefined && layout.size <= 0xffffffff && leavesOf(layout) <= 16 * layout.size + 4096
    ? layout
    : undefined;
}

interface Builder {
  btf: Btf;
  /** How many nodes may still be made. */
  nodes: number;
}

interface Context {
  /** The field's name and the typedefs on the way to this type: what says address. */
  names: readonly string[];
  depth: number;
  /** `__be…` or `__le…` was met. */
  order?: 'big' | 'little';
}

function build(builder: Builder, id: number, context: Context): Layout | undefined {
  if (context.depth > maxTypeDepth * 2 || builder.nodes-- <= 0) return undefined;
  const type = typeAt(builder.btf, id);
  const deeper = { ...context, depth: context.depth + 1 };
  const bigEndian = context.order === undefined ? builder.btf.bigEndian === true : context.order === 'big';
  switch (type.kind) {
    case 'typedef':
      return build(builder, type.type, { ...deeper, ...orderOf(type.name), names: [...context.names, type.name] });
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
    case 'var':
      return build(builder, type.type, deeper);
    case 'int':
      return intLayout(type, context, bigEndian);
    case 'enum':
      return { kind: 'enum', size: type.size, signed: type.signed, bigEndian, values: type.values };
    case 'float':
      if (type.size !== 4 && type.size !== 8) return { kind: 'bytes', size: type.size };
      return { kind: 'float', size: type.size, bigEndian };
    case 'ptr':
      return { kind: 'pointer', size: 8, bigEndian };
    case 'array':
      return arrayLayout(builder, type, deeper);
    case 'struct':
    case 'union':
      // struct in6_addr is a union of arrays; everybody knows it as text.
      if (type.name === 'in6_addr' && type.size === 16) return { kind: 'ipv6', size: 16 };
      return recordLayout(builder, type, deeper.depth);
    case 'datasec':
      return datasecLayout(builder, type, deeper.depth);
    case 'void':
    case 'fwd':
    case 'func':
    case 'func_proto':
    case 'decl_tag':
      return undefined;
  }
}

function orderOf(typedefName: string): { order?: 'big' | 'little' } {
  if (/^(__)?be(16|32|64)$/.test(typedefName)) return { order: 'big' };
  return /^(__)?le(16|32|64)$/.test(typedefName) ? { order: 'little' } : {};
}

function intLayout(type: Extract<BtfType, { kind: 'int' }>, context: Context, bigEndian: boolean): Layout {
  if (type.bool) return { kind: 'bool', size: type.size, bigEndian };
  const isAddress = context.names.some(isAddressName);
  // A signed integer is a number whatever its name is: addresses are unsigned in every header.
  if (isAddress && type.size === 4 && !type.signed && context.order !== 'little') {
    return { kind: 'ipv4', size: 4, bigEndian };
  }
  if (isAddress && type.size === 16) return { kind: 'ipv6', size: 16 };
  if (![1, 2, 4, 8, 16].includes(type.size)) return { kind: 'bytes', size: type.size };
  return { kind: 'int', size: type.size, signed: type.signed, bigEndian };
}

function arrayLayout(
  builder: Builder,
  type: Extract<BtfType, { kind: 'array' }>,
  context: Context,
): Layout | undefined {
  const { bare, names } = elementType(builder.btf, type.type);
  const allNames = [...context.names, ...names];
  const flexible = type.nelems === 0;
  if (bare.kind === 'int' && !bare.bool && !flexible) {
    const bytes = bare.size * type.nelems;
    const isAddress = allNames.some(isAddressName) && !allNames.some(isAddressListName);
    if (bytes === 6 && bare.size === 1 && allNames.some(isMacName)) return { kind: 'mac', size: 6 };
    if (bytes === 4 && bare.size === 1 && isAddress) return { kind: 'ipv4', size: 4, bigEndian: true };
    if (bytes === 16 && isAddress) return { kind: 'ipv6', size: 16 };
  }
  // Compilers mark `char` by its name only; `unsigned char`, `__u8` and `signed char` are numbers.
  if (bare.kind === 'int' && bare.size === 1 && (bare.char || bare.name === 'char')) {
    return { kind: 'text', size: type.nelems, flexible };
  }
  const element = build(builder, type.type, context);
  if (element === undefined || element.size === 0)
    return element === undefined ? undefined : { kind: 'bytes', size: 0 };
  return { kind: 'array', size: element.size * type.nelems, count: type.nelems, flexible, element };
}

/** The element under its typedefs, with their names. */
function elementType(btf: Btf, id: number): { bare: BtfType; names: string[] } {
  const names: string[] = [];
  let type = typeAt(btf, id);
  for (let depth = 0; depth < maxTypeDepth; depth++) {
    if (type.kind === 'typedef') names.push(type.name);
    else if (type.kind !== 'const' && type.kind !== 'volatile' && type.kind !== 'type_tag') break;
    type = typeAt(btf, type.type);
  }
  return { bare: type, names };
}

function recordLayout(
  builder: Builder,
  type: Extract<BtfType, { kind: 'struct' | 'union' }>,
  depth: number,
): Layout | undefined {
  const fields: LayoutField[] = [];
  for (const member of type.members) {
    const place = memberLayout(builder, member, depth);
    if (place === undefined || place.offset + place.layout.size > type.size) return undefined;
    const overlaps = type.kind === 'union';
    const { layout } = place;
    if (member.name === '' && (layout.kind === 'struct' || layout.kind === 'union')) {
      for (const inner of layout.fields) {
        fields.push({ ...inner, offset: inner.offset + place.offset, overlaps: overlaps || inner.overlaps });
      }
    } else if (member.name !== '') {
      fields.push({ name: member.name, offset: place.offset, layout, overlaps });
    }
  }
  return { kind: type.kind, name: type.name, size: type.size, fields };
}

function memberLayout(
  builder: Builder,
  member: BtfMember,
  depth: number,
): { offset: number; layout: Layout } | undefined {
  const layout = build(builder, member.type, { names: [member.name], depth });
  if (layout === undefined) return undefined;
  if (member.bitSize === 0) return member.bitOffset % 8 === 0 ? { offset: member.bitOffset / 8, layout } : undefined;
  // The bytes that hold the bit-field, and where it starts in them. Big-endian BTF counts from the most significant bit.
  const offset = member.bitOffset >> 3;
  const bitOffset = member.bitOffset & 7;
  const size = (bitOffset + member.bitSize + 7) >> 3;
  const base = layout.kind === 'enum' || layout.kind === 'bool' ? layout.kind : 'int';
  const signed = (layout.kind === 'int' || layout.kind === 'enum') && layout.signed;
  const values = layout.kind === 'enum' ? layout.values : [];
  const bigEndian = builder.btf.bigEndian === true;
  return {
    offset,
    layout: { kind: 'bits', size, bitOffset, bitSize: member.bitSize, bigEndian, base, signed, values },
  };
}

/** A data section as a struct of its variables; `static` ones of functions keep the names that the compiler gave. */
function datasecLayout(
  builder: Builder,
  type: Extract<BtfType, { kind: 'datasec' }>,
  depth: number,
): Layout | undefined {
  const fields: LayoutField[] = [];
  for (const { type: id, offset, size } of type.vars) {
    const variable = typeAt(builder.btf, id);
    if (variable.kind !== 'var') continue;
    const known = build(builder, variable.type, { names: [variable.name], depth });
    const layout: Layout = known !== undefined && known.size === size ? known : { kind: 'bytes', size };
    if (offset + size > type.size) return undefined;
    fields.push({ name: variable.name, offset, layout, overlaps: false });
  }
  return { kind: 'struct', name: type.name, size: type.size, fields };
}

function leavesOf(layout: Layout): number {
  switch (layout.kind) {
    case 'array':
      return 1 + layout.count * leavesOf(layout.element);
    case 'struct':
    case 'union':
      return layout.fields.reduce((sum, field) => sum + leavesOf(field.layout), 1);
    case 'int':
    case 'bool':
    case 'enum':
    case 'bits':
    case 'float':
    case 'pointer':
    case 'text':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return 1;
  }
}

/** The last field when it is an array without length, as in `struct { …; char text[]; }`. */
export function hasFlexibleEnd(layout: Layout): boolean {
  if (layout.kind === 'text' || layout.kind === 'array') return layout.flexible;
  if (layout.kind !== 'struct') return false;
  const last = layout.fields.at(-1);
  return last !== undefined && hasFlexibleEnd(last.layout);
}
