import type { CSource, Define, Field, RecordDefinition } from '../source.ts';
import type { Helper } from './helpers.ts';

/** A function of the kernel that BPF programs may call. */
export interface Kfunc {
  name: string;
  /** As a program declares it, without the semicolon. */
  prototype: string;
}

/** The kernel's types, looked up one by one: there are too many of them to hold as objects. */
export interface KernelTypes {
  structNames(prefix: string, limit: number): string[];
  fieldsOf(name: string): Field[] | undefined;
  sizeOf(name: string): number | undefined;
  kfuncs(): readonly Kfunc[];
}

/** What is known around a source: its headers, the helpers of its kernel headers, the running kernel's types. */
export interface Knowledge {
  helpers: ReadonlyMap<string, Helper>;
  /** The headers that the source includes, scanned, with those that they include. */
  headers: readonly CSource[];
  /** undefined where the kernel's types are not known, or not wanted. */
  kernel: KernelTypes | undefined;
  /** Whether the source includes vmlinux.h. */
  usesVmlinux: boolean;
}

export function recordNamed(
  source: CSource,
  knowledge: Knowledge,
  name: string,
): Pick<RecordDefinition, 'fields'> | undefined {
  for (const each of [source, ...knowledge.headers]) {
    const found = each.records.find((record) => record.name === name && record.kind !== 'enum');
    if (found !== undefined) return found;
  }
  const fields = knowledge.usesVmlinux ? knowledge.kernel?.fieldsOf(name) : undefined;
  return fields === undefined ? undefined : { fields };
}

export function defineNamed(source: CSource, knowledge: Knowledge, name: string): Define | undefined {
  for (const each of [source, ...knowledge.headers]) {
    const found = each.defines.find((define) => define.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
