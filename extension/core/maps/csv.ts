import { XdpError } from '../errors.ts';
import type { MapEntry } from './entries.ts';
import { flatten } from './flatten.ts';
import type { Layout } from './layout.ts';
import type { MapSchema } from './schema.ts';
import { isPerCpu } from './types.ts';
import type { Value } from './value.ts';

/**
 * One row per key, or per (key, CPU) where each CPU has a value of its own; a column per field, nested ones joined by dots.
 * RFC 4180: CRLF, quotes doubled. fromCsv reads it back. In pieces, for maps that do not fit in one text: `chunks` is asked for
 * once for the columns and once for the rows.
 */
export function* csvPieces(schema: MapSchema, chunks: () => Iterable<readonly MapEntry[]>): Generator<string> {
  const found = new Set<string>();
  for (const entries of chunks()) addCsvColumns(schema, entries, found);
  yield csvHeader(schema, found);
  for (const entries of chunks()) yield csvLines(schema, entries, found);
}

/** For who cannot have the entries twice at hand: first their columns, in `found`, then the header, then the lines. */
export function addCsvColumns(schema: MapSchema, entries: readonly MapEntry[], found: Set<string>): void {
  for (const row of rowsOf(schema, entries)) for (const column of row.keys()) found.add(column);
}

export function csvHeader(schema: MapSchema, found: Set<string>): string {
  // An empty map still says what its columns are.
  if (found.size === 0)
    for (const column of ['key', ...(isPerCpu(schema.type) ? ['cpu'] : []), 'value']) found.add(column);
  return `${[...found].map(quote).join(',')}\r\n`;
}

export function csvLines(schema: MapSchema, entries: readonly MapEntry[], columns: ReadonlySet<string>): string {
  const lines: string[] = [];
  for (const row of rowsOf(schema, entries)) {
    lines.push(`${[...columns].map((column) => quote(row.get(column) ?? '')).join(',')}\r\n`);
  }
  return lines.join('');
}

function* rowsOf(schema: MapSchema, entries: readonly MapEntry[]): Generator<Map<string, string>> {
  for (const { key, value, values } of entries) {
    if (values === undefined) yield rowOf(key, undefined, value ?? null);
    else for (const [index, each] of values.entries()) yield rowOf(key, schema.possibleCpus[index] ?? index, each);
  }
}

function rowOf(key: Value, cpu: number | undefined, value: Value): Map<string, string> {
  return new Map([
    ...flatten('key', key),
    ...(cpu === undefined ? [] : [['cpu', String(cpu)] as const]),
    ...flatten('value', value),
  ]);
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What an import sets: a value, or one for each CPU in the order of the possible CPUs. */
export interface ImportedEntry {
  key: Value;
  value: Value;
  /** Of the first row that it comes from, from 1. */
  line: number;
}

/** Rows of csvPieces, in any order. Errors: `value-invalid` with the line. */
export function fromCsv(schema: MapSchema, text: string): ImportedEntry[] {
  const [header, ...rows] = parseCsv(text);
  if (header === undefined) return [];
  checkHeader(schema, header.cells);
  const entries = new Map<string, { key: Value; line: number; perCpu: Map<number, Value> }>();
  for (const row of rows) {
    if (row.cells.length !== header.cells.length) {
      throw badLine(row.line, `it has ${row.cells.length} cells, the first line ${header.cells.length}`);
    }
    const cells = new Map(header.cells.map((column, index) => [column, row.cells[index] ?? '']));
    const key = valueFrom(schema.key, 'key', cells) ?? badValue(row.line, 'a key');
    const cpu = isPerCpu(schema.type) ? cpuFrom(schema, cells.get('cpu'), row.line) : 0;
    const id = JSON.stringify(key);
    const entry = entries.get(id) ?? { key, line: row.line, perCpu: new Map<number, Value>() };
    if (entry.perCpu.has(cpu)) throw badLine(row.line, 'the same key was there before');
    entry.perCpu.set(cpu, valueFrom(schema.value, 'value', cells) ?? badValue(row.line, 'a value'));
    entries.set(id, entry);
  }
  return [...entries.values()].map(({ key, line, perCpu }) => ({ key, line, value: valueOf(schema, perCpu, line) }));
}

function valueOf(schema: MapSchema, perCpu: ReadonlyMap<number, Value>, line: number): Value {
  if (!isPerCpu(schema.type)) return perCpu.get(0) ?? null;
  const missing = schema.possibleCpus.find((cpu) => !perCpu.has(cpu));
  if (missing !== undefined) throw badLine(line, `CPU ${missing} has no row for this key`);
  return schema.possibleCpus.map((cpu) => perCpu.get(cpu) ?? null);
}

function cpuFrom(schema: MapSchema, text: string | undefined, line: number): number {
  const cpu = /^\d+$/.test(text ?? '') ? Number(text) : -1;
  if (schema.possibleCpus.includes(cpu)) return cpu;
  throw badLine(line, `${text === undefined || text === '' ? 'no CPU' : text} is none of this machine's CPUs`);
}

function checkHeader(schema: MapSchema, columns: readonly string[]): void {
  const known = new Set(['cpu', ...columnsOf(schema.key, 'key'), ...columnsOf(schema.value, 'value')]);
  const strange = columns.find((column) => !known.has(column) && !/^(key|value)(\.|$)/.test(column));
  if (strange === undefined && new Set(columns).size === columns.length) return;
  throw badLine(1, strange === undefined ? 'a column is there twice' : `${strange} is no column of this map`, [
    ...known,
  ]);
}

function columnsOf(layout: Layout | undefined, path: string): string[] {
  if (layout === undefined) return [path];
  switch (layout.kind) {
    case 'struct':
    case 'union':
      return layout.fields.flatMap((field) => columnsOf(field.layout, `${path}.${field.name}`)).slice(0, 1000);
    case 'array':
      return Array.from({ length: Math.min(layout.count, 1000) }, (_, index) => `${path}.${index}`);
    default:
      return [path];
  }
}

/** undefined when no column is about it. Cells are text: the encoder takes numbers, addresses and names in that form. */
function valueFrom(layout: Layout | undefined, path: string, cells: ReadonlyMap<string, string>): Value | undefined {
  if (layout?.kind === 'struct' || layout?.kind === 'union') {
    const fields = layout.fields.flatMap((field) => {
      const value = valueFrom(field.layout, `${path}.${field.name}`, cells);
      return value === undefined ? [] : [[field.name, value] as const];
    });
    return fields.length === 0 ? undefined : Object.fromEntries(fields);
  }
  if (layout?.kind === 'array') {
    const count = layout.flexible ? Number.POSITIVE_INFINITY : layout.count;
    const items: Value[] = [];
    for (let index = 0; index < count; index++) {
      const item = valueFrom(layout.element, `${path}.${index}`, cells);
      if (item === undefined) break;
      items.push(item);
    }
    return items.length === 0 && layout.count > 0 ? undefined : items;
  }
  const text = cells.get(path);
  if (text === undefined) return undefined;
  return layout === undefined ? `hex:${text}` : scalarFrom(layout, text);
}

function scalarFrom(layout: Layout, text: string): Value {
  if (layout.kind === 'bool' && /^(true|false)$/.test(text)) return text === 'true';
  if (layout.kind === 'bits' && layout.base === 'bool' && /^(true|false)$/.test(text)) return text === 'true';
  if (layout.kind === 'float' && /^-?[\d.]/.test(text)) return Number(text);
  return text;
}

function badValue(line: number, what: string): never {
  throw badLine(line, `it has no column for ${what}`);
}

function badLine(line: number, why: string, columns?: readonly string[]): XdpError {
  return new XdpError('value-invalid', `Line ${line} of the CSV cannot be used: ${why}.`, {
    ...(columns === undefined ? {} : { fix: `Its columns are ${columns.slice(0, 20).join(', ')}.` }),
    details: { line },
  });
}

/** Rows of cells; empty lines are none. */
function parseCsv(text: string): { cells: string[]; line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let cells: string[] = [];
  let line = 1;
  let first = 1;
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  let at = 0;
  const endRow = (): void => {
    if (cells.length > 1 || (cells[0] ?? '') !== '') rows.push({ cells, line: first });
    cells = [];
  };
  while (at < source.length) {
    if (cells.length === 0) first = line;
    const cell = source[at] === '"' ? quotedCell(source, at, line) : plainCell(source, at);
    cells.push(cell.text);
    line += cell.text.split('\n').length - 1;
    at = cell.end;
    if (source[at] === ',') {
      at++;
      if (at === source.length) cells.push('');
      continue;
    }
    endRow();
    if (source.startsWith('\r\n', at)) at += 2;
    else if (at < source.length) at++;
    line++;
  }
  endRow();
  return rows;
}

function plainCell(source: string, at: number): { text: string; end: number } {
  let end = at;
  while (end < source.length && !',\r\n'.includes(source[end] ?? '')) end++;
  return { text: source.slice(at, end), end };
}

function quotedCell(source: string, at: number, line: number): { text: string; end: number } {
  let text = '';
  for (let end = at + 1; end < source.length; end++) {
    if (source[end] !== '"') text += source[end];
    else if (source[end + 1] === '"') {
      text += '"';
      end++;
    } else if (end + 1 === source.length || ',\r\n'.includes(source[end + 1] ?? '')) return { text, end: end + 1 };
    else throw badLine(line, 'something stands behind a closing quote');
  }
  throw badLine(line, 'a quote is not closed');
}
