import { afterEach, beforeEach, expect, test } from 'vitest';
import { bpftoolList, eventually, ipXdp, openFilesAtRest, type VethLab, vethLab } from '../support/kernelHelper.ts';
import { buildMeasuredHelper, type HelperMemory, helperMemory } from '../support/helperMemory.ts';
import { count, randomNumbers, seed } from '../support/soak.ts';
import { SoakDay } from '../support/soakDay.ts';
import { isOurs } from '../support/soakDayProgram.ts';
import { growth, ownMemory, quantile } from '../support/soakFlat.ts';
import { record } from '../support/soakRecord.ts';

/**
 * Eight hours, or `XDP_SOAK_HOURS`, of somebody who saves every minute, tests twice as often and has a map in sight at 10 Hz;
 * a sample in `npm test`. The pauses between are left out.
 */
const hours = Number(process.env['XDP_SOAK_HOURS'] ?? 8);
const saves = count(16, hours * 60);
const polls = count(2400, hours * 3600 * 10);
const intervals = count(4, 24);
const minutes = 60_000;

let lab: VethLab;
beforeEach(() => {
  lab = vethLab();
});
afterEach(() => lab.remove());

interface Figures extends HelperMemory {
  /** KiB that this process, which stands for the extension host, reaches; and the language server's. */
  clientData: number;
  clientEngine: number;
  serverData: number;
  serverEngine: number;
  files: { helper: Map<string, number>; client: number; server: number };
  p50Ms: number;
  p95Ms: number;
  /** A poll's median, in those of a fixed piece of work beside it: this machine may be slower at the end of the day. */
  pollsWork: number;
}

function objectsInKernel(): number {
  const all = [...bpftoolList('prog'), ...bpftoolList('map')];
  return all.filter(({ name }) => isOurs(name)).length;
}

function total(files: ReadonlyMap<string, number>): number {
  return [...files.values()].reduce((sum, of) => sum + of, 0);
}

function rounded(ms: number): number {
  return Math.round(100 * ms) / 100;
}

test(
  "a developer's day: memory, descriptors, kernel objects and latency stay as they are",
  async () => {
    const helper = await buildMeasuredHelper();
    const day = await SoakDay.start(lab, { helper, random: randomNumbers(seed) });
    const { pid } = day.client.hello;
    const perInterval = saves / intervals;
    const interval = async (): Promise<Figures> => {
      day.pollMs = [];
      day.workMs = [];
      for (let round = 1; round <= perInterval; round++) {
        await day.round(polls / saves);
        if (round % 4 === 0) await day.detach();
      }
      await day.detach();
      expect(ipXdp(lab)).toBeUndefined();
      await eventually('the end of every program and map', () => objectsInKernel() === 0);
      const files = {
        helper: await openFilesAtRest(pid),
        client: total(await openFilesAtRest(process.pid)),
        server: total(await openFilesAtRest(day.editor.pid)),
      };
      const [p50Ms, p95Ms] = [quantile(day.pollMs, 0.5), quantile(day.pollMs, 0.95)];
      const pollsWork = p50Ms / quantile(day.workMs, 0.5);
      day.pollMs = [];
      day.workMs = [];
      const helperHas = await helperMemory(day.client, helper);
      const [client, server] = [ownMemory(), await day.editor.memory()];
      return {
        ...helperHas,
        clientData: client.data,
        clientEngine: client.engine,
        serverData: server.data,
        serverEngine: server.engine,
        files,
        p50Ms: rounded(p50Ms),
        p95Ms: rounded(p95Ms),
        pollsWork: rounded(pollsWork),
      };
    };
    const all: Figures[] = [];
    try {
      while (all.length < intervals) all.push(await interval());
    } finally {
      await day.end();
    }
    type Figure = Exclude<keyof Figures, 'files'>;
    const series = (what: Figure): number[] => all.map((figures) => figures[what]);
    const plain = all.map(({ files, ...figures }) => ({
      ...figures,
      files: { ...files, helper: total(files.helper) },
    }));
    const [start, middle, end] = [plain[1], plain[Math.floor(intervals / 2)], plain.at(-1)];
    record('session', { ...day.done, hours, seed, start, middle, end, all: plain });

    // In the first interval code is loaded when it is first used.
    const [, settled] = all;
    for (const { files } of all.slice(1)) expect(files).toEqual(settled?.files);
    // KiB in half a day, 7 of which are this test's own figures: some bytes for each save. A short sample may still learn something.
    const limit = count(48, 12);
    for (const what of ['data', 'allocated', 'clientData', 'serverData'] as const)
      expect(growth(series(what)), what).toBeLessThan(limit);
    // Compiled code grows as functions become warm, ever slower; what is compiled anew all day grows on.
    for (const what of ['engine', 'clientEngine', 'serverEngine'] as const) {
      const firstHalf = (middle?.[what] ?? 0) - (start?.[what] ?? 0);
      expect(growth(series(what)), what).toBeLessThan(count(2048, 0.6 * firstHalf));
    }
    // Wall-clock time is everybody's on this machine; beside other work a median of a short sample says little.
    expect(growth(series('pollsWork')) / quantile(series('pollsWork'), 0.5)).toBeLessThan(count(3, 0.25));
    expect(day.done.packets).toBeGreaterThan(0);
  },
  60 * minutes,
);
