import { openBtf, type RawBtf } from './rawBtf.ts';

/** A field as C writes it. */
export interface KernelField {
  name: string;
  type: string;
  length: string | undefined;
}

/** include/uapi/linux/btf.h, BTF_KIND_…: how many bytes follow the type's own 12, for `vlen` entries. */
const fixedTail: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const entryTail: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
const kind = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  proto: 13,
  declTag: 17,
} as const;

/**
 * The types of a kernel, read from its BTF one by one when they are asked for: a hundred thousand of them as objects would take more
 * memory than an editor's helper may have. Only offsets and the names of structures are kept.
 */
export class KernelBtf {
  readonly #btf: RawBtf;
  /** By type id: where it stands. */
  readonly #offsets: Uint32Array;
  readonly #structs = new Map<string, number>();
  readonly #kfuncs: number[] = [];

  /** @throws {XdpError} `object-damaged` */
  constructor(bytes: Uint8Array) {
    const btf = openBtf(bytes);
    this.#btf = btf;
    const offsets = [0];
    for (let at = btf.typesStart; at + 12 <= btf.typesEnd; ) {
      const info = btf.view.getUint32(at + 4, btf.littleEndian);
      const id = offsets.length;
      offsets.push(at);
      const type = (info >>> 24) & 0x1f;
      if (type === kind.struct) {
        const name = btf.text(btf.view.getUint32(at, btf.littleEndian));
        if (name !== '') this.#structs.set(name, id);
      } else if (type === kind.declTag && btf.text(btf.view.getUint32(at, btf.littleEndian)) === 'bpf_kfunc') {
        this.#kfuncs.push(btf.view.getUint32(at + 8, btf.littleEndian));
      }
      at += 12 + (fixedTail[type] ?? 0) + (entryTail[type] ?? 0) * (info & 0xffff);
    }
    this.#offsets = Uint32Array.from(offsets);
  }

  structNames(prefix: string, limit: number): string[] {
    const names: string[] = [];
    for (const name of this.#structs.keys()) {
      if (name.startsWith(prefix)) names.push(name);
      if (names.length >= limit) break;
    }
    return names;
  }

  sizeOf(name: string): number | undefined {
    const id = this.#structs.get(name);
    return id === undefined ? undefined : this.#word(id, 8);
  }

  /** Fields of a structure; those of anonymous ones inside stand in their place. */
  fieldsOf(name: string): KernelField[] | undefined {
    const id = this.#structs.get(name);
    return id === undefined ? undefined : this.#fields(id, 0);
  }

  #kfuncList: { name: string; prototype: string }[] | undefined;

  /** Functions that the kernel offers to BPF programs; those that it marks so, which it does from 6.10 on. */
  kfuncs(): readonly { name: string; prototype: string }[] {
    this.#kfuncList ??= this.#kfuncs.slice(0, 4000).map((id) => {
      const name = this.#name(id);
      return { name, prototype: this.#prototype(this.#word(id, 8), name) };
    });
    return this.#kfuncList;
  }

  #fields(id: number, depth: number): KernelField[] {
    const { view, littleEndian, text } = this.#btf;
    const at = this.#offsets[id] ?? 0;
    const count = Math.min(this.#word(id, 4) & 0xffff, 4096);
    const fields: KernelField[] = [];
    for (let index = 0; index < count; index++) {
      const member = at + 12 + 12 * index;
      const name = text(view.getUint32(member, littleEndian));
      const type = view.getUint32(member + 4, littleEndian);
      const inner = this.#kind(type);
      if (name === '' && (inner === kind.struct || inner === kind.union) && depth < 6) {
        fields.push(...this.#fields(type, depth + 1));
        continue;
      }
      const array = inner === kind.array ? (this.#offsets[type] ?? 0) + 12 : undefined;
      const element = array === undefined ? type : view.getUint32(array, littleEndian);
      const length = array === undefined ? undefined : String(view.getUint32(array + 8, littleEndian));
      fields.push({ name, type: this.#typeName(element), length });
    }
    return fields;
  }

  #prototype(id: number, name: string): string {
    const { view, littleEndian, text } = this.#btf;
    if (this.#kind(id) !== kind.proto) return `void ${name}(void)`;
    const at = (this.#offsets[id] ?? 0) + 12;
    const parameters: string[] = [];
    for (let index = 0; index < (this.#word(id, 4) & 0xffff); index++) {
      const parameter = text(view.getUint32(at + 8 * index, littleEndian));
      const type = view.getUint32(at + 8 * index + 4, littleEndian);
      parameters.push(type === 0 ? '...' : join(this.#typeName(type), parameter));
    }
    return join(this.#typeName(this.#word(id, 8)), `${name}(${parameters.join(', ') || 'void'})`);
  }

  #typeName(id: number, depth = 0): string {
    if (id === 0) return 'void';
    if (depth > 16) return '…';
    const next = (): string => this.#typeName(this.#word(id, 8), depth + 1);
    switch (this.#kind(id)) {
      case kind.pointer: {
        const target = next();
        return target.endsWith('*') ? `${target}*` : `${target} *`;
      }
      case kind.struct:
        return `struct ${this.#name(id)}`;
      case kind.union:
        return `union ${this.#name(id)}`;
      case kind.enum:
      case 19:
        return `enum ${this.#name(id)}`;
      case kind.const:
        return `const ${next()}`;
      case kind.volatile:
      case kind.restrict:
      case 18:
        return next();
      case kind.proto:
        return 'void';
      case kind.array:
        return next();
      default:
        return this.#name(id);
    }
  }

  #kind(id: number): number {
    return id <= 0 || id >= this.#offsets.length ? 0 : (this.#word(id, 4) >>> 24) & 0x1f;
  }

  #name(id: number): string {
    return this.#btf.text(this.#word(id, 0));
  }

  /** A 32-bit word of a type: 0 its name, 4 its info, 8 its size or type. */
  #word(id: number, offset: number): number {
    const at = this.#offsets[id];
    return at === undefined || at === 0 ? 0 : this.#btf.view.getUint32(at + offset, this.#btf.littleEndian);
  }
}

function join(type: string, name: string): string {
  return type.endsWith('*') ? `${type}${name}` : `${type} ${name}`;
}
