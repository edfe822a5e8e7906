import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { bpftoolList, eventually, helper, ipXdp, openFiles, type VethLab, vethLab } from '../support/kernelHelper.ts';
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
  /** Resident memory; what malloc has of it; and all addresses, where a leak of memory that nobody touched shows. */
  memoryKiB: { resident: number; malloc: number; addresses: number };
  programs: number;
  maps: number;
}

function footprint({ hello }: HelperClient): Footprint {
  const status = readFileSync(`/proc/${hello.pid}/status`, 'utf8');
  const names = new Set(['soak_seen', 'soak_verdicts']);
  const maps = bpftoolList('map').filter(({ name }) => names.has(name ?? ''));
  return {
    files: openFiles(hello.pid),
    memoryKiB: {
      resident: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]),
      malloc: Number(/\[heap\][\s\S]*?Rss:\s+(\d+)/.exec(readFileSync(`/proc/${hello.pid}/smaps`, 'utf8'))?.[1]),
      addresses: Number(/VmSize:\s+(\d+)/.exec(status)?.[1]),
    },
    programs: programsInKernel().length,
    maps: maps.length,
  };
}

/** The kernel frees programs and maps a moment after their last descriptor. */
async function settled(client: HelperClient): Promise<Footprint> {
  await eventually('the end of every program', () => {
    const { programs, maps } = footprint(client);
    return programs + maps === 0;
  });
  return footprint(client);
}

test(
  'attach and detach again and again: no descriptor, map, program or memory is left',
  async () => {
    const cycles = count(60, 10_000);
    const client = await helper({ netns: lab.ns });
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
    try {
      // Node grows its heap to a working size first.
      const warmUp = Math.ceil(cycles / 10);
      for (let index = 0; index < warmUp; index++) await cycle(index);
      const before = await settled(client);
      for (let index = 0; index < cycles; index++) await cycle(index);
      const after = await settled(client);
      record('cycles', { cycles, before: before.memoryKiB, after: after.memoryKiB });
      expect({ ...after, memoryKiB: 0 }).toEqual({ ...before, memoryKiB: 0 });
      // V8 takes memory in steps of megabytes as it sees fit; malloc does not, and libbpf and the logs live there.
      const grown = (what: keyof Footprint['memoryKiB']): number => after.memoryKiB[what] - before.memoryKiB[what];
      expect(grown('malloc')).toBeLessThan(2 * 1024);
      expect(grown('resident')).toBeLessThan(32 * 1024);
      expect(grown('addresses')).toBeLessThan(256 * 1024);
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
