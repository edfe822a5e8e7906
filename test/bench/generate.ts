import { readdirSync } from 'node:fs';
import path from 'node:path';
import { ProgramImage } from '../../extension/core/debugger/image.ts';
import { branchOf, conditionalSlots } from '../../extension/core/generate/features.ts';
import { Search } from '../../extension/core/generate/search.ts';
import type { Machine } from '../../extension/core/vm/machine.ts';
import { type BuildOptions, xdpPrograms } from '../../extension/session/bpfObject.ts';
import { isOwnSource } from '../../extension/session/engine/coverage.ts';
import { buildForDebugger, debuggerMachine } from '../../extension/session/engine/debugBuild.ts';
import { linkForVm } from '../../extension/session/engine/vm.ts';
import { vmTestEngine } from '../../extension/session/engine/vmTests.ts';
import { Instances, programNamed, runBatch } from '../../extension/session/packetTest/batch.ts';
import { PacketSource, readTestFile } from '../../extension/session/packetTest/files.ts';
import type { Row } from './measure.ts';

const cpus = [0, 1];

/** Ways of conditions as `PROGRAM SLOT WAY`, of the example's own files. */
interface Reached {
  all: number;
  generated: number;
  byHand: number;
  byChance: number;
}

/** How many branches of the examples are reached: by the search, by the examples' own tests, and by as many packets made by chance. */
export async function generateRows(bundledInclude: string): Promise<Row[]> {
  const examples = path.join(process.cwd(), 'bpf/examples');
  const build = { bundledInclude };
  const sum: Reached = { all: 0, generated: 0, byHand: 0, byChance: 0 };
  for (const name of readdirSync(examples, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.bpf.c')) continue;
    const one = await reachedOf(path.join(examples, name), build);
    for (const key of ['all', 'generated', 'byHand', 'byChance'] as const) sum[key] += one[key];
  }
  const row = (peer: string, reached: number): Row => ({
    name: `generated packets: branches of the examples, of ${sum.all} (peer: ${peer})`,
    ours: sum.generated,
    peer: reached,
    unit: 'branches',
    ratio: sum.generated / reached,
    aim: '≥ the peer',
    met: sum.generated >= reached,
  });
  return [row('their own tests', sum.byHand), row('as many packets by chance', sum.byChance)];
}

async function reachedOf(file: string, build: BuildOptions): Promise<Reached> {
  const { object, kind } = await buildForDebugger(file, build);
  const linked = linkForVm(object, cpus);
  const image = new ProgramImage(object.elf, linked);
  const machine = kind === 'debugger' ? debuggerMachine : {};
  const names = [...linked.programs.keys()];
  const xdp = new Set(xdpPrograms(object.spec).map(({ name }) => name));
  const all = new Set<string>();
  for (const program of linked.programs.values()) {
    if (!xdp.has(program.name)) continue;
    for (const slot of conditionalSlots(program.code)) {
      const place = image.placeOf(program, slot).source;
      if (place === undefined || !isOwnSource(place.file, build)) continue;
      for (const taken of [false, true]) all.add(`${program.name} ${slot} ${taken}`);
    }
  }
  const generated = new Set<string>();
  const byChance = new Set<string>();
  for (const program of xdp) {
    const target = { linked, btf: object.spec.btf, program, options: { cpuCount: cpus.length, ...machine } };
    const guided = new Search(target, { seed: 1, idleRuns: 3000 });
    while (guided.step());
    const chance = new Search(target, { seed: 1, idleRuns: Number.POSITIVE_INFINITY, guided: false });
    while (chance.runs < guided.runs) chance.step();
    for (const [search, into] of [
      [guided, generated],
      [chance, byChance],
    ] as const) {
      for (const feature of search.reached) {
        const branch = branchOf(feature);
        const key = branch === undefined ? '' : `${names[branch.program]} ${branch.slot} ${branch.taken}`;
        if (all.has(key)) into.add(key);
      }
    }
  }
  const byHand = new Set<string>();
  const testFile = await readTestFile(file.replace(/\.bpf\.c$/, '.xdptest.json'));
  const program = testFile.program === undefined ? undefined : programNamed(object, testFile.program.value);
  const engine = vmTestEngine(cpus, {}, (ran) => collect(ran, all, byHand), { linked, machine });
  const instances = new Instances(engine, object, testFile.tests);
  const packets = new PacketSource(file);
  await runBatch({ tests: testFile.tests, object, program, instances, packets, benchmark: undefined });
  return { all: all.size, generated: generated.size, byHand: byHand.size, byChance: byChance.size };
}

function collect(machine: Machine, all: ReadonlySet<string>, into: Set<string>): void {
  for (const name of machine.linked.programs.keys()) {
    for (const { end, count, taken } of machine.blockCounts(name)) {
      for (const [way, times] of [
        [true, taken],
        [false, count - taken],
      ] as const) {
        const key = `${name} ${end - 1} ${way}`;
        if (times > 0 && all.has(key)) into.add(key);
      }
    }
  }
}
