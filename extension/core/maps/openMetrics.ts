import { actionOfKey, countsActions } from './actions.ts';
import { encodeKey, type MapEntry } from './entries.ts';
import { flatten } from './flatten.ts';
import type { MapSchema } from './schema.ts';

interface Sample {
  labels: string;
  text: string;
}

interface Family {
  type: 'counter' | 'gauge';
  help: string;
  samples: Sample[];
}

/**
 * OpenMetrics 1.0 text: a gauge family for each number in the values, with the map, the fields of the key and the CPU as labels,
 * and the map's own size. A value is whatever its program makes of it, so nothing but the program knows that it only rises: no
 * family is a counter, but for those of counters by verdict, which are.
 * Source: https://github.com/prometheus/OpenMetrics, specification/OpenMetrics.md.
 */
export function toOpenMetrics(schema: MapSchema, entries: readonly MapEntry[]): string {
  const families = new Map<string, Family>();
  for (const entry of entries) {
    const key = keyLabels(schema, entry);
    const values = entry.values ?? [entry.value ?? null];
    values.forEach((value, index) => {
      const cpu = entry.values === undefined ? [] : [['cpu', String(schema.possibleCpus[index] ?? index)] as const];
      const labels = labelText([['map', schema.name], ...key, ...cpu]);
      for (const [path, text] of flatten('value', value)) {
        const number = numberText(text);
        if (number === undefined) continue;
        const field = path.slice('value.'.length);
        const name = metricName(`xdp_map_${schema.name}${field === '' ? '' : `_${field}`}`);
        const help = `${field === '' ? 'Value' : field} of the BPF map ${schema.name} (${schema.type})`;
        const type = countsActions(schema) && (field === '' || counts.test(field)) ? 'counter' : 'gauge';
        const family = families.get(name) ?? { type, help, samples: [] };
        family.samples.push({ labels, text: number });
        families.set(name, family);
      }
    });
  }
  const blocks = [...families].map(([name, family]) => block(name, family));
  const size = `{map="${escapeText(schema.name)}"}`;
  blocks.push(
    block('xdp_bpf_map_entries', {
      help: 'Entries read from the BPF map',
      type: 'gauge',
      samples: [{ labels: size, text: String(entries.length) }],
    }),
    block('xdp_bpf_map_max_entries', {
      help: 'Entries that the BPF map can hold',
      type: 'gauge',
      samples: [{ labels: size, text: String(schema.maxEntries) }],
    }),
  );
  return `${blocks.join('\n')}\n# EOF\n`;
}

/** Fields of such counters that only rise; a time that stands beside them does not. */
const counts = /packet|pkt|byte|octet|count|drop|hit|error|total/i;

function block(name: string, { type, help, samples }: Family): string {
  // The sample of a counter ends in _total, its family does not.
  const sample = type === 'counter' ? `${name}_total` : name;
  const seen = new Set<string>();
  const lines = samples.flatMap(({ labels, text }) => {
    // Two fields whose names differ only in what a metric's name cannot hold.
    if (seen.has(labels)) return [];
    seen.add(labels);
    return [`${sample}${labels} ${text}`];
  });
  return [`# TYPE ${name} ${type}`, `# HELP ${name} ${escapeText(help)}`, ...lines].join('\n');
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
