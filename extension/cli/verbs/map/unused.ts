import type { Output } from '../../output.ts';
import type { OpenedMap } from './access.ts';

/** Nobody reads a note sooner. */
const askMs = 1000;

/**
 * Says, once, that no program uses the map that is watched: it would go on to be printed, and to stand still, for as long as anybody
 * holds it.
 */
export class UnusedNote {
  readonly #opened: OpenedMap;
  readonly #output: Output;
  #askedMs = Number.NEGATIVE_INFINITY;
  #said: string | undefined;

  constructor(opened: OpenedMap, output: Output) {
    this.#opened = opened;
    this.#output = output;
  }

  /** After a reading. */
  async look(): Promise<void> {
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
