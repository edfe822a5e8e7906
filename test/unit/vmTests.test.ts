import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { vmTestEngine } from '../../extension/session/engine/vmTests.ts';
import { runPacketTests } from '../../extension/session/packetTest/packetTest.ts';
import { bundledInclude, repository } from '../support/toolchain.ts';

const examples = join(repository, 'bpf/examples');
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.xdptest.json'))
  .map((file) => join(examples, file));

test.for(files)("the example's own tests hold without a kernel: %s", async (file) => {
  const written = (JSON.parse(readFileSync(file, 'utf8')) as { tests: unknown[] }).tests.length;
  const engine = () => Promise.resolve(vmTestEngine([0, 1]));
  const outcomes: unknown[] = [];
  for await (const event of runPacketTests({ files: [file], build: { bundledInclude }, engine })) {
    if (event.kind === 'tested') outcomes.push(event.result);
  }
  expect(outcomes.length).toBe(written);
  expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ status: 'passed' })));
});
