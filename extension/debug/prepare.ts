import path from 'node:path';
import * as v from 'valibot';
import { ProgramImage } from '../core/debugger/image.ts';
import type { Scenario } from '../core/debugger/timeline.ts';
import { XdpError } from '../core/errors.ts';
import { toHex } from '../core/packet/hex.ts';
import type { PacketTest, TestFile } from '../core/packetTest/model.ts';
import { parseTestFile } from '../core/packetTest/parseTestFile.ts';
import { TestFileInvalid } from '../core/packetTest/problems.ts';
import { DebugLaunch } from '../protocol/debug.ts';
import { type BpfObject, type BuildOptions, openObject } from '../session/bpfObject.ts';
import { buildForDebugger, type DebugBuild, debuggerMachine } from '../session/engine/debugBuild.ts';
import { possibleCpus } from '../session/engine/target.ts';
import { inputsOf, linkForVm, requestOf } from '../session/engine/vm.ts';
import { setUp } from '../session/engine/vmMaps.ts';
import { vmTestEngine } from '../session/engine/vmTests.ts';
import type { TestRequest } from '../session/packetTest/engine.ts';
import { PacketSource, readTestFile } from '../session/packetTest/files.ts';
import { requestOfTest } from '../session/packetTest/batch.ts';
import { packetArgument } from '../session/run/packetArgument.ts';

/** Everything that a debug session runs on. */
export interface Prepared {
  build: DebugBuild;
  /** As the kernel gets it; undefined when that is what is stepped through. */
  real: BpfObject | undefined;
  image: ProgramImage;
  program: string;
  request: TestRequest;
  scenario: Scenario;
  /** XDP_…, by packet. */
  expected: (string | undefined)[];
  cpus: readonly number[];
}

/** What a packet is when nobody gives one. */
const defaultPacket = 'Ether()/IP()/TCP()';

export function parseLaunch(value: unknown): DebugLaunch {
  const parsed = v.safeParse(DebugLaunch, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new XdpError('usage', `The launch configuration is not valid: ${v.getDotPath(issue) ?? ''} ${issue.message}`, {
    fix: 'Correct it in launch.json.',
  });
}

/** Compiles and links what a configuration names. Throws XdpError for everything a user can have done. */
export async function prepare(launch: DebugLaunch, bundledInclude: string, signal?: AbortSignal): Promise<Prepared> {
  const { file, testFile, test } = await chosenTest(launch);
  const source = path.resolve(path.dirname(file), testFile.source.value);
  const { includeDirs = [], workspaceRoots = [], clangPath } = launch;
  const options: BuildOptions = {
    bundledInclude,
    includeDirs,
    workspaceRoots,
    signal,
    ...(clangPath ? { clangPath } : {}),
  };
  const [build, real] = await Promise.all([
    launch.build === 'kernel' ? kernelBuild(source, options) : buildForDebugger(source, options),
    launch.build === 'kernel' ? undefined : openObject(source, options),
  ]);
  const cpus = possibleCpus();
  const packets = new PacketSource(file);
  const { object } = build;
  const { program, request } = await requestOfTest(test, {
    object,
    program: testFile.program?.value,
    engine: vmTestEngine(cpus),
    packets,
  });
  const linked = linkForVm(object, cpus);
  const stack = build.kind === 'debugger' ? debuggerMachine : {};
  return {
    build,
    real: build.kind === 'debugger' ? real : undefined,
    image: new ProgramImage(object.elf, linked),
    program,
    request,
    scenario: {
      linked,
      options: { cpuCount: cpus.length, ...stack },
      setUp: (machine) => {
        for (const entry of request.setup) setUp(object, machine, entry);
      },
      packets: request.steps.map(({ packet, context }) => ({
        request: requestOf(program, packet, context),
        inputs: inputsOf(context, cpus),
      })),
    },
    expected: chosenExpectations(launch, test),
    cpus,
  };
}

function chosenExpectations(launch: DebugLaunch, test: PacketTest): (string | undefined)[] {
  if (launch.testFile === undefined && launch.expect === undefined) return test.steps.map(() => undefined);
  return test.steps.map(
    ({ expectations }) => expectations.find(({ action }) => action !== undefined)?.action?.value.name,
  );
}

async function kernelBuild(source: string, options: BuildOptions): Promise<DebugBuild> {
  return { object: await openObject(source, options), kind: 'kernel', why: 'the configuration asks for it' };
}

async function chosenTest(launch: DebugLaunch): Promise<{ file: string; testFile: TestFile; test: PacketTest }> {
  if (launch.testFile !== undefined) {
    const file = path.resolve(launch.testFile);
    const testFile = await readTestFile(file);
    const test =
      launch.test === undefined ? testFile.tests[0] : testFile.tests.find(({ name }) => name === launch.test);
    if (test !== undefined) return { file, testFile, test };
    throw new XdpError('usage', `${file} has no test named "${launch.test ?? ''}".`, {
      fix: `It has: ${testFile.tests.map(({ name }) => `"${name}"`).join(', ')}.`,
    });
  }
  if (launch.program === undefined) {
    throw new XdpError('usage', 'The launch configuration names no program.', {
      fix: 'Add "program": "${file}" for the C file in the editor, or "testFile" and "test" for a packet test.',
    });
  }
  return testOfLaunch(launch, path.resolve(launch.program));
}

/** A configuration that names packet, context and maps itself, as the packet test that it would be. */
async function testOfLaunch(
  launch: DebugLaunch,
  program: string,
): Promise<{ file: string; testFile: TestFile; test: PacketTest }> {
  const { bytes } = await packetArgument(inFolder(launch.packet ?? defaultPacket, path.dirname(program)));
  const test = {
    name: 'debug',
    packet: { hex: toHex(bytes) },
    ...(launch.context === undefined ? {} : { context: launch.context }),
    ...(launch.maps === undefined ? {} : { maps: launch.maps }),
    // A test must expect something; chosenExpectations() knows whether anybody does.
    expect: { action: launch.expect ?? 'XDP_PASS' },
  };
  const text = JSON.stringify({
    source: program,
    ...(launch.function ? { program: launch.function } : {}),
    tests: [test],
  });
  const { file: testFile, problems } = parseTestFile(text);
  const [first] = testFile?.tests ?? [];
  if (testFile === undefined || first === undefined) throw new TestFileInvalid('the launch configuration', problems);
  return { file: path.join(path.dirname(program), 'launch.json'), testFile, test: first };
}

/** Files are looked for beside the program. */
function inFolder(packet: string, folder: string): string {
  if (packet.startsWith('@')) return `@${path.resolve(folder, packet.slice(1))}`;
  return /\.(?:pcap|pcapng|cap)(?:#|$)/i.test(packet) ? path.resolve(folder, packet) : packet;
}
