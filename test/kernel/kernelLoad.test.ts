import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { bpftool, fixture, fixtureText, helper, openFilesAtRest } from '../support/kernelHelper.ts';

let client: HelperClient;
beforeAll(async () => {
  client = await helper();
});
afterAll(() => client.dispose());

const load = (elf: Uint8Array, programs?: string[]) =>
  client.call('object/load', { elf, name: 'object.bpf.o', ...(programs === undefined ? {} : { programs }) });

test('loads the XDP programs of an object, leaves the others and says why', async () => {
  const loaded = await load(fixture('kernelCounter'));
  expect(loaded.programs.map(({ name, section, type }) => ({ name, section, type }))).toEqual(
    ['xdp_counter', 'xdp_dropper', 'xdp_talker'].map((name) => ({ name, section: 'xdp', type: 'xdp' })),
  );
  expect(loaded.left).toEqual([{ name: 'not_xdp', section: 'tc', reason: expect.stringContaining('sched_cls') }]);

  // The kernel's own view, by bpftool.
  const programs = bpftool('prog', 'list') as { id: number; name: string; type: string; map_ids?: number[] }[];
  for (const program of loaded.programs) {
    const seen = programs.find((one) => one.id === program.id);
    expect(seen).toMatchObject({ name: program.name, type: 'xdp', map_ids: program.mapIds });
  }
  const maps = bpftool('map', 'list') as {
    id: number;
    bytes_key: number;
    bytes_value: number;
    max_entries: number;
    frozen: number;
    btf_id: number;
  }[];
  for (const map of loaded.maps) {
    const seen = maps.find((one) => one.id === map.id);
    expect(seen).toMatchObject({
      type: map.type,
      bytes_key: map.keySize,
      bytes_value: map.valueSize,
      max_entries: map.maxEntries,
      frozen: map.frozen ? 1 : 0,
      btf_id: map.btfId,
    });
  }
  expect(loaded.maps.map((map) => map.name)).toEqual(['xdp_stats_map_long_name', 'small', 'by_length', '.rodata']);
  expect(await client.call('map/list', {})).toEqual({ maps: loaded.maps });

  await client.call('object/close', { object: loaded.object });
  const after = bpftool('prog', 'list') as { id: number }[];
  expect(after.filter((program) => loaded.programs.some((one) => one.id === program.id))).toEqual([]);
  await expect(client.call('object/close', { object: loaded.object })).rejects.toMatchObject({ code: 'usage' });
});

test('a rejection names the program and carries the whole log', async () => {
  const error = await load(fixture('kernelBad')).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'program-rejected',
    message: expect.stringContaining('xdp_bad: invalid access to packet'),
    details: {
      program: 'xdp_bad',
      section: 'xdp',
      errnoName: 'EACCES',
      log: expect.stringContaining('R1 offset is outside'),
    },
  });
  const loaded = await load(fixture('kernelBad'), ['xdp_good']);
  expect(loaded.programs.map((program) => program.name)).toEqual(['xdp_good']);
  expect(loaded.left.map((program) => program.name)).toEqual(['xdp_bad', 'other']);
  await client.call('object/close', { object: loaded.object });
});

test('verify judges each program alone and loads nothing', async () => {
  const before = (bpftool('prog', 'list') as unknown[]).length;
  const { programs } = await client.call('object/verify', { elf: fixture('kernelBad'), name: 'bad.o' });
  expect(programs).toMatchObject([
    { name: 'xdp_good', verdict: 'accepted', errno: 0, log: expect.stringMatching(/processed \d+ insns/) },
    { name: 'xdp_bad', verdict: 'rejected', errno: 13, log: expect.stringContaining('invalid access to packet') },
    { name: 'other', type: 'sched_cls', verdict: 'skipped', reason: expect.any(String), log: '' },
  ]);
  expect((bpftool('prog', 'list') as unknown[]).length).toBe(before);
});

test('verify: an extern that the kernel lacks is a verdict, and the load fails for it', async () => {
  const elf = fixtureText(
    'kernelExtern',
    `extern int bpf_xk_missing(struct xdp_md *ctx) __ksym;
    SEC("xdp") int caller(struct xdp_md *ctx) { return bpf_xk_missing(ctx); }
    SEC("xdp") int plain(struct xdp_md *ctx) { return XDP_PASS; }
    SEC("tc") int other(struct __sk_buff *skb) { return 0; }
    char _license[] SEC("license") = "GPL";`,
  );
  const { programs } = await client.call('object/verify', { elf, name: 'extern.o' });
  const missing = expect.stringContaining("'bpf_xk_missing'");
  const refused = { verdict: 'rejected', errno: expect.any(Number), reason: missing, log: missing };
  expect(programs).toMatchObject([refused, refused, { name: 'other', verdict: 'skipped' }]);
  // libbpf wants every extern of the object, even for a program that uses none.
  await expect(load(elf, ['plain'])).rejects.toMatchObject({ code: 'load-failed', message: missing });
});

test('a section name of the past is taken as XDP when alone or named', async () => {
  const alone = await load(fixture('kernelLegacy'));
  expect(alone.programs).toMatchObject([{ name: 'legacy_one', section: 'xdp_pass', type: 'xdp' }]);
  await client.call('object/close', { object: alone.object });

  const two = fixture('kernelLegacy', ['-DTWO']);
  const left = await load(two);
  expect(left.programs).toEqual([]);
  expect(left.left.map((program) => program.reason)).toEqual([
    expect.stringContaining('xdp_pass names no program type'),
    expect.stringContaining('xdp_drop names no program type'),
  ]);
  const named = await load(two, ['legacy_two']);
  expect(named.programs).toMatchObject([{ name: 'legacy_two', type: 'xdp' }]);
  for (const { object } of [left, named]) await client.call('object/close', { object });
});

test.for<[string, () => Uint8Array, string[] | undefined, object]>([
  ['not an ELF', () => Buffer.from('int main;'), undefined, { code: 'not-bpf-object' }],
  [
    'an ELF that is no BPF',
    () => fixture('kernelLegacy', ['-target', 'x86_64-linux-gnu']),
    undefined,
    { code: 'not-bpf-object' },
  ],
  [
    'half an object',
    () => fixture('kernelCounter').subarray(0, 3000),
    undefined,
    { code: expect.stringMatching(/object-damaged|not-bpf-object/) },
  ],
  ['nothing', () => new Uint8Array(0), undefined, { code: 'not-bpf-object' }],
  [
    'no such program',
    () => fixture('kernelBad'),
    ['nope'],
    { code: 'program-not-found', fix: expect.stringContaining('xdp_good') },
  ],
  [
    'maps of the past',
    () => fixture('kernelLegacy', ['-DOLD_MAPS']),
    undefined,
    { code: 'load-failed', fix: expect.stringContaining('.maps') },
  ],
  [
    'a map of zero entries',
    () => fixture('kernelLegacy', ['-DEMPTY_MAP']),
    undefined,
    { code: 'load-failed', details: { map: 'nothing', errnoName: 'EINVAL' } },
  ],
])('%s is explained', async ([, elf, programs, expected]) => {
  await expect(load(elf(), programs)).rejects.toMatchObject(expected);
});

test('reuses maps of another object, and refuses those that do not fit', async () => {
  const one = await load(fixture('kernelCounter'));
  const idOf = (name: string) => one.maps.find((map) => map.name === name)?.id ?? 0;
  const two = await client.call('object/load', {
    elf: fixture('kernelCounter'),
    name: 'two.o',
    reuseMaps: { xdp_stats_map_long_name: { id: idOf('xdp_stats_map_long_name') } },
  });
  expect(two.maps.find((map) => map.name === 'xdp_stats_map_long_name')?.id).toBe(idOf('xdp_stats_map_long_name'));
  expect(two.maps.find((map) => map.name === 'small')?.id).not.toBe(idOf('small'));
  const wrong = { xdp_stats_map_long_name: { id: idOf('small') } };
  await expect(
    client.call('object/load', { elf: fixture('kernelCounter'), name: 'three.o', reuseMaps: wrong }),
  ).rejects.toMatchObject({ code: 'load-failed', details: { map: 'xdp_stats_map_long_name' } });
  for (const { object } of [one, two]) await client.call('object/close', { object });
});

test('a map that asks to be pinned by name leaves no pin, and the log says so', async () => {
  const lines: string[] = [];
  const subscription = client.on('log', ({ text }) => lines.push(text));
  const loaded = await load(fixture('kernelLegacy', ['-DPINNED_MAP']));
  subscription.dispose();
  expect(loaded.maps.map((map) => map.name)).toEqual(['xk_pinned']);
  expect(existsSync('/sys/fs/bpf/xk_pinned')).toBe(false);
  expect(lines).toContainEqual(expect.stringContaining('xk_pinned asks to be pinned at /sys/fs/bpf/xk_pinned'));
  await client.call('object/close', { object: loaded.object });
});

test('loading, failing and closing leaks no file', async () => {
  const elf = fixture('kernelCounter');
  const bad = fixture('kernelBad');
  const round = async () => {
    const loaded = await load(elf);
    await client.call('object/close', { object: loaded.object });
    await load(bad).catch(() => {});
    await client.call('object/verify', { elf: bad, name: 'bad.o' });
  };
  await round();
  const before = await openFilesAtRest(client.hello.pid);
  for (let index = 0; index < 20; index++) await round();
  expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
});

test('a program that tail-calls others loads with them, and really calls them', async () => {
  const elf = fixture('kernelTailCall');
  const loaded = await load(elf, ['dispatch']);
  expect(loaded.programs.map(({ name }) => name).sort((left, right) => left.localeCompare(right))).toEqual([
    'dispatch',
    'target',
  ]);
  const run = { object: loaded.object, program: 'dispatch', data: new Uint8Array(64), repeat: 1, capturePrintk: false };
  expect((await client.call('program/testRun', run)).retval).toBe(3);
  await client.call('object/close', { object: loaded.object });
  const { programs } = await client.call('object/verify', { elf, name: 'tail' });
  expect(programs.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted']);
});
