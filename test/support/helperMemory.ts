import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { buildHelper, eventually } from './kernelHelper.ts';

/** What a helper has of memory, in KiB. */
export interface HelperMemory {
  /** Objects that V8 still reaches, after a full collection. */
  reachable: number;
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
  require('node:v8').setFlagsFromString('--expose-gc');
  const collect = require('node:vm').runInNewContext('gc');
  const { renameSync, writeFileSync } = require('node:fs');
  let mallinfo2;
  process.on('SIGUSR2', () => {
    const koffi = require('koffi');
    // struct mallinfo2 of malloc.h: ten size_t, the eighth what is in use in the arenas, the fifth what was mapped apart.
    mallinfo2 ??= koffi.load(null).func('mallinfo2', koffi.struct({ before: koffi.array('size_t', 4), mapped: 'size_t',
      between: koffi.array('size_t', 2), used: 'size_t', after: koffi.array('size_t', 2) }), []);
    collect();
    collect();
    const { mapped, used } = mallinfo2();
    const file = __filename + '.' + process.pid;
    writeFileSync(file + '~', JSON.stringify({ reachable: process.memoryUsage().heapUsed, allocated: used + mapped }));
    renameSync(file + '~', file);
  });
}
require('./helper.js');
`;

/** Where the instrumented helper is. */
export async function buildMeasuredHelper(): Promise<string> {
  const file = path.join(path.dirname(await buildHelper()), 'measuredHelper.cjs');
  writeFileSync(file, instrumented);
  return file;
}

export async function helperMemory({ hello: { pid } }: HelperClient, helperPath: string): Promise<HelperMemory> {
  const answer = `${helperPath}.${pid}`;
  rmSync(answer, { force: true });
  process.kill(pid, 'SIGUSR2');
  const text = await eventually('its figures', () => {
    try {
      return readFileSync(answer, 'utf8');
    } catch {
      return undefined;
    }
  });
  rmSync(answer);
  const { reachable, allocated } = JSON.parse(text) as { reachable: number; allocated: number };
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { reachable: Math.round(reachable / 1024), allocated: Math.round(allocated / 1024), resident };
}
