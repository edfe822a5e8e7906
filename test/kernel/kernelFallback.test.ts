import { spawn } from 'node:child_process';
import koffi from 'koffi';
import { expect, test, vi } from 'vitest';
import { watchDisconnect } from '../../extension/kernel/ffi/libc.ts';
import { bindMachine } from '../../extension/kernel/ffi/machine.ts';
import { createHandlers, type KernelService } from '../../extension/kernel/handlers/attach/create.ts';
import type { Libbpf } from '../../extension/kernel/libbpf/port.ts';
import type { MapInfo, MapPage } from '../../extension/protocol/kernel.ts';
import { command, eventually, fixture } from '../support/kernelHelper.ts';

/** The handlers in this process on the real kernel, with parts of the port answering as an older kernel does. */
async function service(changed: (real: Libbpf) => Partial<Libbpf>): Promise<KernelService> {
  const machine = bindMachine();
  return createHandlers({
    profile: 'own',
    ...machine,
    libbpf: { ...machine.libbpf, ...changed(machine.libbpf) },
    pins: { problem: 'no pins in this test' },
    emit: () => {},
  });
}

async function pagesOf({ handlers }: KernelService, map: MapInfo, limit: number): Promise<MapPage[]> {
  const pages: MapPage[] = [];
  for (let cursor: Uint8Array | undefined; ; ) {
    const page = await handlers['map/read']({
      map: { id: map.id },
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    pages.push(page);
    cursor = page.cursor;
    if (cursor === undefined) return pages;
  }
}

function sorted(pages: readonly MapPage[], map: MapInfo): string[] {
  return pages
    .flatMap((page) =>
      Array.from({ length: page.count }, (_, index) => {
        const size = page.values.length / page.count;
        const key = page.keys.subarray(index * map.keySize, (index + 1) * map.keySize);
        const value = page.values.subarray(index * size, (index + 1) * size);
        return `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`;
      }),
    )
    .sort();
}

const names = ['hash', 'lru', 'pcpu_hash', 'lru_pcpu', 'array', 'pcpu_array', 'lpm', 'calls', 'outer', 'outer_hash'];

test.for([524, 95, 22])('without batch lookups (errno %i) key iteration gives the same entries', async (errno) => {
  let batch = true;
  const one = await service((real) => ({
    mapLookupBatch: (fd, request) => (batch ? real.mapLookupBatch(fd, request) : { result: -errno, count: 0 }),
  }));
  try {
    const { maps } = await one.handlers['object/load']({ elf: fixture('kernelMaps'), name: 'maps.o' });
    for (const name of names) {
      const map = maps.find((candidate) => candidate.name === name) as MapInfo;
      if (map.maxEntries === 10_000) fill(one, map, map.type.startsWith('lru') ? 4000 : 10_000);
      batch = true;
      const byBatch = sorted(await pagesOf(one, map, 4096), map);
      batch = false;
      expect(byBatch.length, name).toBeGreaterThan(0);
      expect(sorted(await pagesOf(one, map, 997), map), name).toEqual(byBatch);
    }
  } finally {
    one.dispose();
  }
});

test('entries that vanish while keys are walked are skipped, and the walk ends', async () => {
  let lookups = 0;
  const one = await service((real) => ({
    mapLookupBatch: () => ({ result: -524, count: 0 }),
    mapLookup: (fd, key, value) => {
      lookups++;
      // Another process deletes every third entry just before it is read.
      if (key !== undefined && lookups % 3 === 0) real.mapDelete(fd, key);
      return real.mapLookup(fd, key, value);
    },
  }));
  try {
    const { maps } = await one.handlers['object/load']({ elf: fixture('kernelMaps'), name: 'maps.o' });
    const map = maps.find((candidate) => candidate.name === 'hash') as MapInfo;
    fill(one, map, 3000);
    const pages = await pagesOf(one, map, 100);
    const count = pages.reduce((sum, page) => sum + page.count, 0);
    expect(lookups).toBeLessThanOrEqual(map.maxEntries);
    expect(count).toBeGreaterThanOrEqual(1900);
    expect(count).toBe(lookups - Math.floor(lookups / 3));
  } finally {
    one.dispose();
  }
});

test("where the event loop's own poll cannot be had, a timer sees the same", async () => {
  const poll = vi.spyOn(koffi.node, 'poll').mockImplementation(() => {
    throw new Error('no libuv here');
  });
  const name = `xk${process.pid}`;
  let changes = 0;
  const watch = bindMachine().netlink.watch(() => changes++);
  try {
    expect(poll).toHaveBeenCalled();
    command('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
    await eventually('a change', () => changes > 0);

    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const { fd } = (child.stdout as unknown as { _handle: { fd: number } })._handle;
    let gone = false;
    watchDisconnect(fd, () => {
      gone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(gone).toBe(false);
    child.kill();
    await eventually('the disconnect', () => gone);
  } finally {
    watch?.stop();
    command('ip', ['link', 'del', name]);
    poll.mockRestore();
  }
});

function fill({ handlers }: KernelService, map: MapInfo, count: number): void {
  const possible = bindMachine().system.possibleCpus().length;
  const slot = (map.valueSize + 7) & ~7;
  for (let index = 0; index < count; index++) {
    const key = Buffer.alloc(map.keySize);
    if (map.type === 'lpm_trie') {
      key.writeUInt32LE(32, 0);
      key.writeUInt32BE(index, 4);
    } else key.writeUInt32LE(index, 0);
    const value = Buffer.alloc(map.type.includes('percpu') ? slot * possible : map.valueSize);
    value.writeUInt32LE(index + 1, 0);
    void handlers['map/update']({ map: { id: map.id }, key, value, flags: 0 });
  }
}
