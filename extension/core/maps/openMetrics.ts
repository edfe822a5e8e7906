import { actionOfKey, countsActions } from './actions.ts';
import { encodeKey, type MapEntry } from './entries.ts';
import { flatten } from './flatten.ts';
import type { MapSchema } from './schema.ts';

/** One number in the values: the samples of all entries stand together. */
interface Family {
  /** As flatten() names it: `value.rx.packets`. */
  path: string;
  name: string;
  type: 'counter' | 'gauge';
  help: string;
}

/**
 * OpenMetrics 1.0 text: a gauge family for each number in the values, with the map, the fields of the key and the CPU as labels,
 * and the map's own size. A value is whatever its program makes of it, so nothing but the program knows that it only rises: no
 * family is a counter, but for those of counters by verdict, which are.
 * Source: https://github.com/prometheus/OpenMetrics, specification/OpenMetrics.md.
 */
export function toOpenMetrics(schema: MapSchema, entries: readonly MapEntry[]): string {
  return [...openMetricsPieces(schema, () => [entries])].join('');
}

/** The same in pieces, for maps that do not fit in one text. `chunks` is asked for once, and once for each family. */
export function* openMetricsPieces(schema: MapSchema, chunks: () => Iterable<readonly MapEntry[]>): Generator<string> {
  const families = new Map<string, Family>();
  const names = new Set<string>();
  let count = 0;
  for (const entries of chunks()) {
    count += entries.length;
    for (const { value, values } of entries) {
      for (const each of values ?? [value ?? null]) {
        for (const [path, text] of flatten('value', each)) {
          if (!families.has(path) && numberText(text) !== undefined) families.set(path, familyOf(schema, path, names));
        }
      }
    }
  }
  for (const family of families.values()) {
    yield headOf(family);
    for (const entries of chunks()) yield samplesOf(schema, family, entries);
  }
  const labels = `{map="${escapeText(schema.name)}"}`;
  for (const [name, help, value] of [
    ['xdp_bpf_map_entries', 'Entries read from the BPF map', count],
    ['xdp_bpf_map_max_entries', 'Entries that the BPF map can hold', schema.maxEntries],
  ] as const) {
    yield `${headOf({ path: '', name, help, type: 'gauge' })}${name}${labels} ${value}\n`;
  }
  yield '# EOF\n';
}

/** Fields of counters by verdict that only rise; a time that stands beside them does not. */
const counts = /packet|pkt|byte|octet|count|drop|hit|error|total/i;

function familyOf(schema: MapSchema, path: string, used: Set<string>): Family {
  const field = path.slice('value.'.length);
  const plain = metricName(`xdp_map_${schema.name}${field === '' ? '' : `_${field}`}`);
  // Two fields whose names differ only in what a metric's name cannot hold are two families.
  let name = plain;
  for (let number = 2; used.has(name); number++) name = `${plain}_${number}`;
  used.add(name);
  const rises = countsActions(schema) && (field === '' || counts.test(field));
  const help = `${field === '' ? 'Value' : field} of the BPF map ${schema.name} (${schema.type})`;
  return { path, name, type: rises ? 'counter' : 'gauge', help };
}

function headOf({ name, type, help }: Family): string {
  return `# TYPE ${name} ${type}\n# HELP ${name} ${escapeText(help)}\n`;
}

function samplesOf(schema: MapSchema, { path, name, type }: Family, entries: readonly MapEntry[]): string {
  // The sample of a counter ends in _total, its family does not.
  const sample = type === 'counter' ? `${name}_total` : name;
  const lines: string[] = [];
  for (const entry of entries) {
    const key = keyLabels(schema, entry);
    const values = entry.values ?? [entry.value ?? null];
    values.forEach((value, index) => {
      const number = numberText(flatten('value', value).get(path) ?? '');
      if (number === undefined) return;
      const cpu = entry.values === undefined ? [] : [['cpu', String(schema.possibleCpus[index] ?? index)] as const];
      lines.push(`${sample}${labelText([['map', schema.name], ...key, ...cpu])} ${number}\n`);
    });
  }
  return lines.join('');
}

function keyLabels(schema: MapSchema, { key }: MapEntry): (readonly [string, string])[] {
  const action = countsActions(schema) ? actionOfKey(schema, encodeKey(schema, key)) : undefined;
  if (action !== undefined) return [['action', action]];
  return [...flatten('key', key)].map(([path, text]) => [
    path === 'key' ? 'key' : path.replace(/^key\./, 'key_'),
    text,
  ]);
}

/** Whole numbers as they are, floats of the specification's form; undefined for what is no number. */
function numberText(text: string): string | undefined {
  if (/^-?\d+$/.test(text)) return text;
  if (text === 'true' || text === 'false') return text === 'true' ? '1' : '0';
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return text;
  return undefined;
}

function metricName(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

function labelText(labels: readonly (readonly [string, string])[]): string {
  const used = new Set<string>();
  const parts = labels.map(([name, text]) => {
    let label = metricName(name).replace(/^(?=\d)/, '_');
    while (used.has(label)) label += '_';
    used.add(label);
    return `${label}="${escapeText(text)}"`;
  });
  return `{${parts.join(',')}}`;
}

function escapeText(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}
