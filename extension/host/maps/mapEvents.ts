import type { ToMapsView } from '../../protocol/webview.ts';
import { followEvents } from '../../session/maps/events.ts';
import { type MapAnswers, milliseconds } from './mapAnswers.ts';

type EventsMessage = Extract<ToMapsView, { kind: 'events' }>;

/** The event stream of one map: read while a view follows it and somebody looks. */
export class MapEvents {
  readonly #answers: MapAnswers;
  readonly #post: (message: EventsMessage) => void;
  #followed: { force: boolean } | undefined;
  #stop: (() => Promise<void>) | undefined;

  constructor(answers: MapAnswers, post: (message: EventsMessage) => void) {
    this.#answers = answers;
    this.#post = post;
  }

  /** Throws `map-foreign` where another process' events would be taken, unless `force`. */
  async follow(options: { force: boolean }): Promise<void> {
    this.stop();
    const { client, map } = this.#answers;
    const { stop } = await followEvents(client, map, options, ({ records, lost, left, atNs }) =>
      this.#post({ kind: 'events', mapId: map.info.id, records, lost, left, atMs: milliseconds(atNs) }),
    );
    this.#followed = options;
    this.#stop = stop;
  }

  /** Nobody looks: what is sent meanwhile waits in the buffer, as long as there is room. */
  pause(): void {
    const stop = this.#stop;
    this.#stop = undefined;
    void stop?.().catch(() => undefined);
  }

  async resume(): Promise<void> {
    if (this.#followed !== undefined && this.#stop === undefined) await this.follow(this.#followed);
  }

  stop(): void {
    this.pause();
    this.#followed = undefined;
  }
}
