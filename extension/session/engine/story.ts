import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ProgramImage } from '../../core/debugger/image.ts';
import { readSources } from '../../core/debugger/story/sources.ts';
import { tellStory } from '../../core/debugger/story/recorder.ts';
import type { VerdictStory } from '../../core/debugger/story/types.ts';
import { Timeline } from '../../core/debugger/timeline.ts';
import { XdpError } from '../../core/errors.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import { actionName } from '../../core/xdp.ts';
import { type BpfObject, type BuildOptions, openObject } from '../bpfObject.ts';
import { requestOfTest } from '../packetTest/batch.ts';
import type { TestEngine, TestRequest } from '../packetTest/engine.ts';
import { PacketSource, readTestFile } from '../packetTest/files.ts';
import { encodeSetup } from '../packetTest/setup.ts';
import type { RunContext } from '../run/input.ts';
import { isForeignFile } from './coverage.ts';
import { buildForDebugger, debuggerMachine } from './debugBuild.ts';
import { inputsOf, linkForVm, requestOf } from './vm.ts';
import { setUp } from './vmMaps.ts';
import { vmTestEngine } from './vmTests.ts';

/** A run whose story is asked for. */
export interface StoryRequest {
  /** The source. Absolute. */
  file: string;
  program: string;
  setups: readonly MapSetup[];
  /** The packets before it, and at the end the one that is told about. */
  packets: readonly { packet: Uint8Array; context: RunContext }[];
  /** What the run came to that the user saw; undefined where nobody ran it yet. */
  action: string | undefined;
}

/** What can be told of a run. */
export type ToldStory =
  | { kind: 'told'; story: VerdictStory }
  /**
   * The program as it is compiled for the debugger comes to something else than what was run, so that its path would be a wrong
   * story. Usually that is undefined behaviour in the program, or something that is not the same in each run.
   */
  | { kind: 'differs'; stepped: string; action: string };

/**
 * Runs the packet once more in the built-in machine, compiled without optimisation, and tells the way it took. Throws XdpError
 * where there is no source that could be built so, or the machine cannot run it.
 */
export async function storyOf(
  request: StoryRequest,
  options: BuildOptions,
  possibleCpus: readonly number[],
): Promise<ToldStory> {
  const { program, setups, packets, action } = request;
  const object = await buildForStory(request.file, options);
  const engine = vmTestEngine(possibleCpus);
  const setup = await entriesOf(setups, { object, engine, program });
  return await tell({ object, program, setup, packets, action }, options, possibleCpus);
}

/**
 * The story of a packet test: of its first packet with another verdict than expected, else of its last. What it is held against
 * is the optimised object in the machine. Throws as storyOf() does, and what running the test would report.
 */
export async function storyOfTest(
  { testFile: file, test: name }: { testFile: string; test: string },
  options: BuildOptions,
  possibleCpus: readonly number[],
): Promise<ToldStory> {
  const testFile = await readTestFile(file);
  const test = testFile.tests.find((each) => each.name === name);
  if (test === undefined) {
    throw new XdpError('usage', `${file} has no test named "${name}".`, { fix: 'Save the file, and try again.' });
  }
  const source = path.resolve(path.dirname(file), testFile.source.value);
  const [object, real] = await Promise.all([buildForStory(source, options), openObject(source, options)]);
  const given = {
    program: testFile.program?.value,
    engine: vmTestEngine(possibleCpus),
    packets: new PacketSource(file),
  };
  const actions = await actionsOf(await requestOfTest(test, { ...given, object: real }), real, possibleCpus);
  const { program, request } = await requestOfTest(test, { ...given, object });
  const wrong = test.steps.findIndex(({ expectations }, step) =>
    expectations.some((each) => each.action !== undefined && each.action.value.name !== actions[step]),
  );
  const packets = request.steps.slice(0, (wrong < 0 ? request.steps.length - 1 : wrong) + 1);
  const action = actions[packets.length - 1];
  return await tell({ object, program, setup: request.setup, packets, action }, options, possibleCpus);
}

/** What the object as the kernel gets it comes to, packet by packet. */
async function actionsOf(
  { program, request }: { program: string; request: TestRequest },
  object: BpfObject,
  possibleCpus: readonly number[],
): Promise<string[]> {
  const instance = await vmTestEngine(possibleCpus).open(object, program, []);
  try {
    const [outcome] = await instance.runTests([request]);
    return (outcome?.steps ?? []).map(({ retval }) => actionName(retval));
  } finally {
    await instance.close();
  }
}

async function buildForStory(file: string, options: BuildOptions): Promise<BpfObject> {
  const { object, kind, why } = await buildForDebugger(file, options);
  if (kind === 'debugger') return object;
  throw new XdpError('not-available', `The way through ${path.basename(file)} cannot be told: ${why ?? ''}`, {
    fix: 'Give the C source, and install clang 19 or newer.',
  });
}

interface Run extends Pick<StoryRequest, 'program' | 'packets' | 'action'> {
  object: BpfObject;
  setup: TestRequest['setup'];
}

async function tell(
  { object, program, setup, packets, action }: Run,
  { bundledInclude }: BuildOptions,
  possibleCpus: readonly number[],
): Promise<ToldStory> {
  const linked = linkForVm(object, possibleCpus);
  const image = new ProgramImage(object.elf, linked);
  const timeline = new Timeline({
    linked,
    options: { cpuCount: possibleCpus.length, ...debuggerMachine },
    setUp: (machine) => {
      for (const entry of setup) setUp(object, machine, entry);
    },
    packets: packets.map(({ packet, context }) => ({
      request: requestOf(program, packet, context),
      inputs: { ...inputsOf(context, possibleCpus), perfReaders: true },
    })),
  });
  timeline.goTo({ packet: packets.length - 1, insn: 0 });
  const sources = readSources(await textsOf(image, bundledInclude));
  const story = tellStory({ timeline, image, spec: object.spec, cpus: possibleCpus, sources });
  const { end } = story;
  const stepped = end.kind === 'verdict' ? end.action : end.kind === 'fault' ? end.message : undefined;
  if (action === undefined || stepped === undefined || stepped === action) return { kind: 'told', story };
  return { kind: 'differs', stepped, action };
}

async function entriesOf(
  setups: readonly MapSetup[],
  { object, engine, program }: { object: BpfObject; engine: TestEngine; program: string },
): Promise<TestRequest['setup']> {
  const instance = await engine.open(object, program, []);
  try {
    const entries: TestRequest['setup'][number][] = [];
    for (const { name, entries: wanted } of setups) {
      const schema = instance.schemas.get(name);
      if (schema === undefined) throw new XdpError('map-not-found', `The program has no map named ${name}.`);
      for (const entry of wanted) entries.push(await encodeSetup(entry, schema, { object, instance, engine }));
    }
    return entries;
  } finally {
    await instance.close();
  }
}

/** A story is about the user's files and the headers that come with this product, not about the system's. Bytes. */
const maxFileBytes = 1 << 20;
const maxFiles = 64;

async function textsOf(image: ProgramImage, bundledInclude: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const shim = path.join(bundledInclude, 'xdp_debugger.h');
  const wanted = [...image.files()].filter((file) => !isForeignFile(file) && file !== shim);
  for (let next = wanted.shift(); next !== undefined && texts.size < maxFiles; next = wanted.shift()) {
    const file = next;
    const text = texts.has(file) ? undefined : await textOf(file);
    if (text === undefined) continue;
    texts.set(file, text);
    // What has no code may still define what conditions compare with.
    for (const [, header = ''] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm))
      wanted.push(path.resolve(path.dirname(file), header));
  }
  return texts;
}

/** Undefined for a file that is gone or too large: it cannot be told about, the rest can. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    return size <= maxFileBytes ? await readFile(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
