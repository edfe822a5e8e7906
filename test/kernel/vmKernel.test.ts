import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { engineTarget } from '../../extension/session/engine/target.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { helper } from '../support/kernelHelper.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { compileFile, project, repository } from '../support/toolchain.ts';
import { compileBpf, seeded } from '../support/bpfFixture.ts';
import { randomCodeBytes, randomPrograms } from '../support/vmRandomCode.ts';
import { compileFixture, loadPair } from '../support/vmKernel.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const flagSets: readonly (readonly string[])[] = [['-mcpu=v1'], ['-mcpu=v2'], ['-mcpu=v3']];

test.for(flagSets)('map operations: results, evictions and contents as in the kernel %j', async (flags) => {
  const random = new Random(7);
  const pair = await loadPair(client, compileFixture('vmMaps', flags));
  try {
    for (let round = 0; round < 200; round++) {
      const packet = random.bytes(14 + 8 * (1 + random.below(24)));
      // Mostly the same few keys, so that maps fill up and entries are found again.
      for (let at = 14; at < packet.length; at += 8) packet[at + 2] = random.below(round < 100 ? 8 : 90);
      const cpu = random.pick(client.hello.onlineCpus);
      expect(await pair.run({ program: 'vm_maps', packet }, cpu)).toEqual([]);
      if (round % 20 === 0) expect(await pair.maps()).toEqual([]);
    }
    expect(await pair.maps()).toEqual([]);
  } finally {
    await pair.close();
  }
});

/** Steering for vmPacket: numbers around the limits that the kernel has. */
function steered(random: Random): Uint8Array {
  const packet = random.bytes(random.pick([18, 20, 46, 60, 100, 1500, 3520]));
  const near = (): number =>
    random.pick([0, 1, -1, 4, -4, 12, 14, -14, 200, -208, -212, -216, -220, 252, -252, -256, 2000, 3000, -3480]) +
    random.below(9) -
    4;
  const view = new DataView(packet.buffer);
  view.setInt16(14, near(), true);
  view.setInt16(16, near(), true);
  return packet;
}

test.for(flagSets)('packets: both ends, bytes, checksums, text, callbacks, tail calls, globals %j', async (flags) => {
  const random = new Random(11);
  const programs = ['vm_adjust', 'vm_calls', 'vm_text', 'vm_tail'];
  const pair = await loadPair(client, compileFixture('vmPacket', flags));
  try {
    for (let round = 0; round < 400; round++) {
      const program = random.pick(programs);
      const metadata = random.chance(0.3) ? random.bytes(4 * random.below(20)) : new Uint8Array(0);
      const request = {
        program,
        packet: steered(random),
        metadata,
        ...(random.chance(0.3) ? { ingressIfindex: 1 } : {}),
      };
      expect(await pair.run(request)).toEqual([]);
      if (round % 20 === 0) expect(await pair.maps()).toEqual([]);
    }
    expect(await pair.maps()).toEqual([]);
  } finally {
    await pair.close();
  }
});

test('CO-RE relocations and kernel options as libbpf has them', async () => {
  const random = new Random(13);
  const target = engineTarget({ btf: true, kconfig: true });
  expect(target.kernelBtf?.types.length).toBeGreaterThan(10_000);
  // libbpf before 1.2 gives up on types that no kernel has unless it may look through the modules: CAP_SYS_ADMIN.
  const system = await helper({ profile: 'system' });
  const pair = await loadPair(system, compileFixture('vmCore', []), undefined, target);
  try {
    for (let round = 0; round < 20; round++) {
      expect(await pair.run({ program: 'vm_core', packet: random.bytes(100) })).toEqual([]);
      expect(await pair.maps()).toEqual([]);
    }
  } finally {
    await pair.close();
    await system.dispose();
  }
});

test.for([
  ['clang', '-mcpu=v3'],
  ['clang-19', '-mcpu=v4'],
] as const)('signed division, sign extension, iterators: %s %s', async ([compiler, cpu]) => {
  const random = new Random(17);
  const pair = await loadPair(client, compileFixture('vmNewest', [cpu], compiler));
  try {
    for (let round = 0; round < 60; round++) {
      const packet = random.bytes(60);
      const view = new DataView(packet.buffer);
      // Divisors that are zero, one and minus one, and dividends at the ends.
      if (round % 3 === 0) view.setBigInt64(29, random.pick([0n, 1n, -1n, 7n, -(2n ** 63n)]), true);
      if (round % 4 === 0) view.setBigInt64(21, random.pick([0n, -(2n ** 63n), 2n ** 63n - 1n]), true);
      if (round % 5 === 0) view.setInt16(15, random.pick([0, 1, -1]), true);
      if (round % 6 === 0) view.setInt32(17, random.pick([0, -(2 ** 31)]), true);
      expect(await pair.run({ program: 'vm_newest', packet })).toEqual([]);
      expect(await pair.maps()).toEqual([]);
    }
  } finally {
    await pair.close();
  }
});

/** Not here: what depends on the time (rate_limiter), on a secret (syn_cookie) or on a routing table (router). */
const examples = [
  'counter/xdp_counter',
  'encapsulation/xdp_encapsulation',
  'firewall/xdp_firewall',
  'frags/xdp_frags',
  'icmp_echo/xdp_icmp_echo',
  'load_balancer/xdp_load_balancer',
  'metadata/xdp_metadata',
  'multi/xdp_multi',
  'protocol_filter/xdp_tcp_only',
  'tail_call/xdp_tail_call',
  'vlan/xdp_vlan_pop',
  'vlan/xdp_vlan_push',
];

test.for(examples)('the example %s', async (example) => {
  const random = new Random(19);
  const output = join(project(), 'out.o');
  expect(await compileFile(join(repository, 'bpf/examples', `${example}.bpf.c`), { output })).toMatchObject({
    ok: true,
  });
  const elf = readFileSync(output);
  const programs = parseObject(elf)
    .programs.filter(({ type }) => type === 'xdp')
    .map((program) => program.name);
  const pair = await loadPair(client, elf);
  try {
    for (let round = 0; round < 150; round++) {
      const { bytes } = buildPacket(generatePacket(random));
      const cut = random.chance(0.3) ? bytes.slice(0, 14 + random.below(bytes.length - 13)) : bytes;
      if (cut.length < 14) continue;
      expect(await pair.run({ program: random.pick(programs), packet: cut })).toEqual([]);
    }
    expect(await pair.maps()).toEqual([]);
  } finally {
    await pair.close();
  }
});

test('random arithmetic, memory and jumps, against the kernel as it compiles them', async () => {
  const below = seeded(29);
  const count = 60;
  const elf = compileBpf(randomPrograms(count, 40, below));
  const pair = await loadPair(client, elf);
  const edges = [0n, 1n, -1n, 2n ** 63n, 2n ** 63n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, -(2n ** 31n)];
  try {
    for (let round = 0; round < 15 * count; round++) {
      const packet = new Uint8Array(randomCodeBytes).map(() => below(256));
      const view = new DataView(packet.buffer);
      for (let at = 24; at < randomCodeBytes; at += 8) {
        if (below(2) === 0) view.setBigInt64(at, BigInt.asIntN(64, edges[below(edges.length)] ?? 0n), true);
      }
      expect(await pair.run({ program: `random_${round % count}`, packet })).toEqual([]);
    }
  } finally {
    await pair.close();
  }
});
