import type { ToMapsView } from '../../protocol/webview.ts';
import { type MapAnswers, milliseconds } from './mapAnswers.ts';

type EventsMessage = Extract<ToMapsView, { kind: 'events' }>;

/** The event stream of one map, while a view follows it. */
export class MapEvents {
  readonly #answers: MapAnswers;
  readonly #post: (message: EventsMessage) => void;
  #stream: { id: number; stop(): void } | undefined;

  constructor(answers: MapAnswers, post: (message: EventsMessage) => void) {
    this.#answers = answers;
    this.#post = post;
  }

  /** Throws `map-foreign` where another process' events would be taken, unless `force`. */
  async follow(options: { force: boolean }): Promise<void> {
    this.stop();
    const { client, map } = this.#answers;
    const { stream: id } = await client.call('events/follow', { map: map.ref, force: options.force });
    const subscription = client.on('map/events', ({ stream, records, lost, left, atNs }) => {
      if (stream !== id) return;
      this.#post({ kind: 'events', mapId: map.info.id, records, lost, left, atMs: milliseconds(atNs) });
    });
    this.#stream = {
      id,
      stop: () => {
        subscription.dispose();
        void client.call('events/stop', { stream: id }).catch(() => undefined);
      },
    };
  }

  stop(): void {
    this.#stream?.stop();
    this.#stream = undefined;
  }
}
