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
  /** KiB that this process, which stands for the extension host, reaches. */
  clientData: number;
  clientEngine: number;
  helperFiles: Map<string, number>;
  clientFiles: number;
  /** CPU time of a poll in helper and client, microseconds. */
  pollCpuUs: number;
  p50Ms: number;
  p95Ms: number;
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
      day.pollCpuMs = 0;
      for (let round = 1; round <= perInterval; round++) {
        await day.round(polls / saves);
        if (round % 4 === 0) await day.detach();
      }
      await day.detach();
      expect(ipXdp(lab)).toBeUndefined();
      await eventually('the end of every program and map', () => objectsInKernel() === 0);
      const clientFiles = total(await openFilesAtRest(process.pid));
      const figures = {
        pollCpuUs: Math.round((1000 * day.pollCpuMs) / day.pollMs.length),
        p50Ms: rounded(quantile(day.pollMs, 0.5)),
        p95Ms: rounded(quantile(day.pollMs, 0.95)),
      };
      day.pollMs = [];
      const helperFiles = await openFilesAtRest(pid);
      const client = ownMemory();
      return {
        ...figures,
        ...(await helperMemory(day.client, helper)),
        clientData: client.data,
        clientEngine: client.engine,
        helperFiles,
        clientFiles,
      };
    };
    const all: Figures[] = [];
    try {
      while (all.length < intervals) all.push(await interval());
    } finally {
      await day.end();
    }
    const series = (what: Exclude<keyof Figures, 'helperFiles'>): number[] => all.map((figures) => figures[what]);
    const grown = (what: Parameters<typeof series>[0]): number => growth(series(what));
    // In the first interval code is loaded when it is first used.
    const [, settled] = all;
    const plain = all.map(({ helperFiles, ...figures }) => ({ ...figures, helperFiles: total(helperFiles) }));
    const [start, middle, end] = [plain[1], plain[Math.floor(intervals / 2)], plain.at(-1)];
    record('session', { ...day.done, hours, seed, start, middle, end, all: plain });

    for (const { helperFiles, clientFiles } of all.slice(1)) {
      expect(helperFiles).toEqual(settled?.helperFiles);
      expect(clientFiles).toBe(settled?.clientFiles);
    }
    expect(grown('data')).toBeLessThan(16);
    expect(grown('allocated')).toBeLessThan(16);
    expect(grown('clientData')).toBeLessThan(16);
    // Wall-clock time is everybody's on this machine; what the polls cost tells more, in a short sample still little.
    const part = (what: 'pollCpuUs' | 'p50Ms'): number => grown(what) / quantile(series(what), 0.5);
    expect(part('pollCpuUs')).toBeLessThan(count(3, 0.25));
    expect(part('p50Ms')).toBeLessThan(count(10, 1));
    expect(day.done.packets).toBeGreaterThan(0);
  },
  60 * minutes,
);
