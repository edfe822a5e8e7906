import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import {
  bpftoolList,
  eventually,
  helper,
  ipXdp,
  openFilesAtRest,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';
import { buildMeasuredHelper, type HelperMemory, helperMemory } from '../support/helperMemory.ts';
import { replaceUnderTraffic } from '../support/replaceTraffic.ts';
import { killHelpers, programsInKernel, soakObject } from '../support/soakKills.ts';
import { count, seed } from '../support/soak.ts';
import { record } from '../support/soakRecord.ts';

/** A sample of what `npm run soak` does in full. */
let lab: VethLab;
const minutes = 60_000;

beforeEach(() => {
  lab = vethLab();
});
afterEach(() => lab.remove());

interface Footprint {
  files: Map<string, number>;
  programs: number;
  maps: number;
}

/** The kernel frees programs and maps a moment after their last descriptor. */
async function settled({ hello }: HelperClient): Promise<Footprint> {
  const names = new Set(['soak_seen', 'soak_verdicts']);
  const programs = (): number => programsInKernel().length;
  const maps = (): number => bpftoolList('map').filter(({ name }) => names.has(name ?? '')).length;
  await eventually('the end of every program', () => programs() + maps() === 0);
  return { files: await openFilesAtRest(hello.pid), programs: programs(), maps: maps() };
}

test(
  'attach and detach again and again: no descriptor, map, program or memory is left',
  async () => {
    const cycles = count(60, 10_000);
    const measured = await buildMeasuredHelper();
    const client = await helper({ netns: lab.ns, ...measured });
    const elf = soakObject();
    const cycle = async (index: number): Promise<void> => {
      const { object } = await client.call('object/load', { elf, name: 'cycle.o' });
      const mode = index % 2 === 0 ? 'native' : 'generic';
      const asked = { object, program: 'xdp_soaked', ifindex: lab.ifindex, mode, via: 'link' } as const;
      const keep = index % 10 === 0;
      const { attachment } = await client.call('xdp/attach', { ...asked, keep });
      await client.call('xdp/detach', { attachment });
      await client.call('object/close', { object });
    };
    const run = async (from: number, to: number): Promise<{ left: Footprint; memory: HelperMemory }> => {
      for (let index = from; index < to; index++) await cycle(index);
      return { left: await settled(client), memory: await helperMemory(client, measured) };
    };
    try {
      // Code is compiled and caches fill first.
      const start = await run(0, Math.ceil(cycles / 10));
      const middle = await run(0, cycles / 2);
      const end = await run(cycles / 2, cycles);
      record('cycles', { cycles, start: start.memory, middle: middle.memory, end: end.memory });
      expect(end.left).toEqual(start.left);
      const grown = (what: keyof HelperMemory): number => end.memory[what] - middle.memory[what];
      expect(grown('data')).toBeLessThan(16);
      expect(grown('allocated')).toBeLessThan(16);
      // V8 takes memory in steps of megabytes as it sees fit; a heap snapshot takes twenty, and they are not given back at once.
      expect(grown('resident')).toBeLessThan(count(32, 16) * 1024);
      expect(ipXdp(lab)).toBeUndefined();
    } finally {
      await client.dispose();
    }
  },
  30 * minutes,
);

test(
  'kill -9 of the helper at random moments: what nobody kept is gone, and the next start is clean',
  async () => {
    const outcome = await killHelpers(lab, { kills: count(5, 150), seed });
    record('helper', { ...outcome, seed });
    expect(outcome.kills).toBeGreaterThan(0);
  },
  30 * minutes,
);

test(
  'replacements under traffic miss no packet',
  async () => {
    const client = await helper({ netns: lab.ns });
    try {
      const outcome = await replaceUnderTraffic(client, lab, { replacements: count(20, 1000) });
      record('replace', { ...outcome });
      expect(outcome.counted).toBe(outcome.sent);
    } finally {
      await client.dispose();
    }
  },
  30 * minutes,
);
