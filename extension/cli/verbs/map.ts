import { setTimeout as sleep } from 'node:timers/promises';
import { XdpError } from '../../core/errors.ts';
import { decodeEntries, encodeEntryValue, encodeKey, type MapEntry } from '../../core/maps/entries.ts';
import { toCsv } from '../../core/maps/csv.ts';
import { toOpenMetrics } from '../../core/maps/openMetrics.ts';
import { parseValueText, type Value } from '../../core/maps/value.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { findMap, type OpenMap, openMap, readMap } from '../../session/maps/maps.ts';
import { type Context, type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../command.ts';
import { table } from '../output.ts';

const usages = {
  read: 'map (ID|NAME|PIN) [--watch MS]',
  set: 'map set (ID|NAME|PIN) KEY VALUE',
  delete: 'map delete (ID|NAME|PIN) KEY',
  export: 'map export (ID|NAME|PIN) [--format json|csv|openmetrics]',
} as const;

export const map: Verb = {
  summary: 'read, watch, change or export one map',
  usage: Object.values(usages).join('\n    xdp '),
  async run(args, context) {
    const [action, ...rest] = args;
    switch (action) {
      case 'set':
        return await set(rest, context);
      case 'delete':
        return await remove(rest, context);
      case 'export':
        return await exportMap(rest, context);
      default:
        return await read(args, context);
    }
  },
};

/** Maps of other processes are opened by id, which the kernel ties to CAP_SYS_ADMIN. */
function withMap<T>(
  context: Context,
  name: string,
  action: (client: HelperClient, opened: OpenMap) => Promise<T>,
): Promise<T> {
  return context.kernel.withSystem(undefined, async (client) =>
    action(client, await openMap(client, await findMap(client, name))),
  );
}

async function read(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.read, args, { watch: { type: 'string' } }, { min: 1, max: 1 });
  const intervalMs =
    values.watch === undefined ? undefined : wholeNumber('--watch', values.watch, { min: 1, max: 3_600_000 });
  await withMap(context, positionals[0] ?? '', async (client, opened) => {
    for (;;) {
      const entries = await readEntries(client, opened);
      context.output.result(document(opened, entries), () => describe(opened, entries));
      if (intervalMs === undefined || context.signal.aborted) return;
      await sleep(intervalMs, undefined, { signal: context.signal }).catch(() => undefined);
      if (context.signal.aborted) return;
    }
  });
  return 0;
}

async function set(args: readonly string[], context: Context): Promise<ExitCode> {
  const { positionals } = parse(usages.set, args, {}, { min: 3, max: 3 });
  const [name = '', keyText = '', valueText = ''] = positionals;
  await withMap(context, name, async (client, opened) => {
    const key = encodeKey(opened.schema, parseValueText(keyText));
    const { value: previous } = await client.call('map/lookup', { map: opened.ref, key });
    const value = encodeEntryValue(opened.schema, parseValueText(valueText), previous);
    await client.call('map/update', { map: opened.ref, key, value, flags: 0 });
    const { value: now } = await client.call('map/lookup', { map: opened.ref, key });
    const entries = now ? decodeEntries(opened.schema, { count: 1, keys: key, values: now }) : [];
    context.output.result(document(opened, entries), () => describe(opened, entries));
  });
  return 0;
}

async function remove(args: readonly string[], context: Context): Promise<ExitCode> {
  const { positionals } = parse(usages.delete, args, {}, { min: 2, max: 2 });
  const [name = '', keyText = ''] = positionals;
  return await withMap<ExitCode>(context, name, async (client, opened) => {
    const key = encodeKey(opened.schema, parseValueText(keyText));
    const { id, name: mapName } = opened.info;
    const { value } = await client.call('map/lookup', { map: opened.ref, key });
    // No such key is an answer, not a failure.
    if (value === undefined) {
      context.output.result({ id, name: mapName, deleted: false }, () => `${mapName} has no such key.`);
      return 1;
    }
    await client.call('map/delete', { map: opened.ref, key });
    context.output.result({ id, name: mapName, deleted: true }, () => 'Deleted.');
    return 0;
  });
}

async function exportMap(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(
    usages.export,
    args,
    { format: { type: 'string', default: 'json' } },
    { min: 1, max: 1 },
  );
  const format = oneOf('--format', values.format, ['json', 'csv', 'openmetrics'] as const);
  if (context.output.json && format !== 'json') {
    throw new XdpError('usage', `--json and --format ${format} contradict each other.`, {
      fix: 'Give one of the two.',
    });
  }
  await withMap(context, positionals[0] ?? '', async (client, opened) => {
    const entries = await readEntries(client, opened);
    switch (format) {
      case 'json':
        process.stdout.write(`${JSON.stringify(document(opened, entries))}\n`);
        return;
      case 'csv':
        process.stdout.write(toCsv(opened.schema, entries));
        return;
      case 'openmetrics':
        process.stdout.write(toOpenMetrics(opened.schema, entries));
        return;
    }
  });
  return 0;
}

async function readEntries(client: HelperClient, opened: OpenMap): Promise<MapEntry[]> {
  const page = await readMap(client, opened.ref, { maxEntries: Number.POSITIVE_INFINITY });
  return decodeEntries(opened.schema, page);
}

function document(opened: OpenMap, entries: readonly MapEntry[]): unknown {
  const { id, name, type } = opened.info;
  return { id, name, type, possibleCpus: opened.schema.possibleCpus.length, entries };
}

/** A line per key and CPU under a line with the sum, a column per field; CPUs that count nothing are left out. */
function describe(opened: OpenMap, entries: readonly MapEntry[]): string {
  const { id, name, type } = opened.info;
  const title = `${name} (${type}, id ${id}): ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`;
  if (entries.length === 0) return title;
  const perCpu = entries.some((entry) => entry.values !== undefined);
  const fields = [
    ...new Set(entries.flatMap((entry) => Object.keys(columnsOf(entry.values?.[0] ?? entry.value ?? null)))),
  ];
  const line = (key: string, cpu: string, value: Value): string[] => {
    const columns = columnsOf(value);
    return [key, ...(perCpu ? [cpu] : []), ...fields.map((field) => columns[field] ?? '')];
  };
  const rows = entries.flatMap((entry) => {
    const key = text(entry.key);
    if (!entry.values) return [line(key, '', entry.value ?? null)];
    const cpus = entry.values.map((value, index) => line('', String(opened.schema.possibleCpus[index]), value));
    return [line(key, 'sum', entry.sum ?? null), ...cpus.filter((row) => row.slice(2).some((cell) => cell !== '0'))];
  });
  return `${title}\n${table(['KEY', ...(perCpu ? ['CPU'] : []), ...fields], rows)}`;
}

/** A struct has a column per field, anything else one column. */
function columnsOf(value: Value): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { VALUE: text(value) };
  return Object.fromEntries(Object.entries(value).map(([field, part]) => [field, text(part)]));
}

function text(value: Value): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
}
