import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { helper } from '../support/kernelHelper.ts';
import { Random } from '../support/packetGenerate.ts';
import { compileFixture, loadPair } from '../support/vmKernel.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

test('dynptrs of packets and memory: results, limits and bytes as in the kernel', async () => {
  const random = new Random(37);
  const pair = await loadPair(client, compileFixture('vmDynptr', [], 'clang-19'));
  try {
    for (let round = 0; round < 300; round++) {
      const packet = random.bytes(random.pick([18, 20, 60, 100, 1500, 3000, 3600, 7700, 9000]));
      const view = new DataView(packet.buffer);
      const near = (): number =>
        Math.max(
          0,
          random.pick([
            0,
            2,
            14,
            16,
            3505,
            3518,
            3540,
            7605,
            7616,
            packet.length - 16,
            packet.length - 8,
            packet.length,
          ]) +
            random.below(7) -
            3,
        );
      view.setUint16(14, near() | (random.chance(0.1) ? 0x8000 : 0), true);
      view.setUint16(16, near(), true);
      expect(await pair.run({ program: 'vm_dynptr', packet })).toEqual([]);
      expect(await pair.maps()).toEqual([]);
    }
  } finally {
    await pair.close();
  }
});
