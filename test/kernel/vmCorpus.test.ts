import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { corpus } from '../../extension/build/corpus.mjs';
import { artifacts } from '../../extension/build/paths.mjs';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { kfuncs as machineKfuncs } from '../../extension/core/vm/helpers/kfuncs.ts';
import { helperName } from '../../extension/core/vm/helpers/names.ts';
import { callKind, opcode } from '../../extension/core/vm/isa/opcodes.ts';
import { linkObject } from '../../extension/core/vm/link/linkObject.ts';
import { linkOptions } from '../../extension/core/vm/machine.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { engineTarget } from '../../extension/session/engine/target.ts';
import { helper } from '../support/kernelHelper.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { compileFile, project, repository } from '../support/toolchain.ts';
import { loadPair, type Pair } from '../support/vmKernel.ts';

/** All programs with all packets are run by `npm run soak`; here every second file with some, always the same. */
const isSample = process.env['XDP_SOAK'] === undefined;
const packetsEach = isSample ? 25 : 400;

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const examples = join(repository, 'bpf/examples');

/** Programs that others wrote, of which a sample may do, and all of our own examples. */
function xdpSources(): string[] {
  const others = sourcesIn(['linux', 'libbpf', 'knot', 'xdp-tools'].map((tree) => join(corpus, tree)));
  return [...others.filter((_, index) => !isSample || index % 2 === 0), ...sourcesIn([examples])];
}

function sourcesIn(roots: readonly string[]): string[] {
  return roots
    .filter((root) => existsSync(root))
    .flatMap((root) => readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)))
    .filter((file) => file.endsWith('.c') && !/prog_tests|libbpf\.c$/.test(file) && existsSync(file))
    .filter((file) => {
      const text = readFileSync(file, 'utf8');
      return /\bSEC\("\??xdp/.test(text) && text.includes('xdp_md');
    })
    .sort();
}

function shortName(source: string): string {
  const root = source.startsWith(corpus) ? corpus : repository;
  return source.slice(root.length + 1);
}

/** Helpers whose answers are others every time, or are the kernel's own tables: what a program makes of them says nothing. */
const unsteady =
  /^bpf_(ktime_|get_prandom|jiffies|get_smp_processor|fib_lookup|check_mtu|sk[c]?_lookup|sk_|tcp_|get_socket|get_netns|get_current|redirect$|perf_event|get_numa)/;

interface Outcome {
  source: string;
  program: string;
  /** Why it was not compared; undefined where it was. */
  reason: string | undefined;
  differences: string[];
}

async function compareProgram(elf: Uint8Array, program: string, source: string): Promise<Outcome> {
  const left = (reason: string): Outcome => ({ source, program, reason, differences: [] });
  const options = { ...engineTarget({ btf: true, kconfig: true }), cpuCount: client.hello.possibleCpus.length };
  let pair: Pair;
  try {
    const linked = linkObject(elf, linkOptions(options)).programs.get(program);
    if (linked === undefined) return left('the linker does not know it');
    const { code, kfuncs } = linked;
    for (let slot = 0; slot < code.length; slot++) {
      const name =
        code.opcode[slot] === opcode.call && code.src[slot] === callKind.helper
          ? helperName(code.imm[slot]!)
          : undefined;
      if (name !== undefined && unsteady.test(name))
        return left(`${name}() depends on time, on chance or on tables of the kernel`);
      if (code.opcode[slot] === opcode.loadImm64) slot++;
    }
    const missing = kfuncs.filter((name) => !machineKfuncs.has(name));
    if (missing.length > 0) return left(`it calls ${missing.join(', ')}`);
    pair = await loadPair(client, elf, [program], options);
  } catch (error) {
    return left(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
  const random = new Random(31);
  try {
    await pair.seed(random);
    for (let round = 0; round < packetsEach; round++) {
      const { bytes } = buildPacket(generatePacket(random));
      const packet =
        round % 5 === 4 ? random.bytes(random.pick([14, 20, 33, 34, 54, 60, 64, 128, 1500])) : bytes.slice(0, 3520);
      if (packet.length < 14) continue;
      const differences = await pair.run({ program, packet });
      const missing = differences.find((each) => each.includes('is not available in the built-in machine'));
      if (missing !== undefined) return left(missing.replace(/^.*machine: /, ''));
      if (differences.length > 0) return { source, program, reason: undefined, differences };
    }
    return { source, program, reason: undefined, differences: await pair.maps() };
  } catch (error) {
    return left(`the kernel does not run it: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await pair.close();
  }
}

test('programs that others wrote, and the examples, run in the machine as in the kernel', {
  timeout: 1_800_000,
}, async () => {
  expect(existsSync(join(corpus, 'complete')), 'node extension/build/corpus.mjs fetches the programs').toBe(true);
  const output = join(project(), 'out.o');
  const outcomes: Outcome[] = [];
  for (const source of xdpSources()) {
    const compiled = await compileFile(source, { output, workspaceRoots: [corpus] }).catch(() => undefined);
    if (compiled?.ok !== true) continue;
    const elf = new Uint8Array(readFileSync(output));
    const spec = parseObject(elf);
    for (const { name, type } of spec.programs) {
      if (type === 'xdp') outcomes.push(await compareProgram(elf, name, shortName(source)));
    }
  }
  mkdirSync(artifacts, { recursive: true });
  writeFileSync(join(artifacts, 'vm-corpus.json'), `${JSON.stringify(outcomes, null, 2)}\n`);
  expect(outcomes.filter(({ differences }) => differences.length > 0)).toEqual([]);
  const compared = outcomes.filter(({ reason }) => reason === undefined);
  expect(compared.length).toBeGreaterThan(isSample ? 25 : 75);
  // An example that is not compared says why: it depends on time, on chance or on the kernel's tables.
  const own = outcomes.filter(({ source }) => source.startsWith('bpf/'));
  expect(own.length).toBeGreaterThan(15);
  for (const { source, reason = 'depends on' } of own) expect(`${source}: ${reason}`).toContain('depends on');
  const found = { part: 'corpus', programs: outcomes.length, compared: compared.length, packets: packetsEach };
  const results = process.env['XDP_SOAK_RESULTS'];
  if (results !== undefined) writeFileSync(results, `${JSON.stringify(found)}\n`);
});
