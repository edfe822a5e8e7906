import { setTimeout as sleep } from 'node:timers/promises';
import { XdpError } from '../../../core/errors.ts';
import type { RawPage } from '../../../core/maps/entries.ts';
import { readMap } from '../../../session/maps/maps.ts';
import { MapTable } from '../../../session/maps/table.ts';
import { type Context, type ExitCode, parse, wholeNumber } from '../../command.ts';
import { intervalOf, without, withMap, type OpenedMap } from './access.ts';
import { describe } from './describe.ts';
import { documentPieces, namesFor } from './document.ts';
import { WatchedMap } from './watched.ts';
import { netnsOption, usages } from './usages.ts';

const options = {
  ...netnsOption,
  watch: { type: 'string' },
  filter: { type: 'string' },
  sort: { type: 'string' },
  descending: { type: 'boolean' },
  limit: { type: 'string' },
} as const;

export async function read(args: readonly string[], context: Context): Promise<ExitCode> {
  const { values, positionals } = parse(usages.read, args, options, { min: 1, max: 1 });
  const intervalMs = intervalOf(values.watch);
  const selection = {
    filter: values.filter,
    sort: values.sort,
    descending: values.descending ?? false,
    limit: values.limit === undefined ? undefined : wholeNumber('--limit', values.limit, { min: 1, max: 0xffffffff }),
  };
  if (selection.descending && selection.sort === undefined) {
    throw new XdpError('usage', '--descending says how to sort, but not by what.', {
      fix: `Usage: xdp ${usages.read}`,
    });
  }
  await withMap(context, positionals[0] ?? '', values.netns, async (opened) => {
    const watches = intervalMs !== undefined;
    const watched = new WatchedMap(opened, context.output);
    let source = await sourceOf(opened, selection, !watches);
    for (;;) {
      const startedMs = Date.now();
      const page = await source.read().catch(async (error: unknown) => {
        if (watches && (await watched.moved())) return undefined;
        throw error;
      });
      if (page === undefined || (watches && (await watched.moved()))) {
        await source.close();
        source = await sourceOf(watched.opened, selection, false);
        continue;
      }
      const names = await namesFor(watched.opened, page);
      if (context.output.json) await context.output.pieces(documentPieces(watched.opened, page, names));
      else context.output.result(undefined, () => describe(watched.opened, page, names));
      if (intervalMs === undefined || context.signal.aborted) return;
      // A large map takes long to read: half of the time at least is left to the program.
      const restMs = Math.max(intervalMs, Date.now() - startedMs);
      await sleep(restMs, undefined, { signal: context.signal }).catch(() => undefined);
      if (context.signal.aborted) return;
      await watched.lookAtUse();
    }
  });
  return 0;
}

interface Selection {
  filter: string | undefined;
  sort: string | undefined;
  descending: boolean;
  limit: number | undefined;
}

/** Between the two readings that a single look at a rate needs. */
const rateMs = 1000;
const rowsAtOnce = 4096;

interface Source {
  read: () => Promise<RawPage>;
  close: () => Promise<void>;
}

/** How to read the entries that are asked for, once and again. */
async function sourceOf(
  { client, map }: OpenedMap,
  { filter, sort, descending, limit }: Selection,
  once: boolean,
): Promise<Source> {
  const maxEntries = limit ?? Number.POSITIVE_INFINITY;
  if (filter === undefined && sort === undefined) {
    return { read: () => readMap(client, map.ref, { maxEntries }), close: async () => undefined };
  }
  const table = await MapTable.open(client, map);
  const request = {
    ...(filter === undefined ? {} : { filter }),
    ...(sort === undefined ? {} : { sort: { by: sort, descending } }),
  };
  if (once && /\brate\s*\(/.test(`${filter ?? ''} ${sort ?? ''}`)) {
    await table.arrange(request);
    await sleep(rateMs);
  }
  const read = async (): Promise<RawPage> => {
    const { rows } = await table.arrange(request);
    const wanted = Math.min(rows, maxEntries);
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    let count = 0;
    for (let from = 0; from < wanted; from += rowsAtOnce) {
      const answer = await table.rows(from, Math.min(rowsAtOnce, wanted - from));
      const page = without(map.schema, answer, answer.gone);
      keys.push(page.keys);
      values.push(page.values);
      count += page.count;
    }
    return { count, keys: new Uint8Array(Buffer.concat(keys)), values: new Uint8Array(Buffer.concat(values)) };
  };
  return { read, close: () => table.close() };
}
