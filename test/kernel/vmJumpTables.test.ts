import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { helper } from '../support/kernelHelper.ts';
import { Random } from '../support/packetGenerate.ts';
import { repository } from '../support/toolchain.ts';
import { compileFixture, loadPair } from '../support/vmKernel.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

test('jump tables of clang 22 in the machine go where comparisons go in the kernel', async () => {
  const tables = readFileSync(join(repository, 'test/fixtures/bpf/jumpTables.o'));
  const pair = await loadPair(client, compileFixture('jumpTables', []), undefined, {}, tables);
  const random = new Random(22);
  try {
    for (let round = 0; round < 400; round++) {
      const packet = random.bytes(random.pick([14, 20, 60]));
      expect(await pair.run({ program: 'jump_tables', packet })).toEqual([]);
    }
    expect(await pair.maps()).toEqual([]);
  } finally {
    await pair.close();
  }
});
