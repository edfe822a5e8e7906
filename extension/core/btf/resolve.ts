import type { Btf, BtfType } from './types.ts';

/** How deep types may nest before they are taken for hostile; the kernel stops at 32 (kernel/bpf/btf.c, MAX_RESOLVE_DEPTH). */
export const maxTypeDepth = 32;

/** No type of that id is `void`. */
export function typeAt(btf: Btf, id: number): BtfType {
  return btf.types[id] ?? { kind: 'void', name: '' };
}

/** The type under typedefs, const, volatile, restrict and type tags, and its id. */
export function stripModifiers(btf: Btf, id: number): { id: number; type: BtfType } {
  let at = id;
  for (let depth = 0; depth <= maxTypeDepth * 2; depth++) {
    const type = typeAt(btf, at);
    switch (type.kind) {
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        at = type.type;
        continue;
      default:
        return { id: at, type };
    }
  }
  return { id: 0, type: { kind: 'void', name: '' } };
}

/** Bytes, as `btf__resolve_size` of libbpf; undefined for what has no size (void, functions, forward declarations, cycles). */
export function sizeOf(btf: Btf, id: number): number | undefined {
  let count = 1;
  let at = id;
  for (let depth = 0; depth <= maxTypeDepth; depth++) {
    const { type } = stripModifiers(btf, at);
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'float':
      case 'datasec':
        return bounded(count * type.size);
      case 'ptr':
        return bounded(count * 8);
      case 'array':
        count *= type.nelems;
        at = type.type;
        continue;
      case 'var':
        at = type.type;
        continue;
      default:
        return undefined;
    }
  }
  return undefined;
}

function bounded(bytes: number): number | undefined {
  return bytes <= 0xffffffff ? bytes : undefined;
}

/**
 * Alignment in bytes, as `btf__align_of` of libbpf: 1 for a struct with a member that does not stand on its own alignment
 * (packed). `known` keeps answers between calls.
 */
export function alignOf(btf: Btf, id: number, known = new Map<number, number>()): number {
  const { id: bare, type } = stripModifiers(btf, id);
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'float':
      return Math.min(8, Math.max(1, type.size));
    case 'ptr':
      return 8;
    case 'array':
    case 'var':
    case 'struct':
    case 'union': {
      const before = known.get(bare);
      if (before !== undefined) return before;
      // Also what a type that contains itself finds on its way back here.
      known.set(bare, 1);
      const align =
        type.kind === 'array' || type.kind === 'var' ? alignOf(btf, type.type, known) : recordAlign(btf, type, known);
      known.set(bare, align);
      return align;
    }
    default:
      return 1;
  }
}

function recordAlign(
  btf: Btf,
  type: Extract<BtfType, { kind: 'struct' | 'union' }>,
  known: Map<number, number>,
): number {
  let most = 1;
  for (const member of type.members) {
    const align = alignOf(btf, member.type, known);
    if (member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) return 1;
    // A bit-field does not cross the boundary of its own type, unless the struct is packed.
    const unit = 8 * (sizeOf(btf, member.type) ?? 8);
    if (member.bitSize !== 0 && (member.bitOffset % unit) + member.bitSize > unit) return 1;
    most = Math.max(most, align);
  }
  return type.size % most === 0 ? most : 1;
}
