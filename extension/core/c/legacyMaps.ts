import { blankComments, placeOf, readCall } from './text.ts';

/** A map in the form that libbpf dropped in 1.0, and the same map as libbpf takes it today. */
export interface LegacyMap {
  name: string;
  line: number;
  column: number;
  endColumn: number;
  /** Offsets of the whole definition, with its semicolon. */
  start: number;
  end: number;
  /** The BTF-defined form, as source text. */
  replacement: string;
}

const section = String.raw`SEC\s*\(\s*"maps"\s*\)|__attribute__\s*\(\(\s*section\s*\(\s*"maps"\s*\)[^;{=]*?\)\)`;
const definition = new RegExp(
  String.raw`\bstruct\s+bpf_map_def\s+(?:(?:${section})\s*(\w+)|(\w+)\s*(?:${section}))\s*=\s*\{`,
  'g',
);

/** Finds `struct bpf_map_def SEC("maps") name = { .type = …, … };` */
export function findLegacyMaps(source: string): LegacyMap[] {
  const text = blankComments(source);
  const maps: LegacyMap[] = [];
  for (const match of text.matchAll(definition)) {
    const name = match[1] ?? match[2] ?? '';
    const body = readCall(text, match.index, match.index + match[0].length - 1);
    if (body === undefined) continue;
    const fields = new Map<string, string>();
    for (const arg of body.args) {
      const field = /^\.(\w+)\s*=\s*([\s\S]+)$/.exec(arg);
      if (field?.[1] !== undefined && field[2] !== undefined) fields.set(field[1], field[2].trim());
    }
    const { line, column } = placeOf(text, match.index);
    const lineEnd = text.indexOf('\n', match.index);
    const length = Math.min(match[0].length, (lineEnd < 0 ? text.length : lineEnd) - match.index);
    const end = text[body.end] === ';' ? body.end + 1 : body.end;
    maps.push({
      name,
      line,
      column,
      endColumn: column + length,
      start: match.index,
      end,
      replacement: btfDefinition(name, fields),
    });
  }
  return maps;
}

function btfDefinition(name: string, fields: ReadonlyMap<string, string>): string {
  const lines = [`\t__uint(type, ${fields.get('type') ?? 'BPF_MAP_TYPE_ARRAY'});`];
  for (const part of ['key', 'value'] as const) {
    const size = fields.get(`${part}_size`);
    const type = size === undefined ? undefined : /^sizeof\s*\(([\s\S]+)\)$/.exec(size)?.[1]?.trim();
    if (type !== undefined) lines.push(`\t__type(${part}, ${type});`);
    else if (size !== undefined && size !== '0') lines.push(`\t__uint(${part}_size, ${size});`);
  }
  for (const field of ['max_entries', 'map_flags']) {
    const value = fields.get(field);
    if (value !== undefined) lines.push(`\t__uint(${field}, ${value});`);
  }
  return ['struct {', ...lines, `} ${name} SEC(".maps");`].join('\n');
}
