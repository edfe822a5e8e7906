import { damaged } from '../elf/byteReader.ts';
import { openBtf, type RawBtf } from './rawBtf.ts';
import type { Btf, BtfEnumerator, BtfMember, BtfType } from './types.ts';

/** Kind numbers of include/uapi/linux/btf.h. */
export const btfKind = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/**
 * Reads a `.BTF` section of an object, or the kernel's /sys/kernel/btf/vmlinux. Checks that every type id points to a type
 * and that nothing reaches beyond the section; cycles through typedefs and members stay possible, so whoever walks types
 * must bound the depth.
 */
export function readBtf(bytes: Uint8Array): Btf {
  const raw = openBtf(bytes);
  const types: BtfType[] = [{ kind: 'void', name: '' }];
  const cursor: Cursor = { at: raw.typesStart, highestId: 0 };
  while (cursor.at < raw.typesEnd) types.push(readType(raw, cursor));
  if (cursor.highestId >= types.length) {
    throw damaged(`BTF refers to type ${cursor.highestId} and has only ${types.length - 1}`, raw.typesStart);
  }
  return raw.littleEndian ? { types } : { types, bigEndian: true };
}

/** Where the data sections stand in the bytes of a `.BTF` section, for whoever completes them. */
export function* datasecPlaces(bytes: Uint8Array): Generator<{ name: string; at: number; count: number }> {
  const raw = openBtf(bytes);
  for (let at = raw.typesStart; at + 12 <= raw.typesEnd; ) {
    const info = raw.view.getUint32(at + 4, raw.littleEndian);
    const kind = (info >>> 24) & 31;
    const count = info & 0xffff;
    if (kind === btfKind.datasec) yield { name: raw.text(raw.view.getUint32(at, raw.littleEndian)), at, count };
    at += 12 + trailingBytes(kind, count);
  }
}

interface Cursor {
  at: number;
  /** Largest type id that was referred to. */
  highestId: number;
}

const linkages = ['static', 'global', 'extern'] as const;

/** Bytes after the common 12, per kind: fixed part and part per `vlen`. */
function trailingBytes(kind: number, vlen: number): number {
  switch (kind) {
    case btfKind.int:
    case btfKind.var:
    case btfKind.declTag:
      return 4;
    case btfKind.array:
      return 12;
    case btfKind.struct:
    case btfKind.union:
    case btfKind.datasec:
    case btfKind.enum64:
      return 12 * vlen;
    case btfKind.enum:
    case btfKind.funcProto:
      return 8 * vlen;
    default:
      return 0;
  }
}

function readType(raw: RawBtf, cursor: Cursor): BtfType {
  const { view, littleEndian } = raw;
  const at = cursor.at;
  if (at + 12 > raw.typesEnd) throw damaged('the BTF types end inside a type', at);
  const info = view.getUint32(at + 4, littleEndian);
  const kind = (info >>> 24) & 31;
  const vlen = info & 0xffff;
  const flag = info >>> 31 === 1;
  const body = at + 12;
  const end = body + trailingBytes(kind, vlen);
  if (end > raw.typesEnd) throw damaged('the BTF types end inside a type', at);
  cursor.at = end;
  const name = raw.text(view.getUint32(at, littleEndian));
  const sizeOrType = view.getUint32(at + 8, littleEndian);
  const u32 = (offset: number): number => view.getUint32(offset, littleEndian);
  const ref = (id: number): number => {
    if (id > cursor.highestId) cursor.highestId = id;
    return id;
  };
  switch (kind) {
    case btfKind.int: {
      const encoding = u32(body);
      const traits = encoding >>> 24;
      return {
        kind: 'int',
        name,
        size: sizeOrType,
        bits: encoding & 0xff,
        bitOffset: (encoding >>> 16) & 0xff,
        signed: (traits & 1) !== 0,
        char: (traits & 2) !== 0,
        bool: (traits & 4) !== 0,
      };
    }
    case btfKind.ptr:
      return { kind: 'ptr', name: '', type: ref(sizeOrType) };
    case btfKind.array:
      return { kind: 'array', name: '', type: ref(u32(body)), indexType: ref(u32(body + 4)), nelems: u32(body + 8) };
    case btfKind.struct:
    case btfKind.union: {
      const members = readMembers(raw, body, vlen, flag, ref);
      return { kind: kind === btfKind.struct ? 'struct' : 'union', name, size: sizeOrType, members };
    }
    case btfKind.enum:
    case btfKind.enum64: {
      const values = kind === btfKind.enum ? readEnum32(raw, body, vlen, flag) : readEnum64(raw, body, vlen, flag);
      return { kind: 'enum', name, size: sizeOrType, signed: flag, values };
    }
    case btfKind.fwd:
      return { kind: 'fwd', name, union: flag };
    case btfKind.typedef:
      return { kind: 'typedef', name, type: ref(sizeOrType) };
    case btfKind.volatile:
      return { kind: 'volatile', name: '', type: ref(sizeOrType) };
    case btfKind.const:
      return { kind: 'const', name: '', type: ref(sizeOrType) };
    case btfKind.restrict:
      return { kind: 'restrict', name: '', type: ref(sizeOrType) };
    case btfKind.func:
      return { kind: 'func', name, type: ref(sizeOrType), linkage: linkages[vlen] ?? 'static' };
    case btfKind.funcProto: {
      const params: { name: string; type: number }[] = [];
      for (let i = 0; i < vlen; i++)
        params.push({ name: raw.text(u32(body + 8 * i)), type: ref(u32(body + 8 * i + 4)) });
      return { kind: 'func_proto', name: '', returnType: ref(sizeOrType), params };
    }
    case btfKind.var:
      return { kind: 'var', name, type: ref(sizeOrType), linkage: linkages[u32(body)] ?? 'static' };
    case btfKind.datasec: {
      const vars: { type: number; offset: number; size: number }[] = [];
      for (let i = body; i < end; i += 12) vars.push({ type: ref(u32(i)), offset: u32(i + 4), size: u32(i + 8) });
      return { kind: 'datasec', name, size: sizeOrType, vars };
    }
    case btfKind.float:
      return { kind: 'float', name, size: sizeOrType };
    case btfKind.declTag:
      return { kind: 'decl_tag', name, type: ref(sizeOrType), componentIndex: view.getInt32(body, littleEndian) };
    case btfKind.typeTag:
      return { kind: 'type_tag', name, type: ref(sizeOrType) };
    default:
      throw damaged(`BTF has a type of kind ${kind}, which is not known here`, at);
  }
}

function readMembers(
  raw: RawBtf,
  body: number,
  count: number,
  bitFields: boolean,
  ref: (id: number) => number,
): BtfMember[] {
  const { view, littleEndian } = raw;
  const members: BtfMember[] = [];
  for (let i = 0, at = body; i < count; i++, at += 12) {
    const place = view.getUint32(at + 8, littleEndian);
    members.push({
      name: raw.text(view.getUint32(at, littleEndian)),
      type: ref(view.getUint32(at + 4, littleEndian)),
      // With kind_flag the top byte is the width of a bit-field: Documentation/bpf/btf.rst, BTF_KIND_STRUCT.
      bitOffset: bitFields ? place & 0xffffff : place,
      bitSize: bitFields ? place >>> 24 : 0,
    });
  }
  return members;
}

function readEnum32(raw: RawBtf, body: number, count: number, signed: boolean): BtfEnumerator[] {
  const { view, littleEndian } = raw;
  const values: BtfEnumerator[] = [];
  for (let i = 0, at = body; i < count; i++, at += 8) {
    const value = signed ? view.getInt32(at + 4, littleEndian) : view.getUint32(at + 4, littleEndian);
    values.push({ name: raw.text(view.getUint32(at, littleEndian)), value: BigInt(value) });
  }
  return values;
}

function readEnum64(raw: RawBtf, body: number, count: number, signed: boolean): BtfEnumerator[] {
  const { view, littleEndian } = raw;
  const values: BtfEnumerator[] = [];
  for (let i = 0, at = body; i < count; i++, at += 12) {
    const low = BigInt(view.getUint32(at + 4, littleEndian));
    const bits = (BigInt(view.getUint32(at + 8, littleEndian)) << 32n) | low;
    values.push({ name: raw.text(view.getUint32(at, littleEndian)), value: signed ? BigInt.asIntN(64, bits) : bits });
  }
  return values;
}
