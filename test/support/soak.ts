/** `npm run soak`: what runs as a sample in `npm test` runs in full there, with a seed of its own. */
const soaking = process.env['XDP_SOAK'] === '1';

export function count(sample: number, full: number): number {
  return soaking ? full : sample;
}

/** The same in every `npm test`; in a soak run another one each time, said so that it can be repeated. */
export const seed = soaking ? Number(process.env['XDP_SOAK_SEED'] ?? Date.now() % 2 ** 31) : 1;
if (soaking) console.log(`XDP_SOAK_SEED=${seed}`);

/** mulberry32: small, and the same everywhere. */
export function randomNumbers(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
