import { XdpError } from '../../core/errors.ts';
import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { typesOfEvents } from '../../session/maps/events.ts';
import { type OpenMap, readMap } from '../../session/maps/maps.ts';
import { MapAnswers, type Question, refusal } from './mapAnswers.ts';
import { type Edit, MapEdits } from './mapEdits.ts';
import { MapEvents } from './mapEvents.ts';
import { exportMap } from './mapFiles.ts';
import { schemaMessage } from './schemaMessage.ts';

export type MapRequest =
  | Question
  | Edit
  | Extract<FromMapsView, { kind: 'export' | 'snapshot' | 'follow' | 'unfollow' }>;

/** More is compared in files, not in a view. */
const maxSnapshotEntries = 200_000;
const maxSnapshotBytes = 64 << 20;

/** One map in one view: what is read of it, done to it and heard from it. */
export class MapSession {
  readonly #answers: MapAnswers;
  readonly #edits: MapEdits;
  readonly #events: MapEvents;
  readonly #post: (message: ToMapsView) => void;

  constructor(client: HelperClient, map: OpenMap, post: (message: ToMapsView) => void) {
    this.#answers = new MapAnswers(client, map);
    this.#edits = new MapEdits(this.#answers);
    this.#events = new MapEvents(this.#answers, post);
    this.#post = post;
  }

  get map(): OpenMap {
    return this.#answers.map;
  }

  /** Records of a stream are of types that its map does not name: those of a program that uses it. */
  async schema(): Promise<Extract<ToMapsView, { kind: 'schema' }>> {
    const { client, map } = this.#answers;
    if (!isStream(map)) return schemaMessage(map);
    const btf = await typesOfEvents(client, map).catch(() => undefined);
    return schemaMessage({ ...map, btf });
  }

  get history(): Extract<ToMapsView, { kind: 'history' }> {
    return { kind: 'history', mapId: this.map.info.id, undoable: this.#edits.undoable };
  }

  /** Nobody looks, or somebody does again. */
  set visible(visible: boolean) {
    if (!visible) this.#events.pause();
    else void this.#events.resume().catch(() => undefined);
  }

  close(): void {
    this.#events.stop();
    this.#answers.close();
  }

  async handle(message: MapRequest): Promise<void> {
    try {
      await this.#handle(message);
    } catch (error) {
      const { mapId } = message;
      if (!('request' in message)) throw error;
      this.#post({ ...refusal(error), mapId, request: message.request });
    }
  }

  async #handle(message: MapRequest): Promise<void> {
    switch (message.kind) {
      case 'arrange':
      case 'rows':
      case 'peek':
      case 'lookup': {
        const answer = await this.#answers.answer(message);
        if (answer.kind === 'refused' && answer.code === ('map-not-found' satisfies XdpError['code'])) {
          this.#post({ kind: 'gone', mapId: message.mapId, reason: answer.message });
        }
        this.#post(answer);
        return;
      }
      case 'set':
      case 'delete':
      case 'clear':
      case 'import':
      case 'undo': {
        const { mapId, request } = message;
        const edited = await this.#edits.apply(message);
        this.#post({ ...(edited ?? { kind: 'edited', done: 0, failures: [], left: 0 }), mapId, request });
        this.#post(this.history);
        return;
      }
      case 'export':
        return await exportMap(this.#answers);
      case 'snapshot':
        return await this.#snapshot(message);
      case 'follow': {
        const { mapId, request } = message;
        await this.#events.follow({ force: message.force });
        this.#post({ kind: 'edited', done: 0, failures: [], left: 0, mapId, request });
        return;
      }
      case 'unfollow':
        this.#events.stop();
        return;
    }
  }

  /** The view keeps it: this process holds no contents of maps. */
  async #snapshot({ mapId, request }: { mapId: number; request: number }): Promise<void> {
    const { client, map } = this.#answers;
    const most = Math.floor(maxSnapshotBytes / Math.max(1, map.info.keySize + map.info.valueSize));
    const page = await readMap(client, map.ref, { maxEntries: Math.min(maxSnapshotEntries, Math.max(1, most)) });
    const { count, keys, values, truncated } = page;
    this.#post({ kind: 'snapshot', mapId, request, count, keys, values, truncated, takenAtMs: Date.now() });
  }
}

/** Is it looked at as a stream of events? */
export function isStream({ info }: OpenMap): boolean {
  return info.type === 'ringbuf' || info.type === 'perf_event_array';
}
