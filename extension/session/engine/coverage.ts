import path from 'node:path';
import { Coverage, type FileCoverage, ranOnly } from '../../core/coverage/coverage.ts';
import { ProgramImage } from '../../core/debugger/image.ts';
import { XdpError } from '../../core/errors.ts';
import { cpuSlots, encodeEntryValue } from '../../core/maps/entries.ts';
import { isPerCpu } from '../../core/maps/types.ts';
import { decodeValue } from '../../core/maps/value.ts';
import { Machine } from '../../core/vm/machine.ts';
import type { BpfObject, BuildOptions } from '../bpfObject.ts';
import type { TestEngine, TestInstance, TestRequest } from '../packetTest/engine.ts';
import { buildForDebugger, debuggerMachine, type DebugBuild } from './debugBuild.ts';
import { inputsOf, linkForVm, requestOf } from './vm.ts';
import { setUp } from './vmMaps.ts';
import { vmTestEngine } from './vmTests.ts';

/** Files of the system and of the compiler, and this product's own headers, are not what anybody tests. */
const foreign = /^\/usr\/(?:include|lib)\//;

/** A header of the system or of the compiler. `file`: absolute. */
export function isForeignFile(file: string): boolean {
  return foreign.test(file);
}

/** Is this a file of the user's program, and not of the system, of the compiler or this product's own? */
export function isOwnSource(file: string, { bundledInclude }: BuildOptions): boolean {
  return !isForeignFile(file) && !file.startsWith(`${bundledInclude}${path.sep}`);
}

/** What one test ran. */
export interface TestCoverage {
  /** The test file. Absolute. */
  testFile: string;
  test: string;
  /** Only what ran: amongAll() has the rest. */
  files: FileCoverage[];
}

/** Whose tests are measured. */
interface Subject {
  object: BpfObject;
  program: string;
  instance: TestInstance;
  testFile: string;
}

/** Where the source of a test is measured. */
interface Measured {
  build: DebugBuild;
  image: ProgramImage;
}

/**
 * Measures what packet tests run of their sources, whatever engine judges them: each test also runs in the built-in machine,
 * compiled without optimisation, so that every line and branch of the source is its own. Nothing is added to the program.
 */
export class CoverageRun {
  /** Why some tests are not in the counts, for people. */
  readonly remarks = new Set<string>();
  private readonly coverage = new Coverage();
  private readonly build: BuildOptions;
  private readonly possibleCpus: readonly number[];
  private readonly tests: TestCoverage[] = [];
  private readonly measured = new Map<string, Promise<Measured>>();

  constructor(build: BuildOptions, possibleCpus: readonly number[]) {
    this.build = build;
    this.possibleCpus = possibleCpus;
  }

  /** The engine, with everything that it runs of this test file measured. */
  around(engine: TestEngine, testFile: string): TestEngine {
    return {
      interfaceIndex: (name) => engine.interfaceIndex(name),
      open: async (object, program, others) => {
        const instance = await engine.open(object, program, others);
        return {
          schemas: instance.schemas,
          initialValue: (map, key) => instance.initialValue(map, key),
          ...(instance.measure === undefined ? {} : { measure: instance.measure.bind(instance) }),
          close: () => instance.close(),
          runTests: async (requests) => {
            const outcomes = await instance.runTests(requests);
            await this.measure({ object, program, instance, testFile }, requests);
            return outcomes;
          },
        };
      },
    };
  }

  files(): FileCoverage[] {
    return this.coverage.files().filter(({ file }) => isOwnSource(file, this.build));
  }

  /** In the order in which they ran. */
  byTest(): readonly TestCoverage[] {
    return this.tests;
  }

  private async measure(
    { object, program, instance, testFile }: Subject,
    requests: readonly TestRequest[],
  ): Promise<void> {
    const known = this.measured.get(object.file) ?? this.open(object);
    this.measured.set(object.file, known);
    const { build, image } = await known;
    const own = await vmTestEngine(this.possibleCpus).open(build.object, program, []);
    for (const request of requests) {
      const machine = this.start(image, build);
      try {
        for (const entry of request.setup) setUp(build.object, machine, translated(entry, instance, own));
        for (const { packet, context } of request.steps) {
          machine.setInputs({ ...inputsOf(context, this.possibleCpus), perfReaders: true });
          const { fault } = machine.runXdp(requestOf(program, packet, context));
          if (fault !== undefined) this.remarks.add(`${program}: ${fault.message}; what follows is not counted.`);
        }
      } catch (error) {
        if (!(error instanceof XdpError)) throw error;
        this.remarks.add(`${program}: ${error.message}`);
      }
      this.coverage.add(image, machine);
      const single = new Coverage();
      single.add(image, machine);
      const files = single.files().map(ranOnly);
      this.tests.push({
        testFile,
        test: request.test ?? '',
        files: files.filter(({ file, lines }) => lines.size > 0 && isOwnSource(file, this.build)),
      });
    }
  }

  private async open(object: BpfObject): Promise<Measured> {
    const build = await buildForDebugger(object.file, this.build);
    if (build.why !== undefined)
      this.remarks.add(`The optimised code of ${object.name} is measured, which has lost lines: ${build.why}`);
    const image = new ProgramImage(build.object.elf, linkForVm(build.object, this.possibleCpus));
    // What no test runs is there as well.
    this.coverage.add(image, this.start(image, build));
    return { build, image };
  }

  private start(image: ProgramImage, { kind }: DebugBuild): Machine {
    const stack = kind === 'debugger' ? debuggerMachine : {};
    return new Machine(image.linked, { cpuCount: this.possibleCpus.length, ...stack, engine: 'wasm', coverage: true });
  }
}

/** Each build lays out its global data in its own way: what a test sets there is set by name. */
function translated(
  entry: TestRequest['setup'][number],
  from: TestInstance,
  to: TestInstance,
): TestRequest['setup'][number] {
  const { map, key, value } = entry;
  const source = from.schemas.get(map);
  const target = to.schemas.get(map);
  if (!map.startsWith('.') || !(value instanceof Uint8Array) || source?.value === undefined || target === undefined)
    return entry;
  const [bytes = value] = isPerCpu(source.type) ? cpuSlots(source, value) : [value];
  return { map, key, value: encodeEntryValue(target, decodeValue(source.value, bytes), to.initialValue(map, key)) };
}
