import { XdpError } from '../../core/errors.ts';
import { fromCsv } from '../../core/maps/csv.ts';
import type { MapSchema } from '../../core/maps/schema.ts';
import { readSnapshot } from '../../core/maps/snapshot.ts';
import type { EntryEdit } from './edit.ts';

export interface ImportedText {
  text: string;
  /** Where it is from, for its ending and for messages. */
  file: string;
  /** Absent: as the file's name says, else as the text looks. */
  format?: 'json' | 'csv';
}

/**
 * What a file sets: CSV as an export writes it, or JSON: what `xdp map --json` prints, a snapshot, or the entries of either alone.
 * Errors: `value-invalid`.
 */
export function importedEntries(schema: MapSchema, { text, file, format }: ImportedText): EntryEdit[] {
  if ((format ?? formatOf(file, text)) === 'csv') return fromCsv(schema, text);
  const json = parseJson(text, file);
  const document: unknown = Array.isArray(json) ? { name: '', type: '', entries: json } : json;
  return readSnapshot(document, file).entries.map(({ key, value, values }) => ({
    key,
    value: values ?? value ?? null,
  }));
}

function formatOf(file: string, text: string): 'json' | 'csv' {
  if (/\.csv$/i.test(file)) return 'csv';
  return /\.json$/i.test(file) || /^\s*[[{]/.test(text) ? 'json' : 'csv';
}

export function parseJson(text: string, file: string): unknown {
  let why = `it nests deeper than ${maxDepth} levels`;
  try {
    const json = JSON.parse(text) as unknown;
    if (isShallow(json)) return json;
  } catch (cause) {
    why = cause instanceof Error ? cause.message : String(cause);
  }
  throw new XdpError('value-invalid', `${file} is no JSON: ${why}.`);
}

/** No value of a map comes near; what walks a value, or writes it down for an error, does so by recursion. */
const maxDepth = 200;

function isShallow(json: unknown): boolean {
  let level = [json];
  for (let depth = 0; depth <= maxDepth; depth++) {
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
    if (level.length === 0) return true;
  }
  return false;
}
