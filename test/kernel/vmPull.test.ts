import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { helper } from '../support/kernelHelper.ts';
import { Random } from '../support/packetGenerate.ts';
import { compileFixture, loadPair } from '../support/vmKernel.ts';

const name = 'bpf_xdp_pull_data';

test('pulling fragments into the linear part: limits, both ends and bytes as in the kernel', async () => {
  const client = await helper();
  const elf = compileFixture('vmPull', []);
  try {
    // Before Linux 6.18 there is nothing to compare with, and the program does not load.
    if (!readFileSync('/sys/kernel/btf/vmlinux').includes(`\0${name}\0`)) {
      await expect(client.call('object/load', { elf, name: 'pull.o' })).rejects.toMatchObject({ code: 'load-failed' });
      return;
    }
    const random = new Random(41);
    const pair = await loadPair(client, elf);
    for (let round = 0; round < 300; round++) {
      const packet = random.bytes(random.pick([40, 1500, 3500, 3520, 3560, 7600, 7616, 7620, 9000, 12_000]));
      const view = new DataView(packet.buffer);
      view.setInt16(14, random.pick([0, 0, -216, -200, 40, 300, 3400]) + random.below(5) - 2, true);
      view.setInt16(16, random.pick([0, -4, -32, -200]), true);
      view.setInt16(18, random.pick([0, -50, -3600, -4096, 10, 100, 256, 500]) + random.below(3), true);
      for (const at of [20, 22]) {
        const near = random.pick([0, 14, 3520, 3736, 3776, 3992, packet.length, packet.length - 200]);
        view.setUint16(at, Math.max(0, near + random.below(9) - 4), true);
      }
      const metadata = random.chance(0.3) ? random.bytes(4 * random.below(30)) : new Uint8Array(0);
      expect(await pair.run({ program: 'vm_pull', packet, metadata })).toEqual([]);
      expect(await pair.maps()).toEqual([]);
    }
    await pair.close();
  } finally {
    await client.dispose();
  }
});
