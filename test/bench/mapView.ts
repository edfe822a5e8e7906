import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { MapAnswers } from '../../extension/host/maps/mapAnswers.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { openLoadedMap } from '../../extension/session/maps/maps.ts';
import type { Row } from './measure.ts';

/** As test/ui/webviewTrace.mjs prints it. */
interface Trace {
  p95Ms: number;
  wallP95Ms: number;
  longestScrollTaskMs: number;
  firstRowsMs: number;
}

/** The map view in Chromium, with 100,000 rows on 128 CPUs of which every number moves ten times a second. */
export function mapViewRows(): Row[] {
  const output = execFileSync(process.execPath, ['test/ui/webviewHarness.mjs', 'trace'], { encoding: 'utf8' });
  const { p95Ms, wallP95Ms, longestScrollTaskMs, firstRowsMs } = JSON.parse(output) as Trace;
  const row = (name: string, ours: number, most: number): Row => ({
    name,
    ours,
    peer: undefined,
    unit: 'ms',
    ratio: undefined,
    aim: `≤ ${most} ms`,
    met: ours <= most,
  });
  return [
    row('map view, 100,000 rows × 128 CPUs at 10 Hz: script + layout an update (p95, processor time)', p95Ms, 16),
    row('the same as time that went by, other processes included', wallP95Ms, 16),
    row('map view while scrolling: longest task (processor time)', longestScrollTaskMs, 50),
    row(
      'map view: from the page to the first rows, its window and its host being there (median of 9 openings)',
      firstRowsMs,
      150,
    ),
  ];
}

/**
 * What the extension host needs over idle with a map of a million entries open: its part of the view, answering as for a view that
 * reads ten times a second, in this process. Before the other measures, which leave their garbage behind.
 */
export async function hostMemoryRow(client: HelperClient, bundledInclude: string): Promise<Row> {
  const object = await openObject(path.join(process.cwd(), 'test/bench/fill.bpf.c'), { bundledInclude });
  const loaded = await client.call('object/load', { elf: object.elf, name: object.name });
  const info = loaded.maps.find(({ name }) => name === 'big');
  if (info === undefined) throw new Error('no map big');
  const fill = { object: loaded.object, program: 'fill', data: new Uint8Array(64), capturePrintk: false };
  const answers = new MapAnswers(client, openLoadedMap(client, object, info));
  try {
    await client.call('program/testRun', { ...fill, repeat: 1_000_000 });
    // What is allocated, garbage included: resident memory only falls or rises when the allocator likes to.
    const megabytes = (): number => {
      const { heapUsed, external } = process.memoryUsage();
      return (heapUsed + external) / 2 ** 20;
    };
    const idle = megabytes();
    let most = idle;
    const ask = { mapId: info.id, request: 1 };
    for (let reading = 0; reading < 100; reading++) {
      // The whole map is ordered anew much more rarely than its rows in sight are read.
      if (reading % 20 === 0) {
        const sort = { by: 'rate(value.packets)', descending: true };
        const arranged = await answers.answer({ kind: 'arrange', ...ask, sort });
        if (arranged.kind !== 'arranged' || arranged.total < 990_000) throw new Error(JSON.stringify(arranged));
      }
      const rows = await answers.answer({ kind: 'rows', ...ask, from: reading * 9000, count: 90 });
      if (rows.kind !== 'rows' || rows.count !== 90) throw new Error(rows.kind);
      most = Math.max(most, megabytes());
    }
    const ours = most - idle;
    const name = 'extension host with a map of 1,000,000 entries open: memory over idle';
    return { name, ours, peer: undefined, unit: 'MB', ratio: undefined, aim: '≤ 100 MB', met: ours <= 100 };
  } finally {
    answers.close();
    await client.call('object/close', { object: loaded.object });
  }
}
