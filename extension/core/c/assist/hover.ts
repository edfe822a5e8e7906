import type { CSource, MapDefinition } from '../source.ts';
import { t } from '../../text/language.ts';
import { helperText } from './completion.ts';
import { layoutOf, lineBefore, numberOf, structOf, wordAt } from './expressions.ts';
import { defineNamed, type Knowledge, recordNamed } from './knowledge.ts';
import { headerNote, sectionNote, sharingNote } from './notes.ts';
import { mapTypes, verdicts } from './vocabulary.ts';

export interface Hover {
  /** Markdown. */
  text: string;
  start: number;
  end: number;
}

/** What BPF says about the word at an offset. */
export function hoverAt(source: CSource, knowledge: Knowledge, offset: number): Hover | undefined {
  const at = wordAt(source.text, offset);
  if (at === undefined || /^\d/.test(at.word)) return undefined;
  const section = sectionAt(source.text, at);
  if (section !== undefined) return section;
  const { word, start, end } = at;
  const text = textOf(source, knowledge, at);
  return text === undefined ? undefined : { text, start, end };

  function textOf(src: CSource, known: Knowledge, place: { start: number }): string | undefined {
    const order = networkOrder(src, known, { word, start: place.start });
    if (order !== undefined) return order;
    const helper = known.helpers.get(word);
    if (helper !== undefined) {
      return `${c(`${helper.returns} ${word}(${helper.parameters.join(', ')})`)}\n\n${helperText(helper)}`;
    }
    const map = src.maps.find(({ name }) => name === word);
    if (map !== undefined) return mapText(src, known, map);
    const kfunc = word.startsWith('bpf_') ? known.kernel?.kfuncs().find(({ name }) => name === word) : undefined;
    if (kfunc !== undefined)
      return `${c(`extern ${kfunc.prototype} __ksym;`)}\n\n${t('A function of the running kernel.')}`;
    const said = [...verdicts, ...mapTypes].find(({ name }) => name === word);
    if (said !== undefined) return [`\`${word}\` ${t(said.text)}`, ...some(sharingNote(word))].join('  \n');
    const header = /\bstruct\s+$/.test(src.text.slice(Math.max(0, place.start - 20), place.start))
      ? headerNote(word)
      : undefined;
    if (header !== undefined) return header;
    const field = fieldText(src, known, place.start, word);
    if (field !== undefined) return field;
    return macroText(src, known, word);
  }
}

/** `SEC("xdp.frags")`, of which the cursor is in one word. */
function sectionAt(text: string, at: { start: number; end: number }): Hover | undefined {
  const from = text.lastIndexOf('"', at.start) + 1;
  const end = text.indexOf('"', at.end);
  if (end < 0 || !/\bSEC\(\s*"$/.test(text.slice(Math.max(0, from - 20), from))) return undefined;
  const note = sectionNote(text.slice(from, end).replace(/^\?/, ''));
  return note === undefined ? undefined : { text: note, start: from, end };
}

function some<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

/** As code. Its fence is longer than any in it: what a header says ends no code, and begins no link. */
function c(code: string): string {
  const runs = [...code.matchAll(/`+/g)].map(([run]) => run.length);
  const fence = '`'.repeat(1 + Math.max(2, ...runs));
  return `${fence}c\n${code}\n${fence}`;
}

const swaps: Readonly<Record<string, number>> = {
  bpf_htons: 2,
  bpf_ntohs: 2,
  bpf_htonl: 4,
  bpf_ntohl: 4,
  __constant_htons: 2,
  __constant_htonl: 4,
};

/** `bpf_htons(ETH_P_IP)`: the value, and how it lies in the packet. */
function networkOrder(
  source: CSource,
  knowledge: Knowledge,
  { word, start }: { word: string; start: number },
): string | undefined {
  const line = source.text.slice(start, source.text.indexOf('\n', start) + 1 || source.text.length);
  const own = swaps[word];
  const call = own === undefined ? undefined : /^\w+\s*\(([^()]*)\)/.exec(line)?.[1];
  const before = source.text.slice(Math.max(0, start - 40), start);
  const outer = /\b(\w+)\s*\(\s*$/.exec(before)?.[1] ?? '';
  const bytes = own ?? swaps[outer];
  const argument = call ?? (own === undefined && bytes !== undefined ? word : undefined);
  if (bytes === undefined || argument === undefined) return undefined;
  const value = numberOf(source, knowledge, argument);
  if (value === undefined || value < 0 || value >= 2 ** (8 * bytes)) return undefined;
  const hex = value.toString(16).padStart(2 * bytes, '0');
  const inPacket = hex.match(/../g)?.join(' ') ?? '';
  const written = `${own === undefined ? outer : word}(${argument.trim()})`;
  return t('`{0}` is {1} (0x{2}); in the packet: `{3}`', written, value, hex, inPacket);
}

function mapText(source: CSource, knowledge: Knowledge, map: MapDefinition): string {
  const type = mapTypes.find(({ name }) => name === map.type);
  const size = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : layoutOf(source, knowledge, text)?.size;
  const [keySize, valueSize] = [size(map.key), size(map.value)];
  const entries = map.maxEntries === undefined ? undefined : numberOf(source, knowledge, map.maxEntries);
  const lines = [
    `**map** \`${map.name}\`: ${type === undefined ? `\`${map.type ?? '?'}\`` : `${t(type.text)} (\`${type.name}\`)`}`,
  ];
  if (map.key !== undefined) lines.push(`${t('key')} \`${map.key}\`${sizeText(keySize)}`);
  if (map.value !== undefined) lines.push(`${t('value')} \`${map.value}\`${sizeText(valueSize)}`);
  if (map.maxEntries !== undefined) lines.push(t('at most {0} entries', entries ?? `\`${map.maxEntries}\``));
  const memory = memoryOf(map, { keySize, valueSize, entries });
  if (memory !== undefined) lines.push(memory);
  lines.push(...some(sharingNote(map.type ?? '')));
  return lines.join('  \n');
}

function sizeText(size: number | undefined): string {
  return size === undefined ? '' : t(', {0} bytes', size);
}

/** Keys and values alone, as the kernel rounds them; its own bookkeeping comes on top. */
function memoryOf(
  map: MapDefinition,
  { keySize, valueSize, entries }: Record<'keySize' | 'valueSize' | 'entries', number | undefined>,
): string | undefined {
  if (entries === undefined) return undefined;
  if (map.type === 'BPF_MAP_TYPE_RINGBUF') return t('memory: {0}', bytes(entries));
  if (valueSize === undefined) return undefined;
  const round = (size: number): number => Math.ceil(size / 8) * 8;
  const perCpu = /PERCPU/.test(map.type ?? '');
  const key = /ARRAY/.test(map.type ?? '') ? 0 : round(keySize ?? 0);
  const each = key + (perCpu ? 0 : round(valueSize));
  const whole = bytes(each * entries);
  if (!perCpu) return t('memory: about {0} for keys and values', whole);
  const onEach = bytes(round(valueSize) * entries);
  return key === 0
    ? t('memory: about {0} on each possible CPU', onEach)
    : t('memory: about {0} on each possible CPU, and {1} for keys', onEach, whole);
}

function bytes(count: number): string {
  if (count < 1024) return t('{0} bytes', count);
  return count < 1 << 20 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / (1 << 20)).toFixed(1)} MiB`;
}

function fieldText(source: CSource, knowledge: Knowledge, start: number, name: string): string | undefined {
  const line = lineBefore(source.text, start);
  const path = /((?:\w+(?:\[[^\]]*\])?(?:->|\.))+)$/.exec(line)?.[1];
  if (path === undefined) return undefined;
  const struct = structOf(source, knowledge, { path: path.replace(/(?:->|\.)$/, ''), offset: start });
  const field =
    struct === undefined
      ? undefined
      : recordNamed(source, knowledge, struct)?.fields.find((each) => each.name === name);
  if (struct === undefined || field === undefined) return undefined;
  const order = field.type.startsWith('__be')
    ? `\n\n${t('In network order: read it with `bpf_ntohs` or `bpf_ntohl`.')}`
    : '';
  const length = field.length === undefined ? '' : `[${field.length}]`;
  return `${c(`${field.type} ${name}${length};`)}\n${t('of `struct {0}`', struct)}${order}`;
}

function macroText(source: CSource, knowledge: Knowledge, word: string): string | undefined {
  const define = defineNamed(source, knowledge, word);
  if (define === undefined || define.body === '') return undefined;
  const head = `#define ${word}${define.parameters === undefined ? '' : `(${define.parameters})`} ${define.body.slice(0, 400)}`;
  const value = define.parameters === undefined ? numberOf(source, knowledge, word) : undefined;
  return `${c(head)}${value === undefined || String(value) === define.body ? '' : `\n\n${value} (0x${value.toString(16)})`}`;
}
