import type { MapUse } from '../../protocol/kernel.ts';
import type { BorrowedMap } from '../../session/maps/borrow.ts';

/** How often to ask: as long as nobody can have drawn a conclusion from a counter that stands still. */
const askMs = 2000;

/**
 * Whether maps of others that a view holds are still in use. Nobody tells us when their owner loads its program anew: the map that we
 * hold then stays as it is for ever. Asked only while somebody looks.
 */
export class MapUses {
  readonly #held: () => readonly BorrowedMap[];
  readonly #changed: () => void;
  #known = new Map<number, MapUse>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(held: () => readonly BorrowedMap[], changed: () => void) {
    this.#held = held;
    this.#changed = changed;
  }

  /** undefined: not known, or not known yet. */
  of(id: number): MapUse | undefined {
    return this.#known.get(id);
  }

  set watching(watching: boolean) {
    if (watching === (this.#timer !== undefined)) return;
    clearInterval(this.#timer);
    this.#timer = watching ? setInterval(() => void this.#ask(), askMs) : undefined;
    if (watching) void this.#ask();
  }

  async #ask(): Promise<void> {
    const [first] = this.#held();
    if (first === undefined || this.#asking) return;
    this.#asking = true;
    try {
      // All of them are held by the one helper that took them.
      const { maps } = await first.client.call('map/uses', { ids: this.#held().map(({ map }) => map.info.id) });
      const known = new Map(maps.map((use) => [use.id, use]));
      const differs = [...known].some(([id, use]) => !isSame(use, this.#known.get(id) ?? { id, use: 'program' }));
      this.#known = known;
      if (differs && this.#timer !== undefined) this.#changed();
    } catch {
      // The helper ended, which is said elsewhere, or is an older one, which does not know.
    } finally {
      this.#asking = false;
    }
  }
}

function isSame(left: MapUse, right: MapUse): boolean {
  return left.use === right.use && left.newer === right.newer;
}
