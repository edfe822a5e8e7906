import { maxTypeDepth, sizeOf, stripModifiers, typeAt } from '../../btf/resolve.ts';
import type { Btf, BtfMember, BtfType } from '../../btf/types.ts';

/** A path from a root type to a field, in one BTF. Source: tools/lib/bpf/relo_core.c, struct bpf_core_spec. */
export interface FieldSpec {
  btf: Btf;
  rootId: number;
  steps: readonly FieldStep[];
  bitOffset: number;
}

export interface FieldStep {
  /** The struct, or the array's element. */
  typeId: number;
  index: number;
  /** Absent for array elements and the root. */
  name: string | undefined;
}

type Composite = Extract<BtfType, { kind: 'struct' | 'union' }>;

/** `struct foo___v2` is a flavour of `struct foo`, `foo___a___b` one of `foo___a`: relo_core.c, bpf_core_essential_name_len(). */
export function essentialName(name: string): string {
  return /^(.*[^_])___[^_]/s.exec(name)?.[1] ?? name;
}

/** Follows an access path of the object in its own types; undefined when it does not fit. */
export function localSpec(btf: Btf, typeId: number, access: readonly number[]): FieldSpec | undefined {
  const root = stripModifiers(btf, typeId);
  const size = sizeOf(btf, root.id);
  const [first = 0, ...rest] = access;
  if (size === undefined) return undefined;
  const steps: FieldStep[] = [{ typeId: root.id, index: first, name: undefined }];
  let bitOffset = first * size * 8;
  let at = root.id;
  for (const index of rest) {
    const { id, type } = stripModifiers(btf, at);
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) return undefined;
      bitOffset += member.bitOffset;
      if (member.name !== '') steps.push({ typeId: id, index, name: member.name });
      at = member.type;
    } else if (type.kind === 'array') {
      const element = stripModifiers(btf, type.type).id;
      const elementSize = sizeOf(btf, element);
      if (elementSize === undefined) return undefined;
      steps.push({ typeId: element, index, name: undefined });
      bitOffset += index * elementSize * 8;
      at = element;
    } else {
      return undefined;
    }
  }
  return { btf, rootId: root.id, steps, bitOffset };
}

/** The same path by names in another BTF, from a root that may be it; undefined when a part is missing there. */
export function matchSpec(local: FieldSpec, target: Btf, rootId: number): FieldSpec | undefined {
  const steps: FieldStep[] = [];
  let bitOffset = 0;
  let at = rootId;
  for (const [position, step] of local.steps.entries()) {
    if (step.name !== undefined) {
      const member = findMember(local.btf, step, target, at, 0);
      if (member === undefined) return undefined;
      steps.push({ typeId: member.owner, index: member.index, name: step.name });
      bitOffset += member.bitOffset;
      at = member.member.type;
      continue;
    }
    if (position > 0) {
      const { type } = stripModifiers(target, at);
      if (type.kind !== 'array') return undefined;
      // An array without a length, at the end of a struct, has room for any index.
      if (type.nelems > 0 && step.index >= type.nelems) return undefined;
      at = type.type;
    }
    at = stripModifiers(target, at).id;
    const size = sizeOf(target, at);
    if (size === undefined) return undefined;
    steps.push({ typeId: at, index: step.index, name: undefined });
    bitOffset += step.index * size * 8;
  }
  return { btf: target, rootId, steps, bitOffset };
}

interface FoundMember {
  owner: number;
  index: number;
  member: BtfMember;
  /** From the start of the struct that was searched. */
  bitOffset: number;
}

/** The member of that name, also inside members without a name. */
function findMember(local: Btf, step: FieldStep, target: Btf, typeId: number, depth: number): FoundMember | undefined {
  const { id, type } = stripModifiers(target, typeId);
  if (depth > maxTypeDepth || (type.kind !== 'struct' && type.kind !== 'union')) return undefined;
  const localMember = memberAt(local, step);
  for (const [index, member] of type.members.entries()) {
    if (member.name === '') {
      const inner = findMember(local, step, target, member.type, depth + 1);
      if (inner !== undefined) return { ...inner, bitOffset: inner.bitOffset + member.bitOffset };
    } else if (member.name === step.name) {
      if (localMember === undefined || !compatible(local, localMember.type, target, member.type, 0)) return undefined;
      return { owner: id, index, member, bitOffset: member.bitOffset };
    }
  }
  return undefined;
}

export function memberAt(btf: Btf, step: FieldStep): BtfMember | undefined {
  const type = typeAt(btf, step.typeId);
  return type.kind === 'struct' || type.kind === 'union' ? (type as Composite).members[step.index] : undefined;
}

/** relo_core.c, bpf_core_fields_are_compat(). */
function compatible(local: Btf, localId: number, target: Btf, targetId: number, depth: number): boolean {
  const a = stripModifiers(local, localId).type;
  const b = stripModifiers(target, targetId).type;
  const composite = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union';
  if (composite(a) && composite(b)) return true;
  if (a.kind !== b.kind || depth > maxTypeDepth) return false;
  switch (a.kind) {
    case 'ptr':
    case 'float':
      return true;
    case 'enum':
    case 'fwd':
      return a.name === '' || b.name === '' || essentialName(a.name) === essentialName(b.name);
    case 'int':
      return b.kind === 'int' && a.bitOffset === 0 && b.bitOffset === 0;
    case 'array':
      return b.kind === 'array' && compatible(local, a.type, target, b.type, depth + 1);
    default:
      return false;
  }
}

/** May these two types of the same name stand for each other as a whole? relo_core.c, bpf_core_types_are_compat(). */
export function typesCompatible(local: Btf, localId: number, target: Btf, targetId: number, depth = 0): boolean {
  const a = stripModifiers(local, localId).type;
  const b = stripModifiers(target, targetId).type;
  if (a.kind !== b.kind || depth > maxTypeDepth) return false;
  const inner = (own: number, other: number): boolean => typesCompatible(local, own, target, other, depth + 1);
  switch (a.kind) {
    case 'void':
    case 'struct':
    case 'union':
    case 'enum':
    case 'fwd':
      return true;
    case 'int':
      return b.kind === 'int' && a.bitOffset === 0 && b.bitOffset === 0;
    case 'ptr':
    case 'array':
      return (b.kind === 'ptr' || b.kind === 'array') && inner(a.type, b.type);
    case 'func_proto': {
      if (b.kind !== 'func_proto' || a.params.length !== b.params.length) return false;
      return (
        inner(a.returnType, b.returnType) &&
        a.params.every(({ type }, index) => inner(type, b.params[index]?.type ?? 0))
      );
    }
    default:
      return false;
  }
}
