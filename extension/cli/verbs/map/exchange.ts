import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { XdpError } from '../../../core/errors.ts';
import { csvPieces } from '../../../core/maps/csv.ts';
import { encodeEntryValue, encodeKey } from '../../../core/maps/entries.ts';
import { type MetricsLabel, metricsPieces, readLabel } from '../../../core/maps/metrics.ts';
import { t, translated } from '../../../core/text/language.ts';
import { fileError, requireRegularFile, writeError } from '../../../session/userFiles.ts';
import { clearMap, type EntryEdit, setEntries } from '../../../session/maps/edit.ts';
import { importedEntries } from '../../../session/maps/importedEntries.ts';
import { readMap } from '../../../session/maps/maps.ts';
import { type Context, type ExitCode, oneOf, parse } from '../../command.ts';
import { intervalOf, withMap, type OpenedMap } from './access.ts';
import { chunksOf, documentPieces, namesFor } from './document.ts';
import { WatchedMap } from './watched.ts';
import { netnsOption, usages } from './usages.ts';

const exportOptions = {
  ...netnsOption,
  format: { type: 'string', default: 'json' },
  output: { type: 'string', short: 'o' },
  watch: { type: 'string' },
  label: { type: 'string', multiple: true },
} as const;

const formats = ['json', 'csv', 'openmetrics', 'prometheus'] as const;
type ExportFormat = (typeof formats)[number];

export async function exportMap(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.export, args, exportOptions, { min: 1, max: 1 });
  const format = oneOf('--format', values.format, formats);
  const { output: file } = values;
  const labels = values.label?.map(readLabel) ?? [];
  if (labels.length > 0 && format !== 'openmetrics' && format !== 'prometheus') {
    throw new XdpError('usage', `An export as ${format} has no labels.`, { fix: 'Leave --label out.' });
  }
  const intervalMs = intervalOf(values.watch);
  if (context.output.json && format !== 'json' && file === undefined) {
    throw new XdpError('usage', `--json and --format ${format} contradict each other.`, {
      fix: 'Give one of the two.',
    });
  }
  if (intervalMs !== undefined && file === undefined) {
    throw new XdpError('usage', '--watch of an export needs a file to keep up to date.', { fix: 'Add -o FILE.' });
  }
  await withMap(context, positionals[0] ?? '', values.netns, async (opened) => {
    const watched = new WatchedMap(opened, context.output);
    for (;;) {
      const pieces = await piecesOf(watched.opened, format, labels).catch(async (error: unknown) => {
        if (intervalMs !== undefined && (await watched.moved())) return undefined;
        await forgetMetrics(error, format, file);
        throw error;
      });
      if (pieces === undefined || (intervalMs !== undefined && (await watched.moved()))) continue;
      if (file === undefined) {
        await context.output.pieces(pieces);
        return;
      }
      await replaceFile(file, pieces);
      if (intervalMs === undefined)
        context.output.result({ file: path.resolve(file), format }, () => t('Wrote {0}.', file));
      if (intervalMs === undefined || context.signal.aborted) return;
      await sleep(intervalMs, undefined, { signal: context.signal }).catch(() => undefined);
      if (context.signal.aborted) return;
      await watched.lookAtUse();
    }
  });
  return 0;
}

async function piecesOf(
  opened: OpenedMap,
  format: ExportFormat,
  labels: readonly MetricsLabel[],
): Promise<Iterable<string>> {
  const { schema, ref } = opened.map;
  const page = await readMap(opened.client, ref, { maxEntries: Number.POSITIVE_INFINITY });
  switch (format) {
    case 'json':
      return documentPieces(opened, page, await namesFor(opened, page));
    case 'csv':
      return csvPieces(schema, () => chunksOf(schema, page));
    case 'openmetrics':
    case 'prometheus':
      return metricsPieces(schema, () => chunksOf(schema, page), { format, labels });
  }
}

/** A collector would go on telling what a map counted that is gone. Whoever keeps data in a file keeps it. */
async function forgetMetrics(error: unknown, format: ExportFormat, file: string | undefined): Promise<void> {
  const isMetrics = format === 'openmetrics' || format === 'prometheus';
  const isGone = error instanceof XdpError && error.code === 'map-not-found';
  if (isMetrics && isGone && file !== undefined) await rm(file, { force: true });
}

/** Whoever reads the file, a collector of metrics say, sees the old one or the new one, never half of it. */
export async function replaceFile(file: string, pieces: Iterable<string>): Promise<void> {
  const aside = path.join(path.dirname(path.resolve(file)), `.${path.basename(file)}.${randomUUID()}`);
  try {
    await writeFile(aside, pieces);
    await rename(aside, file);
  } catch (cause) {
    await rm(aside, { force: true });
    throw writeError(file, cause);
  }
}

const importOptions = { ...netnsOption, format: { type: 'string' }, clear: { type: 'boolean' } } as const;

export async function importMap(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.import, args, importOptions, { min: 2, max: 2 });
  const [name = '', file = ''] = positionals;
  const text = await readText(file);
  const format =
    values.format === undefined ? {} : { format: oneOf('--format', values.format, ['json', 'csv'] as const) };
  return await withMap<ExitCode>(context, name, values.netns, async (opened) => {
    const { client, map } = opened;
    const edits = importedEntries(map.schema, { text, file, ...format });
    if (values.clear === true) {
      // What does not fit is found before anything is gone.
      for (const { key, value } of edits) {
        encodeKey(map.schema, key);
        encodeEntryValue(map.schema, value);
      }
      await clearMap(client, map);
    }
    const { done, failures, left } = await setEntries(client, map, edits);
    const document = {
      id: map.info.id,
      name: map.info.name,
      written: done,
      left,
      failures: failures.map(({ index, error }) => ({ key: keyOf(edits[index]), message: error.message })),
    };
    context.output.result(document, () =>
      [
        t('{0} entries written.', done),
        ...failures
          .slice(0, 10)
          .map(({ index, error }) => `${JSON.stringify(keyOf(edits[index]))}: ${translated(error.message)}`),
        ...(failures.length > 10 ? [t('… and {0} more failures.', failures.length - 10)] : []),
        ...(left > 0 ? [t('{0} entries were not tried any more.', left)] : []),
      ].join('\n'),
    );
    return failures.length === 0 ? 0 : 1;
  });
}

function keyOf(edit: EntryEdit | undefined): EntryEdit['key'] | null {
  return edit?.key ?? null;
}

export async function readText(file: string): Promise<string> {
  if (file === '-') return await readAll(process.stdin);
  await requireRegularFile(file);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw fileError(file, cause);
  }
}
