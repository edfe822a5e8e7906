import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import { toErrorData, XdpError } from '../../core/errors.ts';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import { type OpenMap, readMap } from '../../session/maps/maps.ts';
import type { Services } from '../services.ts';

/** What one poll sends at most: a view shows thousands of rows, not millions. */
const shownEntries = 20_000;
const defaultIntervalMs = 500;

/**
 * Feeds one view with the maps of this window's attachments: the list, the schema of the chosen one, and its pages at
 * the interval that the view asks for. Polls only while `visible`, and the next read starts after the last one ended.
 */
export class MapFeed {
  readonly #services: Services;
  readonly #post: (message: ToMapsView) => void;
  readonly #subscription: { dispose(): void };
  #selected: number | undefined;
  #paused = false;
  #visible = false;
  #intervalMs = defaultIntervalMs;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;

  constructor(services: Services, post: (message: ToMapsView) => void) {
    this.#services = services;
    this.#post = post;
    this.#subscription = services.attachments.onDidChange((event) => {
      if (event.kind === 'counting' || event.kind === 'confirmed') return;
      if (event.kind === 'attached') {
        this.#selected = event.attachment.maps[0]?.info.id ?? this.#selected;
        this.#post({ kind: 'clearProblem' });
      }
      this.sendMaps();
    });
  }

  dispose(): void {
    this.#subscription.dispose();
    clearTimeout(this.#timer);
  }

  set visible(visible: boolean) {
    this.#visible = visible;
    this.#schedule(0);
  }

  receive(message: FromMapsView): void {
    switch (message.kind) {
      case 'ready':
        this.sendMaps();
        return;
      case 'select':
        this.#selected = message.mapId;
        this.#sendSchema();
        this.#schedule(0);
        return;
      case 'poll':
        this.#paused = message.paused;
        this.#intervalMs = message.intervalMs;
        this.#schedule(0);
        return;
      case 'action':
        return; // The owner of the view runs commands.
    }
  }

  sendMaps(): void {
    const owned = this.#owned();
    if (!owned.some(({ map }) => map.info.id === this.#selected)) this.#selected = owned[0]?.map.info.id;
    this.#post({
      kind: 'maps',
      attached: this.#services.attachments.live.length,
      maps: owned.map(({ live, map }) => ({
        id: map.info.id,
        name: map.info.name,
        type: map.info.type,
        keySize: map.info.keySize,
        valueSize: map.info.valueSize,
        maxEntries: map.info.maxEntries,
        group: `${live.program} on ${live.iface} (${live.mode})`,
      })),
      ...(this.#selected === undefined ? {} : { selected: this.#selected }),
    });
    this.#sendSchema();
    this.#schedule(0);
  }

  #owned(): { live: LiveAttachment; map: OpenMap }[] {
    return this.#services.attachments.live.flatMap((live) => live.maps.map((map) => ({ live, map })));
  }

  #sendSchema(): void {
    const found = this.#owned().find(({ map }) => map.info.id === this.#selected);
    if (found) this.#post(schemaMessage(found.map));
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#visible || this.#paused || this.#selected === undefined || this.#reading) return;
    this.#timer = setTimeout(() => void this.#read(), delayMs);
  }

  async #read(): Promise<void> {
    const found = this.#owned().find(({ map }) => map.info.id === this.#selected);
    if (!found) return;
    const mapId = found.map.info.id;
    this.#reading = true;
    const startedMs = Date.now();
    try {
      const page = await readMap(found.live.client, found.map.ref, { maxEntries: shownEntries });
      const { count, keys, values, truncated } = page;
      this.#post({ kind: 'page', mapId, count, keys, values, atMs: Number(page.atNs) / 1e6, truncated });
    } catch (error) {
      this.#fail(mapId, error);
    } finally {
      this.#reading = false;
    }
    // A read that took long makes room for the program: never more than half of the time is spent reading.
    const tookMs = Date.now() - startedMs;
    this.#schedule(Math.max(this.#intervalMs - tookMs, tookMs));
  }

  #fail(mapId: number, error: unknown): void {
    const data = toErrorData(error);
    if (error instanceof XdpError && error.code === 'map-not-found') {
      this.#post({ kind: 'gone', mapId, reason: data.message });
      return;
    }
    this.#post({
      kind: 'problem',
      message: data.message,
      ...(data.fix === undefined ? {} : { fix: data.fix }),
      action:
        data.code === 'helper-died'
          ? { title: 'Restart Helper', command: 'restartHelper' }
          : { title: 'Show Log', command: 'showLog' },
    });
  }
}

/** What a view needs to decode pages by itself. */
export function schemaMessage(map: OpenMap): Extract<ToMapsView, { kind: 'schema' }> {
  const { id, name, type, keySize, valueSize, maxEntries, btfKeyTypeId, btfValueTypeId } = map.info;
  return {
    kind: 'schema',
    mapId: id,
    type,
    name,
    keySize,
    valueSize,
    maxEntries,
    ...(map.btf ? { btf: map.btf } : {}),
    keyTypeId: btfKeyTypeId,
    valueTypeId: btfValueTypeId,
    possibleCpus: [...map.schema.possibleCpus],
  };
}
