import { toErrorData } from '../../core/errors.ts';
import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import type { OpenMap } from '../../session/maps/maps.ts';
import { resolveNames } from '../../session/maps/names.ts';
import { MapTable } from '../../session/maps/table.ts';

export type Question = Extract<FromMapsView, { kind: 'arrange' | 'rows' | 'peek' | 'lookup' }>;
type Answer = Extract<ToMapsView, { kind: 'arranged' | 'rows' | 'values' | 'refused' }>;
type Unaddressed<T> = T extends unknown ? Omit<T, 'mapId' | 'request'> : never;
export type Refusal = Unaddressed<Extract<ToMapsView, { kind: 'refused' }>>;

/**
 * One map, as one view reads it. Nothing of it stays here: the helper has the order of its rows, the kernel their values, and
 * pages pass through as bytes.
 */
export class MapAnswers {
  readonly map: OpenMap;
  readonly client: HelperClient;
  #table: Promise<MapTable> | undefined;

  constructor(client: HelperClient, map: OpenMap) {
    this.client = client;
    this.map = map;
  }

  /** Lets go of what the helper keeps for it. */
  close(): void {
    void this.#table?.then((table) => table.close()).catch(() => undefined);
    this.#table = undefined;
  }

  async answer(question: Question): Promise<Answer> {
    const { mapId, request } = question;
    const answer: Unaddressed<Answer> = await this.#answer(question).catch((error: unknown) => refusal(error));
    return { ...answer, mapId, request };
  }

  async #answer(question: Question): Promise<Unaddressed<Answer>> {
    const { ref } = this.map;
    switch (question.kind) {
      case 'peek': {
        const page = await this.client.call('map/read', { map: ref, limit: question.count });
        return await this.#rows(0, { ...page, gone: [] });
      }
      case 'arrange': {
        const { filter, sort } = question;
        const table = await this.#open();
        const { total, rows, workMs, atNs, periodNs } = await table.arrange({
          ...(filter === undefined ? {} : { filter }),
          ...(sort === undefined ? {} : { sort }),
        });
        const periodMs = periodNs === undefined ? {} : { periodMs: milliseconds(periodNs) };
        return { kind: 'arranged', total, rows, workMs, atMs: milliseconds(atNs), ...periodMs };
      }
      case 'rows': {
        const table = await this.#open();
        return await this.#rows(question.from, await table.rows(question.from, question.count));
      }
      case 'lookup': {
        const { values, gone, atNs } = await this.client.call('map/values', { map: ref, keys: question.keys });
        return { kind: 'values', values, gone, atMs: milliseconds(atNs) };
      }
    }
  }

  async #rows(
    from: number,
    read: { count: number; keys: Uint8Array; values: Uint8Array; gone: number[]; atNs: bigint },
  ): Promise<Unaddressed<Answer>> {
    const { count, keys, values, gone, atNs } = read;
    const names = await resolveNames(this.client, this.map.schema, { count, keys, values });
    const named = (['program', 'map', 'interface'] as const).flatMap((kind) =>
      [...names[kind]].map(([id, name]) => ({ kind, id, name })),
    );
    const rows = { kind: 'rows', from, count, keys, values, gone, atMs: milliseconds(atNs) } as const;
    return named.length === 0 ? rows : { ...rows, names: named };
  }

  #open(): Promise<MapTable> {
    if (this.#table !== undefined) return this.#table;
    const opening = MapTable.open(this.client, this.map);
    this.#table = opening;
    opening.catch(() => {
      if (this.#table === opening) this.#table = undefined;
    });
    return opening;
  }
}

export function milliseconds(ns: bigint): number {
  return Number(ns) / 1e6;
}

/** An error as a view takes it. */
export function refusal(error: unknown): Refusal {
  const { code, message, fix, details } = toErrorData(error);
  const { offset, length } = details ?? {};
  return {
    kind: 'refused',
    code,
    message,
    ...(fix === undefined ? {} : { fix }),
    ...(typeof offset === 'number' && typeof length === 'number' ? { offset, length } : {}),
  };
}
