/** Payloads that are made rather than typed. The same seed gives the same bytes, everywhere. */
import { packetInvalid } from './fail.ts';

export type PayloadRecipe =
  /** 00 01 02 … ff 00 …, from `start`. */
  | { kind: 'counter'; length: number; start?: number }
  | { kind: 'random'; length: number; seed: number }
  | { kind: 'fill'; length: number; byte: number };

const maxPayload = 0x10000;

export function makePayload(recipe: PayloadRecipe): Uint8Array {
  const { length } = recipe;
  if (!Number.isSafeInteger(length) || length < 0 || length > maxPayload) {
    throw packetInvalid(`A payload has 0 to ${maxPayload} bytes, not ${length}.`, { length });
  }
  switch (recipe.kind) {
    case 'counter':
      return Uint8Array.from({ length }, (_, i) => (recipe.start ?? 0) + i);
    case 'fill':
      return new Uint8Array(length).fill(recipe.byte);
    case 'random': {
      // xorshift32 (Marsaglia 2003): no state is zero.
      let state = recipe.seed >>> 0 || 0x9e3779b9;
      return Uint8Array.from({ length }, () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return state >>> 0;
      });
    }
  }
}
