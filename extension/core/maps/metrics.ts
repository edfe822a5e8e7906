import { XdpError } from '../errors.ts';
import { actionOfKey, countsActions } from './actions.ts';
import { encodeKey, type MapEntry } from './entries.ts';
import { flatten } from './flatten.ts';
import type { Layout } from './layout.ts';
import type { MapSchema } from './schema.ts';
import type { Value } from './value.ts';

/**
 * `openmetrics` 1.0 (https://github.com/prometheus/OpenMetrics, specification/OpenMetrics.md), or Prometheus' older text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats): there a counter's family is called as its samples are, so that
 * node_exporter, which reads that one, takes a counter of OpenMetrics for a number of unknown type.
 */
export type MetricsFormat = 'openmetrics' | 'prometheus';

export interface MetricsOptions {
  format: MetricsFormat;
  /** On every sample: two maps of one name are told apart by them. */
  labels?: readonly MetricsLabel[];
}

export interface MetricsLabel {
  name: string;
  value: string;
}

/** One number in the values: the samples of all entries stand together. */
interface Family {
  /** As flatten() names it: `value.rx.packets`. */
  path: string;
  name: string;
  type: 'counter' | 'gauge';
  help: string;
}

/**
 * A gauge family for each number in the values, with the map, the fields of the key and the CPU as labels, and the map's own size.
 * A value is whatever its program makes of it, so nothing but the program knows that it only rises: no family is a counter, but
 * for those of counters by verdict, which are. Without types (BTF) there are no numbers, only bytes. In pieces, for maps that do
 * not fit in one text: `chunks` is asked for once, and once for each family.
 */
export function* metricsPieces(
  schema: MapSchema,
  chunks: () => Iterable<readonly MapEntry[]>,
  { format, labels = [] }: MetricsOptions,
): Generator<string> {
  const families = new Map<string, Family>();
  const names = new Set<string>();
  let count = 0;
  for (const entries of chunks()) {
    count += entries.length;
    for (const { value, values } of entries) {
      for (const each of values ?? [value ?? null]) {
        for (const path of numbersOf(schema.value, each).keys()) {
          if (!families.has(path)) families.set(path, familyOf(schema, path, names));
        }
      }
    }
  }
  const common = [{ name: 'map', value: schema.name }, ...labels];
  for (const family of families.values()) {
    yield headOf(family, format);
    const samples = new Samples(schema, family, common);
    for (const entries of chunks()) yield samples.of(entries);
  }
  for (const [name, help, value] of [
    ['xdp_bpf_map_entries', 'Entries read from the BPF map', count],
    ['xdp_bpf_map_max_entries', 'Entries that the BPF map can hold', schema.maxEntries],
  ] as const) {
    yield `${headOf({ path: '', name, help, type: 'gauge' }, format)}${name}${labelText(common)} ${value}\n`;
  }
  if (format === 'openmetrics') yield '# EOF\n';
}

/** `NAME=VALUE`. Errors: `usage`, also for a name that a sample may have by itself. */
export function readLabel(text: string): MetricsLabel {
  const [, name, value] = /^([a-zA-Z_][a-zA-Z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined || name.startsWith('__')) {
    throw new XdpError('usage', `${text} is no label.`, { fix: 'Give NAME=VALUE, for example iface=eth0.' });
  }
  if (!/^(map|cpu|action|same_key)$|^key(_|$)/.test(name)) return { name, value };
  throw new XdpError('usage', `Every sample may have a label ${name} by itself.`, { fix: 'Choose another name.' });
}

/** Fields of counters by verdict that only rise; a time that stands beside them does not. */
const counts = /packet|pkt|byte|octet|count|drop|hit|error|total/i;

function familyOf(schema: MapSchema, path: string, used: Set<string>): Family {
  const field = path.slice('value.'.length);
  const rises = countsActions(schema) && (field === '' || counts.test(field));
  const type = rises ? 'counter' : 'gauge';
  const whole = metricName(`xdp_map_${schema.name}${field === '' ? '' : `_${field}`}`);
  const plain = rises ? whole.replace(/_total$/, '') : whole;
  // Two fields whose names differ only in what a metric's name cannot hold are two families.
  let name = plain;
  for (let number = 2; used.has(name) || used.has(sampleName({ name, type })); number++) name = `${plain}_${number}`;
  used.add(name).add(sampleName({ name, type }));
  return { path, name, type, help: `${field === '' ? 'Value' : field} of the BPF map ${schema.name}` };
}

/** The sample of a counter ends in _total, its family does not. */
function sampleName({ name, type }: Pick<Family, 'name' | 'type'>): string {
  return type === 'counter' ? `${name}_total` : name;
}

function headOf({ name, type, help }: Family, format: MetricsFormat): string {
  const family = format === 'prometheus' ? sampleName({ name, type }) : name;
  return `# TYPE ${family} ${type}\n# HELP ${family} ${escapeText(help)}\n`;
}

/** Samples of one family. No two may have the same labels, or a collector throws all of them away. */
class Samples {
  readonly #schema: MapSchema;
  readonly #family: Family;
  readonly #common: readonly MetricsLabel[];
  /** How often each key was there, as it is shown: keys may differ in bytes that nobody sees, in padding or behind a NUL. */
  readonly #keys = new Map<string, number>();

  constructor(schema: MapSchema, family: Family, common: readonly MetricsLabel[]) {
    this.#schema = schema;
    this.#family = family;
    this.#common = common;
  }

  of(entries: readonly MapEntry[]): string {
    const { path } = this.#family;
    const sample = sampleName(this.#family);
    const lines: string[] = [];
    for (const entry of entries) {
      const key = this.#keyLabels(entry);
      const values = entry.values ?? [entry.value ?? null];
      values.forEach((value, index) => {
        const number = numbersOf(this.#schema.value, value).get(path);
        if (number === undefined) return;
        const cpu = String(this.#schema.possibleCpus[index] ?? index);
        const labels = entry.values === undefined ? key : [...key, { name: 'cpu', value: cpu }];
        lines.push(`${sample}${labelText([...this.#common, ...labels])} ${number}\n`);
      });
    }
    return lines.join('');
  }

  #keyLabels(entry: MapEntry): MetricsLabel[] {
    const labels = keyLabels(this.#schema, entry);
    const shown = JSON.stringify(entry.key);
    const before = this.#keys.get(shown) ?? 0;
    this.#keys.set(shown, before + 1);
    return before === 0 ? labels : [...labels, { name: 'same_key', value: String(before + 1) }];
  }
}

function keyLabels(schema: MapSchema, { key }: MapEntry): MetricsLabel[] {
  const action = countsActions(schema) ? actionOfKey(schema, encodeKey(schema, key)) : undefined;
  if (action !== undefined) return [{ name: 'action', value: action }];
  return [...flatten('key', key)].map(([path, value]) => ({
    name: path === 'key' ? 'key' : path.replace(/^key\./, 'key_'),
    value,
  }));
}

/** Numbers of a decoded value, as text, by the paths of flatten(). A hex text or a name of digits is none. */
function numbersOf(layout: Layout | undefined, value: Value): Map<string, string> {
  const numbers = new Map<string, string>();
  if (layout !== undefined) collect(layout, 'value', value, numbers);
  return numbers;
}

function collect(layout: Layout, path: string, value: Value, into: Map<string, string>): void {
  switch (layout.kind) {
    case 'int':
    case 'bool':
    case 'float':
      return collectScalar(path, value, into);
    case 'bits':
      if (layout.base !== 'enum') collectScalar(path, value, into);
      return;
    case 'array':
      if (Array.isArray(value)) value.forEach((each, at) => collect(layout.element, `${path}.${at}`, each, into));
      return;
    case 'struct':
    case 'union': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
      const fields = new Map(Object.entries(value));
      for (const field of layout.fields) {
        const each = fields.get(field.name);
        if (each !== undefined) collect(field.layout, `${path}.${field.name}`, each, into);
      }
      return;
    }
    case 'enum':
    case 'pointer':
    case 'text':
    case 'bytes':
    case 'ipv4':
    case 'ipv6':
    case 'mac':
      return;
  }
}

/** Both formats write floats as decode() does, but for the infinities. */
function collectScalar(path: string, value: Value, into: Map<string, string>): void {
  if (typeof value === 'boolean') into.set(path, value ? '1' : '0');
  else if (value === 'Infinity' || value === '-Infinity') into.set(path, value.startsWith('-') ? '-Inf' : '+Inf');
  else if (typeof value === 'number' || typeof value === 'string') into.set(path, String(value));
}

function metricName(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

function labelText(labels: readonly MetricsLabel[]): string {
  const used = new Set<string>();
  const parts = labels.map(({ name, value }) => {
    let label = metricName(name).replace(/^(?=\d)/, '_');
    while (used.has(label)) label += '_';
    used.add(label);
    return `${label}="${escapeText(value)}"`;
  });
  return `{${parts.join(',')}}`;
}

function escapeText(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}
