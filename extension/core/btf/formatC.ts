import { XdpError } from '../errors.ts';
import { CNames } from './cNames.ts';
import { enumText, recordText } from './cRecord.ts';
import { typeAt } from './resolve.ts';
import { declare, type NamedType, type Spelling } from './typeName.ts';
import type { Btf, BtfType } from './types.ts';

/**
 * All types as one C header, the `vmlinux.h` that `bpftool btf dump … format c` makes: enums, forward declarations, then
 * typedefs and definitions, each behind what it needs. Every member stands at its offset (padding and packing are written out).
 * Records carry preserve_access_index, so that accesses are CO-RE relocatable; define BPF_NO_PRESERVE_ACCESS_INDEX to have
 * them plain.
 */
export function formatC(btf: Btf): string {
  return new Writer(btf).write();
}

const head = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
`;
const tail = `
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/** By-value nesting deeper than this is no real program's. */
const maxNesting = 400;

/**
 * Members looked at and lines written, more than ten times what the largest kernel takes. Damaged types contain themselves in
 * exponentially many ways, or leave holes of gigabytes.
 */
const maxSteps = 3_000_000;

type Record = Extract<BtfType, { kind: 'struct' | 'union' }>;

class Writer {
  private readonly btf: Btf;
  private readonly names: CNames;
  private readonly out: string[] = [head];
  /** Typedefs and records that are written, or being written. */
  private readonly visited = new Set<number>();
  private readonly alignments = new Map<number, number>();
  private nesting = 0;
  /** Steps that may still be made. */
  private left = maxSteps;

  constructor(btf: Btf) {
    this.btf = btf;
    this.names = new CNames(btf);
  }

  write(): string {
    const { types } = this.btf;
    const referenced = referencedTypes(types);
    types.forEach((type, id) => {
      // An anonymous enum that nothing refers to only names constants; any other is written where it is used.
      if (type.kind !== 'enum' || (type.name === '' && referenced.has(id))) return;
      this.out.push(`${enumText(type, this.names.tag(id), this.names)};\n`);
    });
    types.forEach((type, id) => this.forward(type, id));
    types.forEach((type, id) => {
      if (type.kind === 'typedef' || isRecord(type)) this.define(id);
    });
    this.out.push(tail);
    return this.out.join('\n');
  }

  private forward(type: BtfType, id: number): void {
    if (type.kind === 'fwd') this.out.push(`${type.union ? 'union' : 'struct'} ${this.names.tag(id)};`);
    else if (isRecord(type) && type.name !== '') this.out.push(`${type.kind} ${this.names.tag(id)};`);
  }

  private define(id: number): void {
    const type = typeAt(this.btf, id);
    if (this.visited.has(id) || this.nesting > maxNesting) return;
    if (type.kind !== 'typedef' && !(isRecord(type) && type.name !== '')) return;
    this.visited.add(id);
    this.nesting++;
    if (type.kind === 'typedef') {
      this.require(type.type, false);
      this.out.push(`\ntypedef ${declare(this.spelling(0), type.type, this.names.identifier(id))};`);
    } else if (isRecord(type)) {
      for (const member of type.members) this.require(member.type, true);
      this.out.push(`\n${this.record(type, this.names.tag(id), 0)};`);
    }
    this.nesting--;
  }

  /**
   * Writes what a declaration of that type needs before it: typedefs always, records where their size counts (`complete`), and
   * what stands in anonymous records, which are written in place.
   */
  private require(id: number, complete: boolean): void {
    const type = typeAt(this.btf, id);
    if (this.nesting > maxNesting) return;
    this.spend(1);
    this.nesting++;
    switch (type.kind) {
      case 'typedef':
        this.define(id);
        if (complete) this.require(type.type, true);
        break;
      case 'ptr':
        this.require(type.type, false);
        break;
      case 'array':
        this.require(type.type, true);
        break;
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.require(type.type, complete);
        break;
      case 'struct':
      case 'union':
        if (type.name === '') for (const member of type.members) this.require(member.type, true);
        else if (complete) this.define(id);
        break;
      case 'func_proto':
        this.require(type.returnType, false);
        for (const param of type.params) this.require(param.type, false);
        break;
      case 'void':
      case 'int':
      case 'float':
      case 'enum':
      case 'fwd':
      case 'func':
      case 'var':
      case 'datasec':
      case 'decl_tag':
        break;
    }
    this.nesting--;
  }

  private spelling(indent: number): Spelling {
    const base = (type: NamedType, id: number): string => {
      switch (type.kind) {
        case 'int':
        case 'float':
        case 'func':
        case 'datasec':
          return type.name;
        case 'typedef':
          return this.names.identifier(id);
        case 'fwd':
          return `${type.union ? 'union' : 'struct'} ${this.names.tag(id)}`;
        case 'enum':
          return type.name === '' ? enumText(type, '', this.names, indent) : `enum ${this.names.tag(id)}`;
        case 'struct':
        case 'union':
          return type.name === '' ? this.record(type, '', indent) : `${type.kind} ${this.names.tag(id)}`;
      }
    };
    return { btf: this.btf, base, left: 2000 };
  }

  private record(type: Record, name: string, indent: number): string {
    if (indent > 40) return `${type.kind} {}`;
    const member = (id: number, declarator: string): string => declare(this.spelling(indent + 1), id, declarator);
    const spend = (steps: number): void => this.spend(steps);
    return recordText(this.btf, type, name, { indent, alignments: this.alignments, member, spend });
  }

  private spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new XdpError('object-damaged', 'The BTF cannot be written as C: its types have no end.');
  }
}

function isRecord(type: BtfType): type is Record {
  return type.kind === 'struct' || type.kind === 'union';
}

function referencedTypes(types: readonly BtfType[]): Set<number> {
  const referenced = new Set<number>();
  for (const type of types) {
    switch (type.kind) {
      case 'ptr':
      case 'array':
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
      case 'var':
        referenced.add(type.type);
        break;
      case 'struct':
      case 'union':
        for (const member of type.members) referenced.add(member.type);
        break;
      case 'func_proto':
        referenced.add(type.returnType);
        for (const param of type.params) referenced.add(param.type);
        break;
      case 'void':
      case 'int':
      case 'float':
      case 'enum':
      case 'fwd':
      case 'func':
      case 'datasec':
      case 'decl_tag':
        break;
    }
  }
  return referenced;
}
