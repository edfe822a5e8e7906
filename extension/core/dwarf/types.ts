import { at, encoding, tag } from './numbers.ts';
import { type Die, flagOf, numberOf, referenceOf, textOf } from './units.ts';

/** A C type. Targets are looked up when they are asked for, since types refer to each other in circles. */
export type CType =
  | { kind: 'void' }
  | { kind: 'base'; name: string; size: number; encoding: 'signed' | 'unsigned' | 'char' | 'bool' | 'float' }
  | { kind: 'pointer'; readonly target: CType }
  /** `count` is undefined for an array without a length. */
  | { kind: 'array'; readonly element: CType; count: number | undefined }
  | { kind: 'struct' | 'union'; name: string; size: number; readonly members: readonly CMember[]; incomplete: boolean }
  | { kind: 'enum'; name: string; size: number; values: readonly { name: string; value: bigint }[] }
  | { kind: 'typedef'; name: string; readonly target: CType }
  | { kind: 'qualified'; qualifier: 'const' | 'volatile' | 'restrict'; readonly target: CType }
  | { kind: 'function'; readonly result: CType; readonly parameters: readonly CType[] };

export interface CMember {
  /** Empty for a struct or union without a name. */
  name: string;
  type: CType;
  /** From the start of the struct. */
  bitOffset: number;
  /** Undefined for what is no bit-field. */
  bitSize: number | undefined;
}

export const voidType: CType = { kind: 'void' };

/** Typedefs and qualifiers that may stand before a type, and pointers or arrays inside each other. */
const maxChain = 64;

/** The types of the debug information, by the offsets of their entries. */
export class TypeTable {
  private readonly dies: ReadonlyMap<number, Die>;
  private readonly known = new Map<number, CType>();

  constructor(dies: ReadonlyMap<number, Die>) {
    this.dies = dies;
  }

  /** The type that an entry names; void where it names none. */
  typeOf(die: Die): CType {
    const reference = referenceOf(die, at.type);
    return reference === undefined ? voidType : this.at(reference);
  }

  at(offset: number): CType {
    const known = this.known.get(offset);
    if (known !== undefined) return known;
    const die = this.dies.get(offset);
    const type = die === undefined ? voidType : this.make(die);
    this.known.set(offset, type);
    return type;
  }

  private make(die: Die): CType {
    const typeOf = (): CType => this.typeOf(die);
    const name = textOf(die, at.name) ?? '';
    const size = numberOf(die, at.byteSize) ?? 0;
    switch (die.tag) {
      case tag.baseType:
        return { kind: 'base', name, size, encoding: baseEncodings[numberOf(die, at.encoding) ?? 0] ?? 'unsigned' };
      case tag.pointerType:
        return {
          kind: 'pointer',
          get target() {
            return typeOf();
          },
        };
      case tag.constType:
      case tag.volatileType:
      case tag.restrictType:
        return {
          kind: 'qualified',
          qualifier: die.tag === tag.constType ? 'const' : die.tag === tag.volatileType ? 'volatile' : 'restrict',
          get target() {
            return typeOf();
          },
        };
      case tag.typedef:
        return {
          kind: 'typedef',
          name,
          get target() {
            return typeOf();
          },
        };
      case tag.arrayType:
        return this.array(die, 0);
      case tag.structureType:
      case tag.unionType: {
        const members = lazily(() => this.members(die));
        return {
          kind: die.tag === tag.structureType ? 'struct' : 'union',
          name,
          size,
          incomplete: flagOf(die, at.declaration),
          get members() {
            return members();
          },
        };
      }
      case tag.enumerationType: {
        const values = die.children.flatMap((child) => {
          const value = child.attributes.get(at.constValue);
          return value?.kind === 'constant' ? [{ name: textOf(child, at.name) ?? '', value: value.value }] : [];
        });
        return { kind: 'enum', name, size, values };
      }
      case tag.subroutineType: {
        const parameters = lazily(() =>
          die.children.filter((child) => child.tag === tag.formalParameter).map((child) => this.typeOf(child)),
        );
        return {
          kind: 'function',
          get result() {
            return typeOf();
          },
          get parameters() {
            return parameters();
          },
        };
      }
      default:
        return voidType;
    }
  }

  /** One dimension of an array; the next ones are its elements. */
  private array(die: Die, dimension: number): CType {
    const dimensions = die.children.filter((child) => child.tag === tag.subrangeType);
    const own = dimensions[dimension];
    const isLast = dimension + 1 >= dimensions.length || dimension >= maxChain;
    const element = lazily(() => (isLast ? this.typeOf(die) : this.array(die, dimension + 1)));
    const upper = own === undefined ? undefined : numberOf(own, at.upperBound);
    const count =
      own === undefined ? undefined : (numberOf(own, at.count) ?? (upper === undefined ? undefined : upper + 1));
    return {
      kind: 'array',
      count,
      get element() {
        return element();
      },
    };
  }

  private members(die: Die): CMember[] {
    return die.children
      .filter((child) => child.tag === tag.member)
      .map((child) => ({
        name: textOf(child, at.name) ?? '',
        type: this.typeOf(child),
        bitOffset: numberOf(child, at.dataBitOffset) ?? (numberOf(child, at.dataMemberLocation) ?? 0) * 8,
        bitSize: numberOf(child, at.bitSize),
      }));
  }
}

const baseEncodings: Readonly<Record<number, Extract<CType, { kind: 'base' }>['encoding']>> = {
  [encoding.boolean]: 'bool',
  [encoding.float]: 'float',
  [encoding.signed]: 'signed',
  [encoding.signedChar]: 'char',
  [encoding.unsigned]: 'unsigned',
  [encoding.unsignedChar]: 'unsigned',
};

function lazily<T>(make: () => T): () => T {
  let known: { value: T } | undefined;
  return () => (known ??= { value: make() }).value;
}

/** Without typedefs and qualifiers. */
export function bareType(type: CType): CType {
  let bare = type;
  for (let depth = 0; depth < maxChain; depth++) {
    if (bare.kind !== 'typedef' && bare.kind !== 'qualified') return bare;
    bare = bare.target;
  }
  return voidType;
}

/** Bytes; 0 for void, functions and what is not complete. */
export function sizeOfType(type: CType, depth = 0): number {
  const bare = bareType(type);
  switch (bare.kind) {
    case 'base':
    case 'struct':
    case 'union':
    case 'enum':
      return bare.size;
    case 'pointer':
      return 8;
    case 'array':
      return depth > maxChain ? 0 : (bare.count ?? 0) * sizeOfType(bare.element, depth + 1);
    default:
      return 0;
  }
}

/** Types that one text is made of: a function that takes itself would be endless, and wide before it is deep. */
const maxParts = 256;

/** As C declares it: `struct iphdr *`, `__u8[16]`, `int (*)[11]`. */
export function typeText(type: CType): string {
  return textOfType(type, '', { depth: 0, left: { parts: maxParts } });
}

function textOfType(type: CType, inner: string, { depth, left }: { depth: number; left: { parts: number } }): string {
  if (depth > maxChain || left.parts-- <= 0) return `…${inner}`;
  const deeper = { depth: depth + 1, left };
  const named = (name: string): string =>
    inner === '' || inner.startsWith('[') ? `${name}${inner}` : `${name} ${inner}`;
  switch (type.kind) {
    case 'void':
      return named('void');
    case 'base':
    case 'typedef':
      return named(type.name);
    case 'struct':
    case 'union':
    case 'enum':
      return named(type.name === '' ? `${type.kind} {…}` : `${type.kind} ${type.name}`);
    case 'qualified':
      // What is behind the star qualifies the pointer, what is before it the target.
      return type.target.kind === 'pointer'
        ? textOfType(type.target, inner === '' ? type.qualifier : `${type.qualifier} ${inner}`, deeper)
        : `${type.qualifier} ${textOfType(type.target, inner, deeper)}`;
    case 'pointer': {
      const { target } = type;
      const wrapped = target.kind === 'array' || target.kind === 'function' ? `(*${inner})` : `*${inner}`;
      return textOfType(target, wrapped, deeper);
    }
    case 'array':
      return textOfType(type.element, `${inner}[${type.count ?? ''}]`, deeper);
    case 'function': {
      const parameters = type.parameters.map((parameter) => textOfType(parameter, '', deeper)).join(', ');
      return textOfType(type.result, `${inner}(${parameters === '' ? 'void' : parameters})`, deeper);
    }
  }
}
