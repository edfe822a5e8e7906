import { expect, test } from 'vitest';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { compareWithTshark } from '../support/packetTshark.ts';

test('tshark sees what was built: fields, good checksums, nothing malformed', () => {
  const random = new Random(31_337);
  const compared = compareWithTshark(Array.from({ length: 2000 }, () => generatePacket(random)));
  // Every field was there to be compared.
  for (const [field, times] of compared) expect(times, field).toBeGreaterThan(3);
});
