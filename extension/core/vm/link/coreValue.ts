import { sizeOf, stripModifiers, typeAt } from '../../btf/resolve.ts';
import type { Btf } from '../../btf/types.ts';
import { coreKind, type CoreRecord } from './coreRecords.ts';
import { essentialName, type FieldSpec, localSpec, matchSpec, memberAt } from './coreSpec.ts';

/** What a CO-RE relocation comes to. */
export type CoreAnswer =
  | {
      kind: 'value';
      value: bigint /** Bytes of the field here and there, where a load or store must follow. */;
      sizes?: { local: number; target: number };
    }
  | { kind: 'missing'; what: string };

/** Types of a BTF by essential name, to find what a relocation may mean. */
export type Candidates = ReadonlyMap<string, readonly number[]>;

export function candidatesOf(btf: Btf): Candidates {
  const byName = new Map<string, number[]>();
  btf.types.forEach((type, id) => {
    if (type.name === '') return;
    const name = essentialName(type.name);
    const list = byName.get(name);
    if (list === undefined) byName.set(name, [id]);
    else list.push(id);
  });
  return byName;
}

/** relo_core.c, bpf_core_calc_relo(): the value for a kernel with the types `target`. */
export function coreValue(record: CoreRecord, local: Btf, target: Btf, candidates: Candidates): CoreAnswer {
  const { type: root } = stripModifiers(local, record.typeId);
  const named = typeAt(local, record.typeId);
  const own = named.name === '' ? root : named;
  if (record.kind === coreKind.typeIdLocal) return number(record.typeId);
  const name = essentialName(own.name);
  const what = `${own.kind} ${own.name}`;
  const ids = (candidates.get(name) ?? []).filter((id) => typeAt(target, id).kind === own.kind);
  if (record.kind === coreKind.enumValue || record.kind === coreKind.enumValueExists) {
    return enumAnswer(record, local, target, ids);
  }
  if (record.kind >= coreKind.typeIdTarget) return typeAnswer(record.kind, target, ids, what);
  const spec = localSpec(local, record.typeId, record.access);
  if (spec === undefined) return { kind: 'missing', what: `a path into ${what} that its type does not have` };
  for (const id of ids) {
    const match = matchSpec(spec, target, id);
    if (match !== undefined) return fieldAnswer(record.kind, spec, match);
  }
  if (record.kind === coreKind.fieldExists) return number(0);
  const field = spec.steps.flatMap((step) => (step.name === undefined ? [] : [step.name])).join('.');
  return { kind: 'missing', what: field === '' ? what : `${what}, field ${field}` };
}

function typeAnswer(kind: number, target: Btf, ids: readonly number[], what: string): CoreAnswer {
  const [id] = ids;
  switch (kind) {
    case coreKind.typeExists:
      return number(id === undefined ? 0 : 1);
    case coreKind.typeSize:
      return number(id === undefined ? 0 : (sizeOf(target, id) ?? 0));
    case coreKind.typeIdTarget:
      return number(id ?? 0);
    default:
      return { kind: 'missing', what: `the answer whether ${what} matches (bpf_core_type_matches)` };
  }
}

function enumAnswer(record: CoreRecord, local: Btf, target: Btf, ids: readonly number[]): CoreAnswer {
  const { type } = stripModifiers(local, record.typeId);
  const value = type.kind === 'enum' ? type.values[record.access[0] ?? 0] : undefined;
  const name = essentialName(value?.name ?? '');
  for (const id of ids) {
    const there = typeAt(target, id);
    const found = there.kind === 'enum' ? there.values.find((each) => essentialName(each.name) === name) : undefined;
    if (found === undefined) continue;
    return record.kind === coreKind.enumValueExists ? number(1) : { kind: 'value', value: found.value };
  }
  if (record.kind === coreKind.enumValueExists) return number(0);
  return { kind: 'missing', what: `enum ${type.name}, value ${name}` };
}

function fieldAnswer(kind: number, local: FieldSpec, target: FieldSpec): CoreAnswer {
  if (kind === coreKind.fieldExists) return number(1);
  const here = placeOf(local);
  const there = placeOf(target);
  if (here === undefined || there === undefined) return { kind: 'missing', what: 'a field without a size' };
  switch (kind) {
    case coreKind.fieldByteOffset: {
      const value = BigInt(there.byteOffset);
      const follows = !there.bitField && !(here.pointer && there.pointer) && here.bytes !== there.bytes;
      return follows
        ? { kind: 'value', value, sizes: { local: here.bytes, target: there.bytes } }
        : { kind: 'value', value };
    }
    case coreKind.fieldByteSize:
      return number(there.bytes);
    case coreKind.fieldSigned:
      return number(there.signed ? 1 : 0);
    case coreKind.fieldLeftShift:
      return number(64 - (target.bitOffset + there.bits - there.byteOffset * 8));
    default:
      return number(64 - there.bits);
  }
}

interface FieldPlace {
  byteOffset: number;
  /** What a load of the field reads. */
  bytes: number;
  bits: number;
  signed: boolean;
  pointer: boolean;
  bitField: boolean;
}

/** relo_core.c, bpf_core_calc_field_relo(): a bit-field is read through the smallest aligned unit that holds it. */
function placeOf(spec: FieldSpec): FieldPlace | undefined {
  const last = spec.steps.at(-1);
  if (last === undefined) return undefined;
  const member = last.name === undefined ? undefined : memberAt(spec.btf, last);
  const typeId = member?.type ?? last.typeId;
  const { type } = stripModifiers(spec.btf, typeId);
  const size = sizeOf(spec.btf, typeId);
  if (size === undefined) return undefined;
  const signed = (type.kind === 'int' || type.kind === 'enum') && type.signed;
  const pointer = type.kind === 'ptr';
  const bits = member?.bitSize ?? 0;
  if (bits === 0) {
    return { byteOffset: spec.bitOffset / 8, bytes: size, bits: size * 8, signed, pointer, bitField: false };
  }
  let bytes = size;
  const start = (): number => Math.floor(Math.floor(spec.bitOffset / 8) / bytes) * bytes;
  while (spec.bitOffset + bits - start() * 8 > bytes * 8) {
    if (bytes >= 8) return undefined;
    bytes *= 2;
  }
  return { byteOffset: start(), bytes, bits, signed, pointer, bitField: true };
}

function number(value: number): CoreAnswer {
  return { kind: 'value', value: BigInt(value) };
}
