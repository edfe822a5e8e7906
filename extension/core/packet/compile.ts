/**
 * The header tables with their names resolved to positions, so that building and dissecting do no searching.
 * Made once, when first needed.
 */
import { parseIpv4, parseIpv6, parseMac } from './address.ts';
import { packetInvalid, suggest } from './fail.ts';
import type { AutoRule, Binding, Condition, FieldSpec, HeaderSpec, OptionFamily } from './headers/spec.ts';
import { headers } from './headers/table.ts';
import type { FieldValue } from './model.ts';

/** Over the integers of a header, by position of the field. */
export type Predicate = (numbers: readonly number[]) => boolean;

export interface CompiledField {
  readonly spec: FieldSpec;
  readonly name: string;
  readonly index: number;
  readonly bits: number;
  /** The largest integer it holds. */
  readonly max: number;
  readonly when: Predicate | undefined;
  readonly above: string | undefined;
  /** Computed from the packet, not from a default or from the next layer. */
  readonly computed: boolean;
  readonly rule: AutoRule | undefined;
  /** Of a checksum that is not always computed. */
  readonly ruleWhen: Predicate | undefined;
  /** Of an address of fixed length. */
  readonly defaultBytes: Uint8Array | undefined;
}

interface Candidate {
  readonly header: CompiledHeader;
  readonly match: readonly (readonly [index: number, value: number])[];
  readonly peek: number | undefined;
  readonly peekAt: number;
  readonly peekMask: number;
}

export interface CompiledHeader {
  readonly spec: HeaderSpec;
  readonly fields: readonly CompiledField[];
  /** Position of the first field of a name. */
  readonly positions: ReadonlyMap<string, number>;
  /** Bytes of all fields of fixed length, present or not. */
  readonly fixedBytes: number;
  /** Positions of the fields that are computed, checksums apart. */
  readonly computed: readonly number[];
  readonly checksums: readonly number[];
  /** No field depends on another: all are always there. */
  readonly unconditional: boolean;
  /** One zero per field, to copy. */
  readonly zeros: readonly number[];
  readonly nextWhen: Predicate | undefined;
  readonly partial: Predicate | undefined;
  readonly openIfZero: Predicate | undefined;
  /** Position of the field that gives the header's length, and of the one that ends the message; -1: none. */
  readonly lengthIndex: number;
  readonly extentIndex: number;
  /** By upper layer: what it sets in fields of this header, by position. */
  readonly sets: Map<string, readonly (FieldValue | undefined)[]>;
  /** By field position, then value: what may follow. */
  readonly candidates: { index: number; byValue: Map<number, Candidate[]> }[];
  readonly peeked: Map<number, CompiledHeader>;
  otherwise: CompiledHeader | undefined;
}

let compiled: ReadonlyMap<string, CompiledHeader> | undefined;

export function compiledHeaders(): ReadonlyMap<string, CompiledHeader> {
  compiled ??= compileAll();
  return compiled;
}

/** The header of that name, or an error that suggests one. */
export function headerNamed(name: string, layerIndex?: number): CompiledHeader {
  const header = compiledHeaders().get(name);
  if (header !== undefined) return header;
  const names = [...headers.values()].filter((spec) => spec.role !== 'option').map((spec) => spec.name);
  throw packetInvalid(
    `There is no layer "${name}".`,
    layerIndex === undefined ? { layer: name } : { layer: name, layerIndex },
    suggest(name, names),
  );
}

/** The option headers of a family by type, and the one for all others. */
export function optionHeaders(family: OptionFamily): {
  byType: ReadonlyMap<number, CompiledHeader>;
  other: CompiledHeader;
} {
  optionTables[family] ??= optionTable(family);
  return optionTables[family];
}

const optionTables: Partial<Record<OptionFamily, ReturnType<typeof optionTable>>> = {};

function optionTable(family: OptionFamily) {
  const byType = new Map<number, CompiledHeader>();
  let other: CompiledHeader | undefined;
  for (const header of compiledHeaders().values()) {
    const option = header.spec.option;
    if (option?.family !== family) continue;
    if (option.type === undefined) other = header;
    else byType.set(option.type, header);
  }
  return { byType, other: other ?? headerNamed('Raw') };
}

function compileAll(): ReadonlyMap<string, CompiledHeader> {
  const all = new Map<string, CompiledHeader>();
  for (const spec of headers.values()) all.set(spec.name, compileHeader(spec));
  for (const lower of all.values()) {
    const carrier = carrierOf(lower, all);
    for (const upper of all.values()) bind(lower, carrier, upper, upper.spec.under ?? []);
    const rule = lower.spec.next ?? carrier.spec.next;
    lower.otherwise = rule?.otherwise === undefined ? undefined : all.get(rule.otherwise);
  }
  return all;
}

/** The header whose bindings count for this one. */
function carrierOf(header: CompiledHeader, all: ReadonlyMap<string, CompiledHeader>): CompiledHeader {
  return all.get(header.spec.like ?? header.spec.name) ?? header;
}

function compileHeader(spec: HeaderSpec): CompiledHeader {
  const positions = new Map<string, number>();
  for (const [index, field] of spec.fields.entries()) if (!positions.has(field.name)) positions.set(field.name, index);
  const fields = spec.fields.map(
    (field, index): CompiledField => ({
      spec: field,
      name: field.name,
      index,
      bits: field.bits,
      max: field.kind === 'pppProtocol' ? 0xffff : 2 ** field.bits - 1,
      when: field.when === undefined ? undefined : compileCondition(field.when, positions),
      above: field.above,
      computed: field.auto !== undefined && field.auto.kind !== 'next',
      rule: field.auto,
      ruleWhen:
        field.auto?.kind === 'checksum' && field.auto.when !== undefined
          ? compileCondition(field.auto.when, positions)
          : undefined,
      defaultBytes: defaultBytes(field),
    }),
  );
  const at = (name: string | undefined): number => (name === undefined ? -1 : (positions.get(name) ?? -1));
  return {
    spec,
    fields,
    positions,
    fixedBytes: Math.ceil(fields.reduce((sum, field) => sum + (field.spec.phantom === true ? 0 : field.bits), 0) / 8),
    computed: fields
      .filter((field) => field.computed && field.spec.auto?.kind !== 'checksum')
      .map((field) => field.index),
    checksums: fields.filter((field) => field.spec.auto?.kind === 'checksum').map((field) => field.index),
    unconditional: fields.every((field) => field.when === undefined && field.above === undefined),
    zeros: fields.map(() => 0),
    nextWhen: spec.next?.when === undefined ? undefined : compileCondition(spec.next.when, positions),
    partial: spec.partial === undefined ? undefined : compileCondition(spec.partial, positions),
    openIfZero: spec.extent?.openIfZero === undefined ? undefined : compileCondition(spec.extent.openIfZero, positions),
    lengthIndex: at(spec.headerLength?.field),
    extentIndex: at(spec.extent?.field),
    sets: new Map(),
    candidates: [],
    peeked: new Map(),
    otherwise: undefined,
  };
}

function defaultBytes({ kind, default: value }: FieldSpec): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  if (kind === 'mac') return parseMac(value);
  if (kind === 'ipv4') return parseIpv4(value);
  return kind === 'ipv6' ? parseIpv6(value) : undefined;
}

function bind(
  lower: CompiledHeader,
  carrier: CompiledHeader,
  upper: CompiledHeader,
  bindings: readonly Binding[],
): void {
  const rule = lower.spec.next ?? carrier.spec.next;
  for (const binding of bindings) {
    if (binding.lower !== lower.spec.name && binding.lower !== carrier.spec.name) continue;
    if (!lower.sets.has(upper.spec.name)) {
      const set: (FieldValue | undefined)[] = lower.fields.map(() => undefined);
      for (const [name, value] of Object.entries(binding.set ?? {})) {
        const index = lower.positions.get(name);
        if (index !== undefined) set[index] = value;
      }
      lower.sets.set(upper.spec.name, set);
    }
    if (rule?.peek === true && binding.peek !== undefined) lower.peeked.set(binding.peek, upper);
    addCandidate(lower, rule?.fields ?? [], upper, binding);
  }
}

function addCandidate(lower: CompiledHeader, by: readonly string[], upper: CompiledHeader, binding: Binding): void {
  const match = Object.entries(binding.match ?? binding.set ?? {}).flatMap(([name, value]) => {
    const index = lower.positions.get(name);
    return index === undefined || typeof value !== 'number' ? [] : [[index, value] as const];
  });
  for (const name of by) {
    const index = lower.positions.get(name) ?? -1;
    const key = match.find(([position]) => position === index);
    if (key === undefined) continue;
    let table = lower.candidates.find((candidate) => candidate.index === index);
    if (table === undefined) {
      table = { index, byValue: new Map() };
      lower.candidates.push(table);
    }
    const list = table.byValue.get(key[1]) ?? [];
    list.push({
      header: upper,
      match: match.filter(([position]) => position !== index),
      peek: binding.peek,
      peekAt: binding.peekAt ?? 0,
      peekMask: binding.peekMask ?? 0xff,
    });
    table.byValue.set(key[1], list);
    return;
  }
}

function compileCondition(condition: Condition, positions: ReadonlyMap<string, number>): Predicate {
  if ('any' in condition) {
    const parts = condition.any.map((part) => compileCondition(part, positions));
    return (numbers) => parts.some((part) => part(numbers));
  }
  if ('all' in condition) {
    const parts = condition.all.map((part) => compileCondition(part, positions));
    return (numbers) => parts.every((part) => part(numbers));
  }
  const index = positions.get(condition.field) ?? -1;
  if ('in' in condition) {
    const values = condition.in;
    return (numbers) => values.includes(numbers[index] ?? 0);
  }
  if ('notIn' in condition) {
    const values = condition.notIn;
    return (numbers) => !values.includes(numbers[index] ?? 0);
  }
  if ('anyBit' in condition) {
    const mask = condition.anyBit;
    return (numbers) => ((numbers[index] ?? 0) & mask) !== 0;
  }
  const mask = condition.noBit;
  return (numbers) => ((numbers[index] ?? 0) & mask) === 0;
}

/** Which header follows at `bytes[at, end)`; undefined: none that we know, so payload. */
export function nextHeader(
  header: CompiledHeader,
  numbers: readonly number[],
  bytes: Uint8Array,
  at: number,
  end: number,
): CompiledHeader | undefined {
  if (at >= end || (header.nextWhen !== undefined && !header.nextWhen(numbers))) return undefined;
  const { candidates } = header;
  for (let i = 0; i < candidates.length; i++) {
    const table = candidates[i];
    const list = table?.byValue.get(numbers[table.index] ?? 0);
    if (list === undefined) continue;
    for (const candidate of list) {
      if (candidate.peek !== undefined && !peeks(candidate, candidate.peek, bytes, at, end)) continue;
      if (matches(candidate.match, numbers)) return candidate.header;
    }
  }
  return (header.peeked.size === 0 ? undefined : header.peeked.get(bytes[at] ?? 0)) ?? header.otherwise;
}

function peeks({ peekAt, peekMask }: Candidate, peek: number, bytes: Uint8Array, from: number, end: number): boolean {
  const at = from + peekAt;
  if (at >= end) return false;
  const seen = bytes[at] ?? 0;
  if (peekMask <= 0xff) return (seen & peekMask) === peek;
  return at + 1 < end && (((seen << 8) | (bytes[at + 1] ?? 0)) & peekMask) === peek;
}

function matches(match: Candidate['match'], numbers: readonly number[]): boolean {
  for (let i = 0; i < match.length; i++) {
    const [position, value] = match[i] ?? [0, 0];
    if (numbers[position] !== value) return false;
  }
  return true;
}
