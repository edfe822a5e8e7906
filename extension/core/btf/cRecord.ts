import type { CNames } from './cNames.ts';
import { alignOf, sizeOf } from './resolve.ts';
import type { Btf, BtfMember, BtfType } from './types.ts';

type Record = Extract<BtfType, { kind: 'struct' | 'union' }>;

export interface RecordContext {
  indent: number;
  alignments: Map<number, number>;
  /** Declaration of a member, without its semicolon. */
  member(typeId: number, declarator: string): string;
  /** Throws when that is more work than any real BTF makes. */
  spend(steps: number): void;
}

/** `struct name { … }` with every member where BTF says. Without a name: an anonymous record. */
export function recordText(btf: Btf, type: Record, name: string, context: RecordContext): string {
  const tabs = '\t'.repeat(context.indent + 1);
  const heading = name === '' ? `${type.kind} {` : `${type.kind} ${name} {`;
  const packed = isPacked(btf, type, context.alignments);
  const lines: string[] = [];
  let end = 0;
  let most = 1;
  for (const member of type.members) {
    context.spend(1);
    const align = packed ? 1 : alignOf(btf, member.type, context.alignments);
    most = Math.max(most, align);
    if (type.kind === 'struct') {
      context.spend(Math.max(0, member.bitOffset - end) / 64);
      for (const filler of padding(naturalOffset(btf, member, end, align, packed), end, member.bitOffset))
        lines.push(tabs + filler);
    }
    const declared = context.member(member.type, member.name);
    lines.push(
      `${tabs}${declared}${member.bitSize === 0 ? '' : `${member.name === '' ? ' ' : ''}: ${member.bitSize}`};`,
    );
    const bits = member.bitSize === 0 ? 8 * (sizeOf(btf, member.type) ?? 0) : member.bitSize;
    end = type.kind === 'struct' ? member.bitOffset + bits : Math.max(end, bits);
  }
  const natural = roundUp(end, 8 * most);
  if (natural < 8 * type.size) {
    context.spend((8 * type.size - end) / 64);
    if (type.kind === 'struct') for (const filler of padding(natural, end, 8 * type.size)) lines.push(tabs + filler);
    else lines.push(`${tabs}unsigned char __size[${type.size}];`);
  }
  const attribute = packed ? ' __attribute__((packed))' : '';
  if (lines.length === 0) return `${heading}}${attribute}`;
  return `${heading}\n${lines.join('\n')}\n${'\t'.repeat(context.indent)}}${attribute}`;
}

/** Packed where alignOf() takes a record for packed; both must agree, since one decides what the other's members get. */
function isPacked(btf: Btf, type: Record, alignments: Map<number, number>): boolean {
  let most = 1;
  for (const member of type.members) {
    const align = alignOf(btf, member.type, alignments);
    if (member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) return true;
    const unit = 8 * (sizeOf(btf, member.type) ?? 8);
    if (member.bitSize !== 0 && (member.bitOffset % unit) + member.bitSize > unit) return true;
    most = Math.max(most, align);
  }
  return type.size % most !== 0;
}

/** Where the compiler would put the member if nothing is written between it and `end`. */
function naturalOffset(btf: Btf, member: BtfMember, end: number, align: number, packed: boolean): number {
  if (member.bitSize === 0) return roundUp(end, 8 * align);
  const unit = 8 * (sizeOf(btf, member.type) ?? 8);
  return packed || (end % unit) + member.bitSize <= unit ? end : roundUp(end, unit);
}

/** Unnamed bit-fields that fill [end, wanted), in units that stand on their own alignment so that they take their width exactly. */
function padding(natural: number, end: number, wanted: number): string[] {
  const fillers: string[] = [];
  if (natural === wanted) return fillers;
  for (let at = end; at < wanted; ) {
    const unit = units.find(({ bits }) => at % bits === 0 && at + bits <= wanted);
    const width = unit?.bits ?? Math.min(8 - (at % 8), wanted - at);
    fillers.push(`${unit?.type ?? 'char'}: ${width};`);
    at += width;
  }
  return fillers;
}

const units = [
  { bits: 64, type: 'long' },
  { bits: 32, type: 'int' },
  { bits: 16, type: 'short' },
  { bits: 8, type: 'char' },
];

/** `enum name { … }`, as wide as BTF says. */
export function enumText(type: Extract<BtfType, { kind: 'enum' }>, name: string, names: CNames, indent = 0): string {
  const heading = name === '' ? 'enum' : `enum ${name}`;
  if (type.values.length === 0) return heading;
  const tabs = '\t'.repeat(indent);
  const lines = type.values.map(
    (value) => `${tabs}\t${names.enumerator(value.name)} = ${literal(value.value, type.signed)},`,
  );
  const width =
    type.size === 4 ? '' : ` __attribute__((mode(${type.size === 1 ? 'QI' : type.size === 2 ? 'HI' : 'DI'})))`;
  return `${heading} {\n${lines.join('\n')}\n${tabs}}${width}`;
}

function literal(value: bigint, signed: boolean): string {
  // The smallest integers have no literal of their own: the minus is an operator.
  if (value === -(1n << 63n)) return '(-9223372036854775807LL - 1)';
  if (value >= -0x7fffffffn && value <= 0x7fffffffn) return value.toString();
  return `${value}${signed ? 'LL' : value <= 0xffffffffn ? 'U' : 'ULL'}`;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
