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

test('load-acquire and store-release come to what plain accesses come to in the kernel', async () => {
  // The kernel has them since 6.15, and not for every processor: it runs the same source with plain loads and stores.
  const elf = compileFixture('vmAcquire', ['-DPLAIN']);
  const pair = await loadPair(client, elf, undefined, {}, compileFixture('vmAcquire', []));
  const random = new Random(15);
  try {
    for (let round = 0; round < 200; round++) {
      expect(await pair.run({ program: 'acquire', packet: random.bytes(60) })).toEqual([]);
    }
    expect(await pair.maps()).toEqual([]);
  } finally {
    await pair.close();
  }
});
