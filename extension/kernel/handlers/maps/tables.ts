import { setImmediate } from 'node:timers/promises';
import { readBtf } from '../../../core/btf/readBtf.ts';
import { XdpError } from '../../../core/errors.ts';
import { Arrangement, type ArrangeRequest } from '../../../core/maps/query/arrangement.ts';
import { type MapSchema, mapSchema } from '../../../core/maps/schema.ts';
import { mapTypeName } from '../../../core/maps/types.ts';
import type { kernelContract, MapRef, TableArranged, TableRows } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import type { Context } from '../context.ts';
import { lookupMany } from './mapLookup.ts';
import { readMap } from './mapRead.ts';
import { type OpenMap, openMap } from './mapRefs.ts';

type TableHandlers = Pick<
  Handlers<typeof kernelContract>,
  'table/open' | 'table/arrange' | 'table/rows' | 'table/close'
>;

/** Entries between two looks at what else there is to do: a few milliseconds. */
const sliceEntries = 8192;
/** More than any screen shows, and few enough to be looked up in one go. */
const maxRows = 4096;

/** Maps that are shown sorted or filtered as a whole: their order stays here, their values in the kernel. */
export function tableHandlers(context: Context): TableHandlers {
  const tables = new Map<number, Table>();
  let last = 0;
  const tableOf = (number: number): Table => {
    const table = tables.get(number);
    if (table !== undefined) return table;
    throw new XdpError('usage', `The helper has no table ${number}`, { fix: 'Open the map again.' });
  };
  return {
    'table/open': ({ map, ...types }) => {
      tables.set(++last, new Table(context, map, types));
      return { table: last };
    },
    'table/arrange': ({ table, ...request }) => tableOf(table).arrange(request),
    'table/rows': ({ table, from, count }) => tableOf(table).rows(from, count),
    'table/close': ({ table }) => {
      tables.get(table)?.close();
      tables.delete(table);
      return {};
    },
  };
}

interface Types {
  btf?: Uint8Array | undefined;
  keyTypeId: number;
  valueTypeId: number;
}

class Table {
  readonly #context: Context;
  readonly #map: MapRef;
  readonly #schema: MapSchema;
  #last: Arrangement | undefined;
  #keys: Uint8Array = new Uint8Array(0);
  #rows = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(context: Context, map: MapRef, { btf, keyTypeId, valueTypeId }: Types) {
    this.#context = context;
    this.#map = map;
    const types = btf === undefined ? undefined : readBtf(btf);
    this.#schema = this.#open(({ info, name }) =>
      mapSchema(
        { ...info, name, type: mapTypeName(info.type) },
        types,
        keyTypeId,
        valueTypeId,
        context.system.possibleCpus(),
      ),
    );
  }

  /** One after the other: each reading is the one that the next one's rates are about. */
  arrange(request: ArrangeRequest): Promise<TableArranged> {
    const turn = this.#turn.then(() => this.#arrange(request));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #arrange(request: ArrangeRequest): Promise<TableArranged> {
    const { system, libbpf } = this.#context;
    const possibleCpus = this.#schema.possibleCpus.length;
    const startedNs = system.nowNs();
    const arrangement = new Arrangement(this.#schema, request, startedNs, this.#last);
    let workNs = 0n;
    let cursor: Uint8Array | undefined;
    do {
      const sliceNs = system.nowNs();
      // Opened for each slice: between two of them its object may be closed, and its descriptor be another's.
      const page = this.#open((map) => readMap(libbpf, { map, limit: sliceEntries, cursor, possibleCpus }));
      arrangement.take(page);
      cursor = page.cursor;
      workNs += system.nowNs() - sliceNs;
      await setImmediate();
      if (this.#closed) throw new XdpError('cancelled', 'The table was closed.');
    } while (cursor !== undefined);
    const sortNs = system.nowNs();
    const { keys, rows } = arrangement.finish();
    this.#keys = keys;
    this.#rows = rows;
    this.#last = arrangement;
    const atNs = system.nowNs();
    return {
      total: arrangement.total,
      rows,
      startedNs,
      atNs,
      ...(arrangement.periodNs === undefined ? {} : { periodNs: arrangement.periodNs }),
      workMs: Number(workNs + (atNs - sortNs)) / 1e6,
    };
  }

  rows(from: number, wanted: number): TableRows {
    const { keySize, possibleCpus } = this.#schema;
    const count = Math.max(0, Math.min(wanted, maxRows, this.#rows - from));
    const keys = this.#keys.slice(from * keySize, (from + count) * keySize);
    const atNs = this.#context.system.nowNs();
    if (count === 0) return { count, keys, values: new Uint8Array(0), gone: [], atNs };
    const found = this.#open((map) => lookupMany(this.#context.libbpf, map, keys, possibleCpus.length));
    return { count, keys, ...found, atNs };
  }

  close(): void {
    this.#closed = true;
  }

  #open<T>(work: (map: OpenMap) => T): T {
    const map = openMap(this.#context, this.#map);
    try {
      return work(map);
    } finally {
      map.close();
    }
  }
}
