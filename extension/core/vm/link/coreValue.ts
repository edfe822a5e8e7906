import { maxTypeDepth, sizeOf, stripModifiers, typeAt } from '../../btf/resolve.ts';
import type { Btf } from '../../btf/types.ts';
import { coreKind, type CoreRecord } from './coreRecords.ts';
import { essentialName, type FieldSpec, localSpec, matchSpec, memberAt, typesCompatible } from './coreSpec.ts';

/** What a CO-RE relocation comes to. */
export type CoreAnswer = { kind: 'value'; value: bigint; access?: CoreAccess } | { kind: 'missing'; what: string };

/** What a load or store of a field whose size differs must do: another size, or nothing, since no size reads it right. */
export type CoreAccess = { bytes: number } | { what: string };

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
  if (record.kind >= coreKind.typeIdTarget) {
    const alike = ids.filter((id) => typesCompatible(local, record.typeId, target, id));
    return typeAnswer(record.kind, target, alike, what);
  }
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
      if (there.element === undefined || here.element === undefined || there.element === here.element)
        return { kind: 'value', value };
      // Only what is read with zeros above it stays right in another size: relo_core.c, bpf_core_calc_relo().
      const field = target.steps.flatMap((step) => (step.name === undefined ? [] : [step.name])).join('.');
      const what = `the field ${field} with ${here.element} bytes: it has ${there.element}, and is no unsigned integer`;
      const access = here.unsigned && there.unsigned ? { bytes: there.element } : { what };
      return { kind: 'value', value, access };
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
  /** An integer without a sign, not an array of them. */
  unsigned: boolean;
  /** What one load reads: the field, or an element of the array that it is; undefined for bit-fields. */
  element: number | undefined;
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
  const unsigned = type.kind === 'int' && !type.signed;
  const bits = member?.bitSize ?? 0;
  if (bits === 0) {
    const element = elementSize(spec.btf, typeId);
    return { byteOffset: spec.bitOffset / 8, bytes: size, bits: size * 8, signed, unsigned, element };
  }
  let bytes = size;
  const start = (): number => Math.floor(Math.floor(spec.bitOffset / 8) / bytes) * bytes;
  while (spec.bitOffset + bits - start() * 8 > bytes * 8) {
    if (bytes >= 8) return undefined;
    bytes *= 2;
  }
  return { byteOffset: start(), bytes, bits, signed, unsigned, element: undefined };
}

function elementSize(btf: Btf, typeId: number): number | undefined {
  let { id, type } = stripModifiers(btf, typeId);
  for (let depth = 0; type.kind === 'array' && depth < maxTypeDepth; depth++)
    ({ id, type } = stripModifiers(btf, type.type));
  return sizeOf(btf, id);
}

function number(value: number): CoreAnswer {
  return { kind: 'value', value: BigInt(value) };
}
