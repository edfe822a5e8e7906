import { toErrorData, XdpError } from '../../../core/errors.ts';
import type { kernelContract, TestStepReply, TestWrite } from '../../../protocol/kernel.ts';
import type { Handlers, ParamsOf, ResultOf } from '../../../protocol/rpc.ts';
import type { Context } from '../context.ts';
import { readMap } from '../maps/mapRead.ts';
import { type OpenMap, openMap } from '../maps/mapRefs.ts';
import { remove, update } from '../maps/mapWrite.ts';
import type { StoredProgram } from '../object/objects.ts';
import { readersOf } from './events.ts';
import { restoreMap } from './restore.ts';
import { listen, runOnce, xdpProgram } from './testRun.ts';

type StepHandlers = Pick<Handlers<typeof kernelContract>, 'program/runTests' | 'object/remember'>;
type Params = ParamsOf<typeof kernelContract, 'program/runTests'>;
type Result = ResultOf<typeof kernelContract, 'program/runTests'>;
type ReadPage = TestStepReply['maps'][number];

/** Whole packet tests, many in one message: round trips through the pipe would cost more than the tests. */
export function stepHandlers(context: Context): StepHandlers {
  return {
    'program/runTests': (params) =>
      context.objects.using(params.object, async () => new TestRunner(context, params).run()),
    'object/remember': ({ object, maps, limit }) => {
      const remembered = context.objects.remembered(object);
      const runner = new OpenMaps(context);
      try {
        const pages = maps.map((id) => runner.read(id, limit));
        remembered.clear();
        for (const page of pages) if (page.problem === undefined && !page.more) remembered.set(page.map, page);
        return { maps: pages };
      } finally {
        runner.close();
      }
    },
  };
}

/** Maps that stay open for one message. */
class OpenMaps {
  readonly #context: Context;
  readonly #open = new Map<number, OpenMap>();

  constructor(context: Context) {
    this.#context = context;
  }

  get(id: number): OpenMap {
    const map = this.#open.get(id) ?? openMap(this.#context, { id });
    this.#open.set(id, map);
    return map;
  }

  read(id: number, limit: number): ReadPage {
    const { libbpf, system } = this.#context;
    const possibleCpus = system.possibleCpus().length;
    try {
      const page = readMap(libbpf, { map: this.get(id), limit, cursor: undefined, possibleCpus });
      return { map: id, count: page.count, keys: page.keys, values: page.values, more: page.cursor !== undefined };
    } catch (error) {
      if (!(error instanceof XdpError) || error.code !== 'map-unreadable') throw error;
      const nothing = { count: 0, keys: new Uint8Array(0), values: new Uint8Array(0), more: false };
      return { map: id, ...nothing, problem: error.message };
    }
  }

  close(): void {
    for (const map of this.#open.values()) map.close();
  }
}

class TestRunner {
  readonly #context: Context;
  readonly #params: Params;
  readonly #program: StoredProgram;
  readonly #maps: OpenMaps;

  constructor(context: Context, params: Params) {
    this.#context = context;
    this.#params = params;
    this.#program = xdpProgram(context, params.object, params.program);
    this.#maps = new OpenMaps(context);
  }

  run(): Result {
    const results: Result['tests'] = [];
    try {
      for (const test of this.#params.tests) {
        const startedMs = performance.now();
        results.push({ ...this.#runTest(test), durationMs: performance.now() - startedMs });
        try {
          this.#restore(test.writes);
        } catch (error) {
          if (!(error instanceof XdpError)) throw error;
          return { tests: results, unrestored: toErrorData(error) };
        }
      }
      return { tests: results };
    } finally {
      this.#maps.close();
    }
  }

  #runTest({ writes, steps, capturePrintk }: Params['tests'][number]): Omit<Result['tests'][number], 'durationMs'> {
    const { object, events, readLimit } = this.#params;
    const done: TestStepReply[] = [];
    try {
      for (const each of writes) this.#write(each);
      const readers = readersOf(this.#context, object, events);
      const listening = listen(this.#context, { capturePrintk, readers });
      try {
        for (const { reads, ...step } of steps) {
          const reply = runOnce(this.#context, this.#program, { ...step, repeat: 1 }, listening);
          done.push({ ...reply, maps: reads.map((id) => this.#maps.read(id, readLimit)) });
        }
      } finally {
        listening.close();
      }
      return { steps: done };
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      return { steps: done, error: toErrorData(error) };
    }
  }

  #write({ map: id, key, value }: TestWrite): void {
    const map = this.#maps.get(id);
    if (value === undefined) remove(this.#context, map, key);
    else update(this.#context, map, { key, value, flags: 0 });
  }

  #restore(writes: readonly TestWrite[]): void {
    const { object, undo, readLimit } = this.#params;
    for (const [id, before] of this.#context.objects.remembered(object)) {
      restoreMap(this.#context, this.#maps.get(id), before, readLimit);
    }
    for (const { map, key } of writes) if (undo.includes(map)) this.#forget(map, key);
  }

  /** Two writes of one key are one entry; one whose key does not fit was refused. */
  #forget(id: number, key: Uint8Array): void {
    const map = this.#maps.get(id);
    if (key.length === map.info.keySize) this.#context.libbpf.mapDelete(map.fd, key);
  }
}
