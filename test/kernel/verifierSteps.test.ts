import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeOfStep } from '../../extension/core/verifier/steps/places.ts';
import { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { walkProgram } from '../../extension/session/verifierSteps.ts';
import { compileBpf, fixtureDir } from '../support/bpfFixture.ts';
import { helper } from '../support/kernelHelper.ts';
import { clangs, compileFile, project, repository } from '../support/toolchain.ts';
import { agreementOf } from '../support/verifierOracle.ts';

/** The walks of this kernel's verifier over real programs: what is carried along a path is what the verifier prints whole. */

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

interface Walked {
  programs: number;
  compared: number;
  doubted: number;
  wrong: string[];
}

async function walk(elf: Uint8Array, name: string): Promise<Walked> {
  const walked: Walked = { programs: 0, compared: 0, doubted: 0, wrong: [] };
  const { programs } = await client.call('object/verify', { elf, name: 'walk', log: 'steps' });
  for (const { name: program, verdict, log: text } of programs) {
    const log = new StepLog(text);
    if (log.count === 0) continue;
    const { compared, doubted, wrong } = agreementOf(log, `${name} ${program}`);
    walked.programs++;
    walked.compared += compared;
    walked.doubted += doubted;
    walked.wrong.push(...wrong);
    const { end } = log.step(log.count - 1);
    if (log.lines.headless) walked.wrong.push(`${name} ${program}: does not begin with a state`);
    if ((end === 'failed') !== (verdict === 'rejected'))
      walked.wrong.push(`${name} ${program}: ${verdict}, ends ${end}`);
  }
  return walked;
}

const examples = readdirSync(join(repository, 'bpf/examples'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.bpf.c'),
);

test.each(clangs)('%s: every example', async (clangPath) => {
  const all: Walked[] = [];
  for (const file of examples) {
    const output = join(project(), 'out.o');
    await compileFile(join(repository, 'bpf/examples', file), { clangPath, output });
    all.push(await walk(new Uint8Array(readFileSync(output)), file));
  }
  const sum = (of: (each: Walked) => number): number => all.reduce((total, each) => total + of(each), 0);
  expect(all.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(sum(({ programs }) => programs)).toBeGreaterThanOrEqual(examples.length);
  expect(sum(({ compared }) => compared)).toBeGreaterThan(1000);
  expect(sum(({ doubted }) => doubted)).toBeLessThan(sum(({ compared }) => compared) / 20);
});

const cases = join(fixtureDir, 'verifier/cases');

test('every program that fails', async () => {
  const wrong: string[] = [];
  let programs = 0;
  for (const file of readdirSync(cases).filter((name) => name.endsWith('.bpf.c'))) {
    const elf = compileBpf(readFileSync(join(cases, file), 'utf8'), { flags: ['-g', '-O2', `-I${cases}`] });
    const walked = await walk(elf, file);
    programs += walked.programs;
    wrong.push(...walked.wrong);
  }
  expect(wrong).toEqual([]);
  expect(programs).toBeGreaterThan(100);
});

test('one program of several is walked alone, with its places and what is wrong with it', async () => {
  const file = join(cases, 'packet.bpf.c');
  const elf = compileBpf(readFileSync(file, 'utf8'), { flags: ['-g', '-O2', `-I${cases}`] });
  const object = { file, name: 'cases', elf, spec: parseObject(elf), compiled: undefined };
  const [program = ''] = object.spec.programs.map(({ name }) => name);
  const { verdict, failure, places, log } = await walkProgram(client, object, program);
  expect(verdict).toBe('rejected');
  const steps = new StepLog(log);
  const last = steps.step(steps.count - 1);
  expect(last.end).toBe('failed');
  // The view shows the line of the last step where the diagnostic stands.
  expect(placeOfStep(steps, last.index, places)?.line).toBe(failure?.line);
  await expect(walkProgram(client, object, 'no_such_program')).rejects.toMatchObject({ code: 'program-not-found' });
});
