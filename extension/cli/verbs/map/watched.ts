import type { Output } from '../../output.ts';
import { openedAnew, type OpenedMap } from './access.ts';

/** Nobody reads a note sooner. */
const askMs = 1000;

/**
 * A map that is read again and again. Says, once, that no program uses it: it would go on to be printed, and to stand still, for as long as
 * anybody holds it. And goes on with what takes its place at its pin.
 */
export class WatchedMap {
  #opened: OpenedMap;
  readonly #output: Output;
  #askedMs = Number.NEGATIVE_INFINITY;
  #said: string | undefined;

  constructor(opened: OpenedMap, output: Output) {
    this.#opened = opened;
    this.#output = output;
  }

  /** What is to be read. Another object is another map. */
  get opened(): OpenedMap {
    return this.#opened;
  }

  /** After a reading, also one that failed: is it another map now? Then the reading may be of either, and is to be done again. */
  async moved(): Promise<boolean> {
    // What cannot be opened any more, the next reading says.
    const anew = await openedAnew(this.#opened).catch(() => undefined);
    if (anew === undefined) return false;
    this.#output.note(`The pin has another map now: ${anew.map.info.name} (map ${anew.map.info.id}).`);
    this.#opened = anew;
    this.#said = undefined;
    this.#askedMs = Number.NEGATIVE_INFINITY;
    return true;
  }

  /** Between two readings. */
  async lookAtUse(): Promise<void> {
    if (performance.now() - this.#askedMs < askMs) return;
    this.#askedMs = performance.now();
    const { client, map } = this.#opened;
    const { id, name } = map.info;
    const [found] = (await client.call('map/uses', { ids: [id] })).maps;
    if (found === undefined) return;
    const said = found.use === 'program' ? undefined : String(found.newer ?? '');
    if (said === this.#said) return;
    this.#said = said;
    if (said === undefined) this.#output.note(`A program uses ${name} (map ${id}) now.`);
    else {
      this.#output.note(`No program uses ${name} (map ${id}): its values change only when something else writes them.`);
      if (found.newer !== undefined) this.#output.note(`A newer ${name} (map ${found.newer}) is in use.`);
    }
  }
}
