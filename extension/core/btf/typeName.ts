import { maxTypeDepth, typeAt } from './resolve.ts';
import type { Btf, BtfType } from './types.ts';

/** C spelling of a type without a declared name: `struct flow_key`, `__u32`, `char[16]`, `struct x *`, `int (*)(void *)`. */
export function typeName(btf: Btf, id: number): string {
  const base = (type: NamedType): string => {
    switch (type.kind) {
      case 'struct':
      case 'union':
      case 'enum':
        return `${type.kind} ${type.name === '' ? '{…}' : type.name}`;
      case 'fwd':
        return `${type.union ? 'union' : 'struct'} ${type.name}`;
      case 'int':
      case 'float':
      case 'typedef':
      case 'func':
      case 'datasec':
        return type.name;
    }
  };
  return declare({ btf, base, left: 200 }, id, '');
}

export type NamedType = Extract<
  BtfType,
  { kind: 'int' | 'float' | 'typedef' | 'func' | 'datasec' | 'struct' | 'union' | 'enum' | 'fwd' }
>;

export interface Spelling {
  btf: Btf;
  /** How a type that has a name of its own is written, where declarators end. */
  base(type: NamedType, id: number): string;
  /** Types that may still be visited: ends types that nest without end. */
  left: number;
}

/**
 * C declaration of `declarator` (a name, or empty) with that type. Wraps the declarator from the inside out, as C does:
 * pointers before, arrays and functions after.
 */
export function declare(spelling: Spelling, id: number, declarator: string, depth = 0): string {
  const type = typeAt(spelling.btf, id);
  if (depth > maxTypeDepth || spelling.left-- <= 0) return join('…', declarator);
  const inner = (next: number, text: string): string => declare(spelling, next, text, depth + 1);
  switch (type.kind) {
    case 'void':
      return join('void', declarator);
    case 'int':
    case 'float':
    case 'typedef':
    case 'func':
    case 'datasec':
    case 'struct':
    case 'union':
    case 'enum':
    case 'fwd':
      return join(spelling.base(type, id), declarator);
    case 'ptr':
      return inner(type.type, `*${declarator}`);
    case 'array':
      return inner(type.type, `${grouped(declarator)}[${declarator === '' && type.nelems === 0 ? '' : type.nelems}]`);
    case 'func_proto': {
      const params = type.params.map((param) => (param.type === 0 ? '...' : inner(param.type, '')));
      // Some compilers write `(void)` as one parameter of type void.
      const list = params.length === 0 || (params.length === 1 && params[0] === '...') ? 'void' : params.join(', ');
      return inner(type.returnType, `${grouped(declarator)}(${list})`);
    }
    case 'const':
    case 'volatile':
    case 'restrict': {
      // A qualifier of a pointer stands after the star, any other in front of the type.
      const isPointer = typeAt(spelling.btf, type.type).kind === 'ptr';
      if (isPointer) return inner(type.type, declarator === '' ? type.kind : `${type.kind} ${declarator}`);
      // const of an array of const: one is enough.
      const text = inner(type.type, declarator);
      return text.startsWith(`${type.kind} `) ? text : `${type.kind} ${text}`;
    }
    case 'type_tag':
    case 'decl_tag':
    case 'var':
      return inner(type.type, declarator);
  }
}

function grouped(declarator: string): string {
  return declarator.startsWith('*') ? `(${declarator})` : declarator;
}

function join(base: string, declarator: string): string {
  return declarator === '' || declarator.startsWith('[') ? base + declarator : `${base} ${declarator}`;
}
