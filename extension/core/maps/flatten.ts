import type { Value } from './value.ts';

/** A value as columns: nested fields and array elements joined by dots (`value.rx.packets`, `key.0`); a scalar is the prefix itself. */
export function flatten(prefix: string, value: Value): Map<string, string> {
  const columns = new Map<string, string>();
  collect(prefix, value, columns);
  return columns;
}

function collect(path: string, value: Value, into: Map<string, string>): void {
  if (value === null) into.set(path, '');
  else if (typeof value !== 'object') into.set(path, String(value));
  else if (Array.isArray(value)) value.forEach((each, index) => collect(`${path}.${index}`, each, into));
  else for (const [field, each] of Object.entries(value)) collect(`${path}.${field}`, each, into);
}
