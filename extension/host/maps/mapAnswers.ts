import { toErrorData } from '../../core/errors.ts';
import { entryValueBytes } from '../../core/maps/entries.ts';
import type { OpenMap } from '../../session/maps/maps.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';

export type Question = Extract<FromMapsView, { kind: 'arrange' | 'rows' | 'peek' | 'lookup' }>;
type Answer = Extract<ToMapsView, { kind: 'arranged' | 'rows' | 'values' | 'refused' }>;
type Unaddressed<T> = T extends Answer ? Omit<T, 'mapId' | 'request'> : never;

/**
 * One map, as one view reads it. Nothing of it stays here: the helper has the order of its rows, the kernel their values, and
 * pages pass through as bytes.
 */
export class MapAnswers {
  readonly map: OpenMap;
  readonly #client: HelperClient;
  #table: Promise<number> | undefined;

  constructor(client: HelperClient, map: OpenMap) {
    this.#client = client;
    this.map = map;
  }

  /** Lets go of what the helper keeps for it. */
  close(): void {
    void this.#table?.then((table) => this.#client.call('table/close', { table })).catch(() => undefined);
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
        const { count, keys, values, atNs } = await this.#client.call('map/read', { map: ref, limit: question.count });
        return { kind: 'rows', from: 0, count, keys, values, gone: [], atMs: milliseconds(atNs) };
      }
      case 'arrange': {
        const { filter, sort } = question;
        const table = await this.#open();
        const done = await this.#client.call('table/arrange', {
          table,
          ...(filter === undefined ? {} : { filter }),
          ...(sort === undefined ? {} : { sort }),
        });
        const { total, rows, workMs, atNs, periodNs } = done;
        return {
          kind: 'arranged',
          total,
          rows,
          workMs,
          atMs: milliseconds(atNs),
          ...(periodNs === undefined ? {} : { periodMs: milliseconds(periodNs) }),
        };
      }
      case 'rows': {
        const { from } = question;
        const table = await this.#open();
        const rows = await this.#client.call('table/rows', { table, from, count: question.count });
        const { count, keys, values, gone, atNs } = rows;
        return { kind: 'rows', from, count, keys, values, gone, atMs: milliseconds(atNs) };
      }
      case 'lookup':
        return await this.#lookUp(question.keys);
    }
  }

  async #lookUp(keys: Uint8Array): Promise<Unaddressed<Answer>> {
    const { ref, info, schema } = this.map;
    const size = entryValueBytes(schema);
    const count = info.keySize === 0 ? 0 : Math.floor(keys.length / info.keySize);
    const values = new Uint8Array(count * size);
    const gone: number[] = [];
    for (let at = 0; at < count; at++) {
      const key = keys.slice(at * info.keySize, (at + 1) * info.keySize);
      const { value } = await this.#client.call('map/lookup', { map: ref, key });
      if (value === undefined) gone.push(at);
      else values.set(value, at * size);
    }
    return { kind: 'values', values, gone, atMs: Number(process.hrtime.bigint()) / 1e6 };
  }

  #open(): Promise<number> {
    if (this.#table !== undefined) return this.#table;
    const { ref, info, btf } = this.map;
    const opening = this.#client
      .call('table/open', {
        map: ref,
        ...(btf === undefined ? {} : { btf }),
        keyTypeId: info.btfKeyTypeId,
        valueTypeId: info.btfValueTypeId,
      })
      .then(({ table }) => table);
    this.#table = opening;
    opening.catch(() => {
      if (this.#table === opening) this.#table = undefined;
    });
    return opening;
  }
}

function milliseconds(ns: bigint): number {
  return Number(ns) / 1e6;
}

function refusal(error: unknown): Unaddressed<Answer> {
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
