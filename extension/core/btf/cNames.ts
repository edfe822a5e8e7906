import type { Btf } from './types.ts';

/**
 * Names for C. Kernel BTF has different types of one name (each from its own source file); C has one namespace for tags and
 * one for typedefs and enumerators. The second of a name becomes `name___2`, which CO-RE takes for `name`.
 */
export class CNames {
  private readonly tags = new Map<number, string>();
  private readonly identifiers = new Map<number, string>();
  /** The compiler's own va_list comes first: on BPF it is another type than in the kernel. */
  private readonly usedIdentifiers = new Map<string, number>([['__builtin_va_list', 1]]);

  constructor(btf: Btf) {
    const used = new Map<string, number>();
    /** Which kind of tag has the plain name: a forward declaration is of the same type when the kind is the same. */
    const kinds = new Map<string, string>();
    btf.types.forEach((type, id) => {
      if (type.kind === 'typedef') this.identifiers.set(id, unique(this.usedIdentifiers, type.name));
      if (type.kind !== 'struct' && type.kind !== 'union' && type.kind !== 'enum') return;
      if (type.name === '') return;
      const name = unique(used, type.name);
      this.tags.set(id, name);
      if (name === type.name) kinds.set(name, type.kind);
    });
    btf.types.forEach((type, id) => {
      if (type.kind !== 'fwd') return;
      const kind = kinds.get(type.name) ?? (type.union ? 'union' : 'struct');
      const same = kind === (type.union ? 'union' : 'struct');
      kinds.set(type.name, kind);
      this.tags.set(id, same ? type.name : unique(used, type.name));
    });
  }

  /** Of a struct, union, enum or forward declaration; empty when it is anonymous. */
  tag(id: number): string {
    return this.tags.get(id) ?? '';
  }

  /** Of a typedef. */
  identifier(id: number): string {
    return this.identifiers.get(id) ?? '';
  }

  /** A fresh name for an enumerator that is about to be written. */
  enumerator(name: string): string {
    return unique(this.usedIdentifiers, name);
  }
}

function unique(used: Map<string, number>, name: string): string {
  const count = (used.get(name) ?? 0) + 1;
  used.set(name, count);
  return count === 1 ? name : `${name}___${count}`;
}
