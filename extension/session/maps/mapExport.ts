import type { MapEntry } from '../../core/maps/entries.ts';
import type { Value } from '../../core/maps/value.ts';
import type { OpenMap } from './maps.ts';

/** One row per (key, CPU), or per key where the map is shared; nested fields joined by dots. RFC 4180 quoting. */
export function toCsv(entries: readonly MapEntry[]): string {
  const rows = entries.flatMap((entry) =>
    entry.values
      ? entry.values.map((value, cpu) => ({
          ...flatten('key', entry.key),
          cpu: String(cpu),
          ...flatten('value', value),
        }))
      : [{ ...flatten('key', entry.key), ...flatten('value', entry.value ?? null) }],
  );
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) =>
    columns.map((column) => quote((row as Record<string, string>)[column] ?? '')).join(','),
  );
  return [columns.map(quote).join(','), ...lines].join('\r\n') + '\r\n';
}

/** OpenMetrics 1.0 text: one gauge family per integer field; key fields and the CPU are labels. */
export function toOpenMetrics(map: OpenMap, entries: readonly MapEntry[]): string {
  const families = new Map<string, string[]>();
  for (const entry of entries) {
    const key = flatten('key', entry.key);
    const values = entry.values ?? [entry.value ?? null];
    values.forEach((value, cpu) => {
      const labels = { map: map.info.name, ...key, ...(entry.values ? { cpu: String(cpu) } : {}) };
      for (const [path, text] of Object.entries(flatten('value', value))) {
        if (!/^-?\d+$/.test(text)) continue;
        const family = metricName(
          `xdp_map_${map.info.name}${path === 'value' ? '' : `_${path.slice('value.'.length)}`}`,
        );
        const samples = families.get(family) ?? [];
        samples.push(`${family}{${labelText(labels)}} ${text}`);
        families.set(family, samples);
      }
    });
  }
  const blocks = [...families].map(([family, samples]) => [`# TYPE ${family} gauge`, ...samples].join('\n'));
  return [...blocks, '# EOF', ''].join('\n');
}

function flatten(prefix: string, value: Value): Record<string, string> {
  if (value === null) return { [prefix]: '' };
  if (typeof value !== 'object') return { [prefix]: String(value) };
  const parts = Array.isArray(value)
    ? value.map((each, index) => [String(index), each] as const)
    : Object.entries(value);
  return Object.assign({}, ...parts.map(([name, part]) => flatten(`${prefix}.${name}`, part)));
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function metricName(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, text]) => `${metricName(name)}="${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`)
    .join(',');
}
