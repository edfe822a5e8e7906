import { resolve } from 'node:path';
import { splitCommand } from './flags.ts';

export interface DatabaseEntry {
  /** Absolute. */
  directory: string;
  args: string[];
}

/**
 * The command of a file in a compile database; undefined where it has none, or is no such database.
 * https://clang.llvm.org/docs/JSONCompilationDatabase.html
 */
export function databaseEntry(json: string, file: string): DatabaseEntry | undefined {
  let entries: unknown;
  try {
    entries = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!Array.isArray(entries)) return undefined;
  for (const entry of entries as unknown[]) {
    if (!isRecord(entry) || typeof entry.directory !== 'string' || typeof entry.file !== 'string') continue;
    if (resolve(entry.directory, entry.file) !== file) continue;
    const list = entry.arguments;
    const args = Array.isArray(list)
      ? list.filter((arg): arg is string => typeof arg === 'string')
      : splitCommand(typeof entry.command === 'string' ? entry.command : '');
    return { directory: entry.directory, args: args.slice(1) };
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
