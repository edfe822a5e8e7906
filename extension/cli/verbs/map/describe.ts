import { actionOfKey } from '../../../core/maps/actions.ts';
import type { RawPage } from '../../../core/maps/entries.ts';
import { mapFlagNames } from '../../../core/maps/flags.ts';
import { formatPrefix, prefixKeyOf } from '../../../core/maps/prefix.ts';
import type { Names } from '../../../core/maps/references.ts';
import type { Value } from '../../../core/maps/value.ts';
import { t } from '../../../core/text/language.ts';
import { table } from '../../output.ts';
import { part, type OpenedMap } from './access.ts';
import { keysOf, type ShownEntry, shownEntries } from './document.ts';

/** Lines that a person may scroll through. */
const shownRows = 1000;

/** A line per key and CPU under a line with the sum, a column per field; CPUs that count nothing are left out. */
export function describe(opened: OpenedMap, page: RawPage, names: Names): string {
  const { info, schema } = opened.map;
  const facts = [
    info.type,
    `id ${info.id}`,
    ...(info.frozen ? [t('frozen')] : []),
    ...mapFlagNames(info.flags),
    ...(info.memoryBytes === undefined ? [] : [`${Math.ceil(info.memoryBytes / 1024)} KiB`]),
  ];
  const isQueue = info.type === 'queue' || info.type === 'stack';
  const count = isQueue
    ? page.count === 0
      ? t('empty (reading more would take it out)')
      : t('its head (reading more would take it out)')
    : info.maxEntries === 0
      ? // The storage of cgroups has as many as there are cgroups.
        t('{0} entries', page.count)
      : t('{0} of at most {1} entries', page.count, info.maxEntries);
  const title = `${info.name} (${facts.join(', ')}): ${count}`;
  if (page.count === 0) return title;
  const shown = part(schema, page, 0, shownRows);
  const entries = shownEntries(opened, shown, names);
  const left = page.count - shown.count;
  const more = left > 0 ? `\n${t('… and {0} more: --filter, --limit, or --json show them.', left)}` : '';
  if (isGlobalData(opened)) return `${title}\n${variables(entries)}`;
  return `${title}\n${rowsOf(opened, shown, entries)}${more}`;
}

function isGlobalData({ map: { info, schema } }: OpenedMap): boolean {
  return info.type === 'array' && info.maxEntries === 1 && schema.value?.kind === 'struct' && info.name.includes('.');
}

function variables([entry]: readonly ShownEntry[]): string {
  const value = entry?.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return text(value ?? null);
  return table(
    [t('VARIABLE'), t('VALUE')],
    Object.entries(value).map(([name, each]) => [name, text(each)]),
  );
}

function rowsOf(opened: OpenedMap, page: RawPage, entries: readonly ShownEntry[]): string {
  const { schema } = opened.map;
  const perCpu = entries.some((entry) => entry.values !== undefined);
  const refers = entries.some((entry) => entry.refersTo !== undefined);
  const fields = [
    ...new Set(entries.flatMap((entry) => Object.keys(columnsOf(entry.values?.[0] ?? entry.value ?? null)))),
  ];
  const keys = keysOf(opened, page);
  const line = (key: string, cpu: string, value: Value, target: string): string[] => {
    const columns = columnsOf(value);
    return [key, ...(perCpu ? [cpu] : []), ...fields.map((field) => columns[field] ?? ''), ...(refers ? [target] : [])];
  };
  const rows = entries.flatMap((entry, index) => {
    const key = keyText(opened, keys[index] ?? new Uint8Array(0), entry.key);
    const target = entry.refersTo?.map(({ kind, id, name }) => `${kind} ${name ?? id}`).join(', ') ?? '';
    if (!entry.values) return [line(key, '', entry.value ?? null, target)];
    const cpus = entry.values.map((value, slot) => line('', String(schema.possibleCpus[slot]), value, ''));
    const counting = cpus.filter((row) => row.slice(2).some((cell) => cell !== '0'));
    return [line(key, t('sum'), entry.sum ?? null, target), ...counting];
  });
  const header = [
    t('KEY'),
    ...(perCpu ? ['CPU'] : []),
    ...fields.map((field) => (field === plainValue ? t('VALUE') : field)),
    ...(refers ? [t('REFERS TO')] : []),
  ];
  return table(header, rows);
}

/** `10.0.0.0/8`, `XDP_DROP`, else the key as JSON. */
function keyText({ map: { schema } }: OpenedMap, bytes: Uint8Array, key: Value): string {
  const prefix = prefixKeyOf(schema);
  if (prefix !== undefined) return formatPrefix(prefix, bytes);
  return actionOfKey(schema, bytes) ?? text(key);
}

/** The column of what has no fields; no name of C. */
const plainValue = '';

/** A struct has a column per field, anything else one column. */
function columnsOf(value: Value): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { [plainValue]: text(value) };
  return Object.fromEntries(Object.entries(value).map(([field, each]) => [field, text(each)]));
}

export function text(value: Value): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
}
