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
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new XdpError('value-invalid', `${file} is no JSON: ${why}.`, { cause });
  }
}
