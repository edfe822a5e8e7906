import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ProgramImage } from '../../core/debugger/image.ts';
import { readSources } from '../../core/debugger/story/sources.ts';
import { tellStory } from '../../core/debugger/story/recorder.ts';
import type { VerdictStory } from '../../core/debugger/story/types.ts';
import { Timeline } from '../../core/debugger/timeline.ts';
import { XdpError } from '../../core/errors.ts';
import type { MapSetup } from '../../core/packetTest/model.ts';
import type { BuildOptions } from '../bpfObject.ts';
import type { TestEngine, TestRequest } from '../packetTest/engine.ts';
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
  const { object, kind, why } = await buildForDebugger(request.file, options);
  if (kind !== 'debugger') {
    throw new XdpError('not-available', `The way through ${path.basename(request.file)} cannot be told: ${why ?? ''}`, {
      fix: 'Give the C source, and install clang 19 or newer.',
    });
  }
  const engine = vmTestEngine(possibleCpus);
  const entries = await entriesOf(setups, { object, engine, program });
  const linked = linkForVm(object, possibleCpus);
  const image = new ProgramImage(object.elf, linked);
  const timeline = new Timeline({
    linked,
    options: { cpuCount: possibleCpus.length, ...debuggerMachine },
    setUp: (machine) => {
      for (const entry of entries) setUp(object, machine, entry);
    },
    packets: packets.map(({ packet, context }) => ({
      request: requestOf(program, packet, context),
      inputs: { ...inputsOf(context, possibleCpus), perfReaders: true },
    })),
  });
  timeline.goTo({ packet: packets.length - 1, insn: 0 });
  const texts = await textsOf(image, options.bundledInclude);
  const story = tellStory({ timeline, image, spec: object.spec, cpus: possibleCpus, sources: readSources(texts) });
  const { end } = story;
  const stepped = end.kind === 'verdict' ? end.action : end.kind === 'fault' ? end.message : undefined;
  if (action === undefined || stepped === undefined || stepped === action) return { kind: 'told', story };
  return { kind: 'differs', stepped, action };
}

async function entriesOf(
  setups: readonly MapSetup[],
  { object, engine, program }: { object: Parameters<TestEngine['open']>[0]; engine: TestEngine; program: string },
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
