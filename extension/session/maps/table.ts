import type { HelperClient } from '../../kernel/client.ts';
import type { TableArranged, TableRows, TableSort } from '../../protocol/kernel.ts';
import type { OpenMap } from './maps.ts';

/** A whole map, sorted and filtered in the helper; see `table/…` of protocol/kernelMaps.ts. Whoever opens it closes it. */
export class MapTable {
  readonly #client: HelperClient;
  readonly #table: number;

  private constructor(client: HelperClient, table: number) {
    this.#client = client;
    this.#table = table;
  }

  static async open(client: HelperClient, { ref, info, btf }: OpenMap): Promise<MapTable> {
    const { table } = await client.call('table/open', {
      map: ref,
      ...(btf === undefined ? {} : { btf }),
      keyTypeId: info.btfKeyTypeId,
      valueTypeId: info.btfValueTypeId,
    });
    return new MapTable(client, table);
  }

  /** Errors: `filter-invalid` with `details.offset` and `details.length`, `map-not-found`, `map-unreadable`. */
  arrange(request: { filter?: string; sort?: TableSort }): Promise<TableArranged> {
    return this.#client.call('table/arrange', { table: this.#table, ...request });
  }

  rows(from: number, count: number): Promise<TableRows> {
    return this.#client.call('table/rows', { table: this.#table, from, count });
  }

  async close(): Promise<void> {
    await this.#client.call('table/close', { table: this.#table });
  }
}
