import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject, xdpPrograms } from '../../extension/session/bpfObject.ts';
import { buildForDebugger, debuggerMachine } from '../../extension/session/engine/debugBuild.ts';
import { helper } from '../support/kernelHelper.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { bundledInclude, repository } from '../support/toolchain.ts';
import { loadPair } from '../support/vmKernel.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

/** What depends on the time, on a secret or on a routing table is another run every time. */
const unsteady = ['rate_limiter', 'flow_monitor', 'syn_cookie', 'router'];
const examples = readdirSync(join(repository, 'bpf/examples'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.bpf.c') && !unsteady.some((name) => file.includes(name)))
  .map((file) => `bpf/examples/${file}`);
const fixtures = ['vmMaps', 'vmPacket', 'debugShapes'].map((name) => `test/fixtures/bpf/${name}.bpf.c`);

test.for([...examples, ...fixtures])('the debugger runs what the kernel runs: %s', async (source) => {
  const file = join(repository, source);
  const options = { bundledInclude };
  const build = await buildForDebugger(file, options);
  // The set-up installs a clang that can do it: the fallback here would mean that nothing below was tested.
  expect({ kind: build.kind, why: build.why }).toEqual({ kind: 'debugger', why: undefined });
  const real = await openObject(file, options);
  const programs = xdpPrograms(real.spec).map(({ name }) => name);
  const pair = await loadPair(client, real.elf, undefined, { ...debuggerMachine }, build.object.elf);
  const random = new Random(basename(file).length);
  try {
    for (let round = 0; round < 100; round++) {
      const packet = round % 2 === 0 ? buildPacket(generatePacket(random)).bytes : random.bytes(14 + random.below(200));
      if (packet.length < 14) continue;
      expect(await pair.run({ program: random.pick(programs), packet })).toEqual([]);
    }
    // Each build lays out its global data in its own way.
    expect((await pair.maps()).filter((difference) => !/^(compiled: )?\./.test(difference))).toEqual([]);
  } finally {
    await pair.close();
  }
});
