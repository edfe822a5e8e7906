import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { bpftool, fixture, helper } from '../support/kernelHelper.ts';

let client: HelperClient;
let loaded: LoadedObject;
let counter: LoadedObject;
beforeAll(async () => {
  client = await helper();
  loaded = await client.call('object/load', { elf: fixture('kernelRun'), name: 'run.o' });
  counter = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'counter.o' });
});
afterAll(() => client.dispose());

const packet = (length: number) => Uint8Array.from({ length }, (_, index) => index & 0xff);
const xdpMd = (fields: {
  data?: number;
  end: number;
  meta?: number;
  ifindex?: number;
  queue?: number;
  egress?: number;
}) => {
  const bytes = Buffer.alloc(24);
  [fields.data, fields.end, fields.meta, fields.ifindex, fields.queue, fields.egress].forEach((value, index) =>
    bytes.writeUInt32LE(value ?? 0, 4 * index),
  );
  return bytes;
};
interface Run {
  data: Uint8Array;
  ctx?: Uint8Array;
  repeat?: number;
  cpu?: number;
  printk?: boolean;
}
const run = (program: string, { data, ctx, repeat = 1, cpu, printk = false }: Run, object = loaded.object) =>
  client.call('program/testRun', {
    object,
    program,
    data,
    repeat,
    capturePrintk: printk,
    ...(ctx === undefined ? {} : { ctx }),
    ...(cpu === undefined ? {} : { cpu }),
  });
const seen = async () => {
  const id = loaded.maps.find((map) => map.name === 'seen')?.id ?? 0;
  const page = await client.call('map/read', { map: { id }, limit: 6 });
  const values = new Uint32Array(page.values.buffer, page.values.byteOffset, 6);
  return { length: values[0], metadata: values[1], ifindex: values[2], queue: values[3], cpu: values[4] };
};

test.for([14, 15, 60, 1514, 3520])('a packet of %i bytes runs and comes back as it was', async (length) => {
  const result = await run('look', { data: packet(length) });
  expect(result).toMatchObject({ retval: 3, dataOut: packet(length) });
  expect(result.printk).toBeUndefined();
  expect(await seen()).toMatchObject({ length, metadata: 0, ifindex: 1, queue: 0 });
});

test('a large packet has 3520 bytes in direct reach, all of it comes back', async () => {
  expect(await run('look', { data: packet(9000) })).toMatchObject({ retval: 3, dataOut: packet(9000) });
  expect(await seen()).toMatchObject({ length: 3520 });
});

test('context: metadata, interface and queue reach the program', async () => {
  const data = Uint8Array.from([0xaa, 0xbb, 0xcc, 0xdd, ...packet(64)]);
  const result = await run('look', { data, ctx: xdpMd({ data: 4, end: 68, ifindex: 1 }) });
  expect(await seen()).toMatchObject({ length: 64, metadata: 4, ifindex: 1 });
  expect(result.dataOut).toEqual(data);
  expect([...new Uint32Array(result.ctxOut.buffer, 0, 3)]).toEqual([4, 68, 0]);
});

test('what the program adds comes back: metadata in front, tail behind', async () => {
  const result = await run('grow', { data: packet(64) });
  expect(result.retval).toBe(2);
  expect(result.dataOut.length).toBe(8 + 64 + 100);
  expect([...result.dataOut.subarray(0, 4)]).toEqual([0xaa, 0xbb, 0xcc, 0xdd]);
  expect(result.dataOut.subarray(8, 72)).toEqual(packet(64));
  expect(result.dataOut.subarray(72)).toEqual(new Uint8Array(100));
  expect([...new Uint32Array(result.ctxOut.buffer, 0, 2)]).toEqual([8, 172]);
});

test('a program of another type is named as such', async () => {
  const tc = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'tc.o', programs: ['not_xdp'] });
  await expect(run('not_xdp', { data: packet(64) }, tc.object)).rejects.toMatchObject({
    code: 'usage',
    message: 'not_xdp is a program of type sched_cls, which cannot be run on a packet as XDP',
  });
  await client.call('object/close', { object: tc.object });
});

test('an action that has no name keeps its number', async () => {
  expect(await run('odd_action', { data: packet(64) })).toMatchObject({ retval: 77 });
});

test.for<[string, Run, object]>([
  ['13 bytes', { data: packet(13) }, { code: 'packet-too-short', fix: expect.stringContaining('14') }],
  ['nothing', { data: packet(0) }, { code: 'packet-too-short' }],
  [
    '10 bytes behind 4 of metadata',
    { data: packet(14), ctx: xdpMd({ data: 4, end: 14 }) },
    { code: 'packet-too-short' },
  ],
  ['80,000 bytes', { data: packet(80_000) }, { code: 'packet-too-long', fix: expect.stringContaining('3520') }],
  [
    'metadata of 6 bytes',
    { data: packet(70), ctx: xdpMd({ data: 6, end: 70 }) },
    { code: 'context-invalid', message: expect.stringContaining('multiples of 4') },
  ],
  [
    'metadata that leaves no room for the frame',
    { data: packet(400), ctx: xdpMd({ data: 220, end: 400 }) },
    { code: 'context-invalid', message: expect.stringContaining('up to 216 always work') },
  ],
  ['metadata of 256 bytes', { data: packet(400), ctx: xdpMd({ data: 256, end: 400 }) }, { code: 'context-invalid' }],
  [
    'data_meta',
    { data: packet(70), ctx: xdpMd({ meta: 4, end: 70 }) },
    { code: 'context-invalid', message: expect.stringContaining('data_meta') },
  ],
  [
    'data_end past the end',
    { data: packet(70), ctx: xdpMd({ end: 71 }) },
    { code: 'context-invalid', message: expect.stringContaining('data_end is 71') },
  ],
  [
    'data_end forgotten',
    { data: packet(70), ctx: xdpMd({ end: 0 }) },
    { code: 'context-invalid', message: expect.stringContaining('set it to 70') },
  ],
  [
    'egress',
    { data: packet(70), ctx: xdpMd({ end: 70, egress: 1 }) },
    { code: 'context-invalid', message: expect.stringContaining('egress') },
  ],
  ['a queue of no interface', { data: packet(70), ctx: xdpMd({ end: 70, queue: 1 }) }, { code: 'context-invalid' }],
  [
    'a queue that the interface lacks',
    { data: packet(70), ctx: xdpMd({ end: 70, ifindex: 1, queue: 99 }) },
    { code: 'context-invalid', message: expect.stringContaining('queue') },
  ],
  [
    'no such interface',
    { data: packet(70), ctx: xdpMd({ end: 70, ifindex: 9999 }) },
    { code: 'context-invalid', message: expect.stringContaining('no interface') },
  ],
  ['a context of 20 bytes', { data: packet(70), ctx: new Uint8Array(20) }, { code: 'context-invalid' }],
  [
    'a CPU that is not there',
    { data: packet(70), cpu: 4000 },
    { code: 'test-run-failed', fix: expect.stringContaining('Online CPUs: 0') },
  ],
])('%s is explained', async ([, params, expected]) => {
  await expect(run('look', params)).rejects.toMatchObject(expected);
});

test('the kernel would refuse what is refused here, and takes what is taken', async () => {
  // Oracle: the same bytes through bpftool, which checks nothing itself.
  const directory = mkdtempSync('/tmp/xk-run-');
  const id = String(loaded.programs.find((program) => program.name === 'look')?.id);
  const byBpftool = (data: Uint8Array, ctx: Uint8Array): boolean => {
    writeFileSync(`${directory}/data`, data);
    writeFileSync(`${directory}/ctx`, ctx);
    try {
      execFileSync(
        'bpftool',
        [
          'prog',
          'run',
          'id',
          id,
          'data_in',
          `${directory}/data`,
          'ctx_in',
          `${directory}/ctx`,
          'ctx_out',
          `${directory}/out`,
        ],
        { stdio: 'pipe' },
      );
      return true;
    } catch {
      return false;
    }
  };
  try {
    const cases: [number, Parameters<typeof xdpMd>[0]][] = [
      [70, { end: 70 }],
      [70, { data: 4, end: 70 }],
      [70, { data: 6, end: 70 }],
      [400, { data: 252, end: 400 }],
      [400, { data: 256, end: 400 }],
      [70, { meta: 4, end: 70 }],
      [70, { end: 71 }],
      [70, { end: 70, egress: 1 }],
      [70, { end: 70, queue: 1 }],
      [70, { end: 70, ifindex: 1 }],
      [70, { end: 70, ifindex: 1, queue: 99 }],
    ];
    for (const [length, fields] of cases) {
      const ours = await run('look', { data: packet(length), ctx: xdpMd(fields) }).then(
        () => true,
        () => false,
      );
      expect([fields, ours]).toEqual([fields, byBpftool(packet(length), xdpMd(fields))]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('repeats are timed, on another thread', async () => {
  const long = run('look', { data: packet(64), repeat: 2_000_000 });
  let ended = false;
  void long.finally(() => {
    ended = true;
  });
  await client.call('map/list', {});
  expect(ended).toBe(false);
  const result = await long;
  expect(result.durationNs).toBeGreaterThan(0);
  expect(result.durationNs).toBeLessThan(100_000);
  // The object may be closed while its program runs.
  const other = await client.call('object/load', { elf: fixture('kernelRun'), name: 'again.o' });
  const running = run('look', { data: packet(64), repeat: 1_000_000 }, other.object);
  await client.call('object/close', { object: other.object });
  expect(await running).toMatchObject({ retval: 3 });
});

test('bpf_printk lines of this run, and no instance of tracefs left', async () => {
  const instances = () => readdirSync('/sys/kernel/tracing/instances').filter((name) => name.startsWith('xdp-vscode'));
  const result = await run('xdp_talker', { data: packet(61), printk: true }, counter.object);
  expect(result).toMatchObject({ retval: 2, printk: ['length 61', 'queue 0'] });
  expect(result.printkProblem).toBeUndefined();
  expect((await run('look', { data: packet(64), printk: true })).printk).toEqual([]);
  await expect(
    run('look', { data: packet(64), ctx: xdpMd({ end: 64, ifindex: 9999 }), printk: true }),
  ).rejects.toMatchObject({ code: 'context-invalid' });
  expect(instances()).toEqual([]);
});

test('per-CPU counters of four bytes: runs pinned to each CPU, compared with bpftool', async () => {
  const small = counter.maps.find((map) => map.name === 'small')?.id ?? 0;
  const byLength = counter.maps.find((map) => map.name === 'by_length')?.id ?? 0;
  const { possibleCpus, onlineCpus } = client.hello;
  for (const cpu of onlineCpus) {
    for (let round = 0; round < 10 * (cpu + 1); round++)
      await run('xdp_dropper', { data: packet(100), cpu }, counter.object);
    await run('look', { data: packet(64), cpu });
    expect(await seen()).toMatchObject({ cpu });
  }
  const wanted = possibleCpus.map((cpu) => (onlineCpus.includes(cpu) ? 10 * (cpu + 1) : 0));
  for (const id of [small, byLength]) {
    const page = await client.call('map/read', { map: { id }, limit: 10 });
    expect(page.count).toBe(1);
    expect(page.values.length).toBe(8 * possibleCpus.length);
    const ours = possibleCpus.map((_, index) => Buffer.from(page.values).readUInt32LE(8 * index));
    const [entry] = bpftool('map', 'dump', 'id', String(id)) as { values: { cpu: number; value: string[] }[] }[];
    const theirs = entry?.values.map((one) =>
      Buffer.from(one.value.map((byte) => byte.slice(2)).join(''), 'hex').readUInt32LE(),
    );
    expect(ours).toEqual(wanted);
    expect(theirs).toEqual(wanted);
  }
});
