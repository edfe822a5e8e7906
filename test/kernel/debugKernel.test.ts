import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DapClient } from '../support/dapClient.ts';
import { buildHelper } from '../support/kernelHelper.ts';
import { repository } from '../support/toolchain.ts';

const firewall = join(repository, 'bpf/examples/firewall/xdp_firewall.xdptest.json');

async function outputOf(configuration: object): Promise<string[]> {
  const client = new DapClient(await buildHelper());
  try {
    expect(await client.launch({ stopOnEntry: false, ...configuration })).toMatchObject({ reason: 'terminated' });
    return client.output;
  } finally {
    await client.close();
  }
}

test('what was stepped through is held against this kernel, packets and maps of the test included', async () => {
  const test = 'a prefix blocks all of its addresses, and an exception in it passes';
  const output = await outputOf({ testFile: firewall, test });
  expect(output.slice(-2)).toEqual([
    'The optimised object, as the kernel gets it, comes to the same.',
    'This kernel comes to the same.',
  ]);
});

test('a program that the kernel does not run is still debugged, and the reason is said', async () => {
  const program = join(repository, 'test/fixtures/bpf/debugCalls.bpf.c');
  const output = await outputOf({ program });
  expect(output.at(-1)).toMatch(/^The kernel could not be asked: .*rejected/);
});
