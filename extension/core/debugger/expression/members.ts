import { bareType, type CType, typeText } from '../../dwarf/types.ts';
import { NoValue, partOf, type TypedValue } from '../values.ts';

const maxDepth = 16;
/** Members that are looked at for one name: damaged types contain themselves, many times. */
const maxLooks = 10_000;

/** A member of a struct or union, also of one without a name inside it. Throws NoValue. */
export function memberOf(whole: TypedValue, name: string): TypedValue {
  const bare = bareType(whole.type);
  if (bare.kind !== 'struct' && bare.kind !== 'union') throw new NoValue(`a ${typeText(whole.type)} has no members`);
  const found = find(bare, name, { base: 0, depth: 0, left: { looks: maxLooks } });
  if (found === undefined) throw new NoValue(`${typeText(whole.type)} has no member ${name}`);
  return memberAt(whole, found);
}

/** A member at a place in bits. */
export function memberAt(
  whole: TypedValue,
  member: { type: CType; bitOffset: number; bitSize: number | undefined },
): TypedValue {
  const { type, bitOffset, bitSize } = member;
  if (bitSize === undefined) return partOf(whole, type, Math.floor(bitOffset / 8));
  return { ...partOf(whole, type, 0), bits: { offset: bitOffset, size: bitSize } };
}

function find(
  type: CType,
  name: string,
  { base, depth, left }: { base: number; depth: number; left: { looks: number } },
): { type: CType; bitOffset: number; bitSize: number | undefined } | undefined {
  const bare = bareType(type);
  if ((bare.kind !== 'struct' && bare.kind !== 'union') || depth > maxDepth) return undefined;
  for (const member of bare.members) {
    if (left.looks-- <= 0) return undefined;
    const bitOffset = base + member.bitOffset;
    if (member.name === name) return { type: member.type, bitOffset, bitSize: member.bitSize };
    if (member.name !== '') continue;
    const inner = find(member.type, name, { base: bitOffset, depth: depth + 1, left });
    if (inner !== undefined) return inner;
  }
  return undefined;
}
