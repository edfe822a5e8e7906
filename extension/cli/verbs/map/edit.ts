import { XdpError } from '../../../core/errors.ts';
import { decodeEntry, type EntryChange, type MapEntry } from '../../../core/maps/entries.ts';
import { parseValueText } from '../../../core/maps/value.ts';
import { t, translated } from '../../../core/text/language.ts';
import { clearMap, deleteEntries, type Edited, setEntries } from '../../../session/maps/edit.ts';
import { type Context, type ExitCode, parse, wholeNumber } from '../../command.ts';
import { withMap, type OpenedMap } from './access.ts';
import { describe } from './describe.ts';
import { namesFor, shownEntries } from './document.ts';
import { netnsOption, usages } from './usages.ts';

const setOptions = {
  ...netnsOption,
  cpu: { type: 'string', multiple: true },
  new: { type: 'boolean' },
  existing: { type: 'boolean' },
} as const;

export async function set(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.set, args, setOptions, { min: 3, max: 3 });
  const [name = '', keyText = '', valueText = ''] = positionals;
  if (values.new === true && values.existing === true) {
    throw new XdpError('usage', '--new and --existing contradict each other.', { fix: 'Give one of the two.' });
  }
  const expect = values.new === true ? 'new' : values.existing === true ? 'existing' : undefined;
  await withMap(context, name, values.netns, async (opened) => {
    const cpus = values.cpu?.map((text) => cpuOf(opened, text));
    const edit = { key: parseValueText(keyText), value: parseValueText(valueText) };
    const edited = await setEntries(opened.client, opened.map, [edit], {
      ...(expect === undefined ? {} : { expect }),
      ...(cpus === undefined ? {} : { cpus }),
    });
    const change = onlyChange(edited);
    const page = { count: 1, keys: change.key, values: change.after ?? new Uint8Array(0) };
    const now = change.after === undefined ? { ...page, count: 0 } : page;
    const names = await namesFor(opened, now);
    const { id, name: mapName, type } = opened.map.info;
    const document = {
      id,
      name: mapName,
      type,
      possibleCpus: opened.map.schema.possibleCpus.length,
      entries: shownEntries(opened, now, names),
      previous: entryOf(opened, change.key, change.before),
    };
    context.output.result(document, () => describe(opened, now, names));
  });
  return 0;
}

function cpuOf({ map: { schema, info } }: OpenedMap, text: string): number {
  const cpu = wholeNumber('--cpu', text, { min: 0, max: 65_535 });
  if (!info.type.includes('percpu')) {
    throw new XdpError('usage', `${info.name} (${info.type}) has one value for all CPUs.`, { fix: 'Leave --cpu out.' });
  }
  if (schema.possibleCpus.includes(cpu)) return cpu;
  throw new XdpError('usage', `This machine has no CPU ${cpu}.`, {
    fix: `Its possible CPUs are ${schema.possibleCpus.join(', ')}.`,
  });
}

/** Of an edit of one entry: it worked, or why not is thrown. */
function onlyChange({ changes, failures }: Edited): EntryChange {
  const [failure] = failures;
  if (failure !== undefined) throw failure.error;
  const [change] = changes;
  if (change === undefined) throw new XdpError('map-write-failed', 'The kernel said neither yes nor no.');
  return change;
}

function entryOf({ map }: OpenedMap, key: Uint8Array, value: Uint8Array | undefined): MapEntry | null {
  return value === undefined ? null : decodeEntry(map.schema, key, value);
}

export async function remove(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.delete, args, netnsOption, { min: 2, max: 2 });
  const [name = '', keyText = ''] = positionals;
  return await withMap<ExitCode>(context, name, values.netns, async (opened) => {
    const { id, name: mapName } = opened.map.info;
    const edited = await deleteEntries(opened.client, opened.map, [parseValueText(keyText)]);
    // No such key is an answer, not a failure.
    if (edited.failures[0]?.error.details['errnoName'] === 'ENOENT') {
      context.output.result({ id, name: mapName, deleted: false }, () => t('{0} has no such key.', mapName));
      return 1;
    }
    const { key, before } = onlyChange(edited);
    const previous = entryOf(opened, key, before);
    context.output.result({ id, name: mapName, deleted: true, previous }, () => t('Deleted.'));
    return 0;
  });
}

export async function clear(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.clear, args, netnsOption, { min: 1, max: 1 });
  return await withMap<ExitCode>(context, positionals[0] ?? '', values.netns, async (opened) => {
    const { id, name } = opened.map.info;
    const { done: cleared, failures, left } = await clearMap(opened.client, opened.map);
    const [failure] = failures;
    if (failure !== undefined && cleared === 0) throw failure.error;

    const failed = failures.length + left;
    context.output.result({ id, name, cleared, failed }, () =>
      failed === 0
        ? t('{0} entries cleared.', cleared)
        : t('{0} entries cleared, {1} not: {2}', cleared, failed, translated(failure?.error.message ?? '')),
    );
    return failed === 0 ? 0 : 1;
  });
}
