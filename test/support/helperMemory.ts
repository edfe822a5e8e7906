import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { buildHelper, eventually } from './kernelHelper.ts';

/** What V8 still reaches after a full collection, in KiB. */
export interface HeapKinds {
  /** Objects, strings, arrays, functions: what our code holds. */
  data: number;
  /** Compiled code, feedback, shapes of objects: what V8 holds of its own, which grows for as long as it compiles. */
  engine: number;
}

/** What a helper has of memory, in KiB. */
export interface HelperMemory extends HeapKinds {
  /** What malloc has handed out and not got back: libbpf, logs, koffi, V8's own. */
  allocated: number;
  /** With what V8 and malloc keep for later. */
  resident: number;
}

/**
 * The helper with one thing more: on SIGUSR2 it collects its garbage and writes down its memory. Resident memory alone would
 * tell little, since V8 and malloc keep megabytes for later as they see fit.
 */
const instrumented = `
const { isMainThread } = require('node:worker_threads');
if (isMainThread) {
  const { setFlagsFromString, writeHeapSnapshot } = require('node:v8');
  setFlagsFromString('--expose-gc');
  const collect = require('node:vm').runInNewContext('gc');
  const { renameSync, writeFileSync } = require('node:fs');
  let mallinfo2;
  process.on('SIGUSR2', async () => {
    const koffi = require('koffi');
    // struct mallinfo2 of malloc.h: ten size_t, the eighth what is in use in the arenas, the fifth what was mapped apart.
    mallinfo2 ??= koffi.load(null).func('mallinfo2', koffi.struct({ before: koffi.array('size_t', 4), mapped: 'size_t',
      between: koffi.array('size_t', 2), used: 'size_t', after: koffi.array('size_t', 2) }), []);
    // The least of some looks: V8 compiles and sweeps on other threads, with hundreds of KiB for the moment.
    let allocated = Infinity;
    for (let look = 0; look < 10; look++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const { mapped, used } = mallinfo2();
      allocated = Math.min(allocated, used + mapped);
    }
    const file = __filename + '.' + process.pid;
    writeHeapSnapshot(file + '.heapsnapshot');
    writeFileSync(file + '~', String(allocated));
    renameSync(file + '~', file);
  });
}
require('./helper.js');
`;

export interface MeasuredHelper {
  helperPath: string;
  /** Node without malloc's caches for each thread, whose free blocks mallinfo2() counts as used: hundreds of KiB, slowly filled. */
  execPath: string;
}

export async function buildMeasuredHelper(): Promise<MeasuredHelper> {
  const folder = path.dirname(await buildHelper());
  const [helperPath, execPath] = [path.join(folder, 'measuredHelper.cjs'), path.join(folder, 'measuredNode.sh')];
  writeFileSync(helperPath, instrumented);
  writeFileSync(execPath, `#!/bin/sh\nGLIBC_TUNABLES=glibc.malloc.tcache_count=0 exec '${process.execPath}' "$@"\n`);
  chmodSync(execPath, 0o755);
  return { helperPath, execPath };
}

export async function helperMemory(
  { hello: { pid } }: HelperClient,
  { helperPath }: MeasuredHelper,
): Promise<HelperMemory> {
  const answer = `${helperPath}.${pid}`;
  rmSync(answer, { force: true });
  process.kill(pid, 'SIGUSR2');
  const figures = (): number | undefined => {
    try {
      return Number(readFileSync(answer, 'utf8'));
    } catch {
      return undefined;
    }
  };
  const allocated = await eventually('its figures', figures, 60);
  rmSync(answer);
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { ...heapKinds(`${answer}.heapsnapshot`), allocated: kib(allocated), resident };
}

/** Of a heap snapshot, which is removed. */
export function heapKinds(snapshot: string): HeapKinds {
  const script = path.join(import.meta.dirname, 'heapKinds.mjs');
  try {
    const found = execFileSync(process.execPath, [script, snapshot], { encoding: 'utf8' });
    const { data, engine } = JSON.parse(found) as { data: number; engine: number };
    return { data: kib(data), engine: kib(engine) };
  } finally {
    rmSync(snapshot);
  }
}

export function kib(bytes: number): number {
  return Math.round(bytes / 1024);
}
