import { existsSync } from 'node:fs';
import path from 'node:path';
import { decodeEntries } from '../../../core/maps/entries.ts';
import {
  compareSnapshots,
  expectationOf,
  type MapSnapshot,
  readSnapshot,
  type SnapshotDifference,
  takeSnapshot,
} from '../../../core/maps/snapshot.ts';
import { t, translated } from '../../../core/text/language.ts';
import { parseJson } from '../../../session/maps/importedEntries.ts';
import { readMap } from '../../../session/maps/maps.ts';
import { type Context, type ExitCode, parse } from '../../command.ts';
import { table } from '../../output.ts';
import { withMap, type OpenedMap } from './access.ts';
import { text } from './describe.ts';
import { readText, replaceFile } from './exchange.ts';
import { netnsOption, usages } from './usages.ts';

async function take({ client, map }: OpenedMap): Promise<MapSnapshot> {
  const page = await readMap(client, map.ref, { maxEntries: Number.POSITIVE_INFINITY });
  return takeSnapshot(map.schema, decodeEntries(map.schema, page), new Date().toISOString());
}

const snapshotOptions = { ...netnsOption, output: { type: 'string', short: 'o' } } as const;

export async function snapshot(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.snapshot, args, snapshotOptions, { min: 1, max: 1 });
  const { output: file } = values;
  await withMap(context, positionals[0] ?? '', values.netns, async (opened) => {
    const taken = await take(opened);
    if (file === undefined) {
      context.output.result(taken, () => JSON.stringify(taken, undefined, 2));
      return;
    }
    await replaceFile(file, [`${JSON.stringify(taken, undefined, 2)}\n`]);
    const { name, entries } = taken;
    context.output.result({ file: path.resolve(file), name, entries: entries.length }, () =>
      t('{0} entries of {1} are in {2}.', entries.length, name, file),
    );
  });
  return 0;
}

const compareOptions = { ...netnsOption, test: { type: 'boolean' } } as const;

/** 0: the same. 1: not. */
export async function compare(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.compare, args, compareOptions, { min: 2, max: 2 });
  const [beforeFile = '', afterName = ''] = positionals;
  const before = await fromFile(beforeFile);
  const after = isFile(afterName)
    ? await fromFile(afterName)
    : await withMap(context, afterName, values.netns, (opened) => take(opened));
  const difference = compareSnapshots(before, after);
  const { added, removed, changed } = difference;
  if (values.test === true) {
    const maps = expectationOf(after, before);
    context.output.result({ maps }, () => JSON.stringify({ maps }, undefined, 2));
  } else context.output.result(difference, () => describe(difference));
  return added.length + removed.length + changed.length === 0 ? 0 : 1;
}

/** A pin has slashes too, but lies in a BPF file system and reads as no file. */
function isFile(name: string): boolean {
  return name === '-' || (/\.json$/i.test(name) && existsSync(name));
}

async function fromFile(file: string): Promise<MapSnapshot> {
  return readSnapshot(parseJson(await readText(file), file), file);
}

function describe({ added, removed, changed, same, notes }: SnapshotDifference): string {
  const rows = [
    ...removed.map(({ key }) => [t('removed'), text(key), '', '', '', '']),
    ...added.map(({ key, value, values, sum }) => [
      t('added'),
      text(key),
      '',
      '',
      text(sum ?? values ?? value ?? null),
      '',
    ]),
    ...changed.flatMap(({ key, fields }) =>
      fields.map(({ path: field, before, after, delta }) => [
        t('changed'),
        text(key),
        field,
        text(before),
        text(after),
        delta === undefined ? '' : delta.startsWith('-') ? delta : `+${delta}`,
      ]),
    ),
  ];
  const summary = t(
    '{0} added, {1} removed, {2} changed, {3} the same',
    added.length,
    removed.length,
    changed.length,
    same,
  );
  return [
    ...notes.map(translated),
    ...(rows.length === 0
      ? []
      : [table([t('WHAT'), t('KEY'), t('FIELD'), t('BEFORE'), t('AFTER'), t('DELTA')], rows.slice(0, 1000))]),
    summary,
  ].join('\n');
}
