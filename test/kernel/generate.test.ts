import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject, xdpPrograms } from '../../extension/session/bpfObject.ts';
import { bothTestEngine, machinesToCompare } from '../../extension/session/engine/bothTests.ts';
import { generate } from '../../extension/session/generate/generate.ts';
import { runTests } from '../../extension/session/generate/stable.ts';
import type { TestEngine } from '../../extension/session/packetTest/engine.ts';
import { kernelTestEngine } from '../../extension/session/packetTest/kernel.ts';
import { helper } from '../support/kernelHelper.ts';
import { bundledInclude, repository } from '../support/toolchain.ts';

let client: HelperClient;
let both: TestEngine;
beforeAll(async () => {
  client = await helper();
  const { onlineCpus, possibleCpus } = client.hello;
  both = bothTestEngine(kernelTestEngine(client), machinesToCompare(possibleCpus), onlineCpus[0] ?? 0);
});
afterAll(() => client.dispose());

const examples = join(repository, 'bpf/examples');
const sources = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.bpf.c'));
const build = { bundledInclude };

/** Verdicts that only a packet with something special in it, or an entry of a map, gets. */
const needs: Readonly<Record<string, readonly string[]>> = {
  xdp_firewall: ['XDP_DROP', 'XDP_PASS'],
  xdp_tcp_only: ['XDP_DROP', 'XDP_PASS'],
  xdp_icmp_echo: ['XDP_PASS', 'XDP_TX'],
  xdp_balance_redirect: ['XDP_DROP', 'XDP_PASS', 'XDP_REDIRECT'],
  xdp_encap: ['XDP_DROP', 'XDP_PASS', 'XDP_TX'],
  xdp_syn_cookie: ['XDP_DROP', 'XDP_PASS', 'XDP_TX'],
  xdp_dispatch: ['XDP_DROP', 'XDP_PASS'],
};

test.for(sources)('what is generated for an example holds in the kernel: %s', { timeout: 120_000 }, async (source) => {
  const file = join(examples, source);
  const object = await openObject(file, build);
  for (const { name: program } of xdpPrograms(object.spec)) {
    const { tests, verdicts, branches, remarks } = await generate({
      file,
      program,
      build,
      seed: 1,
      // Enough on a slow machine, too: the search is over by itself long before.
      timeMs: 60_000,
      idleRuns: 200,
    });
    const results = await runTests(tests, { object, program, engine: both });
    const bad = results.filter(({ status }) => status !== 'passed');
    expect(bad, remarks.join('\n')).toEqual([]);
    expect(results).not.toEqual([]);
    expect(verdicts).toEqual(expect.arrayContaining([...(needs[program] ?? [])]));
    // The router asks for routes, which no test can give.
    if (program !== 'xdp_router') expect(branches.reached).toBeGreaterThanOrEqual(branches.total / 2);
  }
});

test('an entry without an interface is none, in the kernel and in the machine', async () => {
  const file = join(examples, 'load_balancer/xdp_load_balancer.bpf.c');
  const object = await openObject(file, build);
  const service = { key: { address: '192.0.2.2', port: 80, protocol: 6, pad: 0 }, value: { backends: 1 } };
  const packet = 'Ether()/IP(dst="192.0.2.2")/TCP()';
  const entry = (ports: number, action: string) => ({
    name: action,
    packet,
    maps: { services: [service], ports: [{ key: 0, value: ports }] },
    expect: { action },
  });
  const tests = [entry(1, 'XDP_REDIRECT'), entry(0, 'XDP_DROP')];
  const results = await runTests(tests, { object, program: 'xdp_balance_redirect', engine: both });
  expect(results.map(({ status, failures, problem }) => ({ status, failures, problem }))).toEqual(
    tests.map(() => ({ status: 'passed', failures: [], problem: undefined })),
  );
});
