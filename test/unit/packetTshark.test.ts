import { expect, test } from 'vitest';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { compareWithTshark } from '../support/packetTshark.ts';
import { count, seed } from '../support/soak.ts';

/** At once: tshark's answers are text, and there are a hundred fields. */
const batch = 2000;

test('tshark sees what was built: fields, good checksums, nothing malformed', { timeout: 900_000 }, () => {
  const random = new Random(31_336 + seed);
  const compared = new Map<string, number>();
  for (let left = count(batch, 12_000); left > 0; left -= batch) {
    const seen = compareWithTshark(Array.from({ length: batch }, () => generatePacket(random)));
    for (const [field, times] of seen) compared.set(field, (compared.get(field) ?? 0) + times);
  }
  // Every field was there to be compared.
  for (const [field, times] of compared) expect(times, field).toBeGreaterThan(3);
});
