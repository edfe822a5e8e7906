import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { KernelEvents, LoadedObject } from '../../extension/protocol/kernel.ts';
import { eventually, fixture, helper, openFilesAtRest } from '../support/kernelHelper.ts';

let client: HelperClient;
let loaded: LoadedObject;
const received: KernelEvents['map/events'][] = [];
beforeAll(async () => {
  client = await helper();
  client.on('map/events', (event) => void received.push(event));
  loaded = await client.call('object/load', { elf: fixture('kernelEvents'), name: 'kernelEvents.o' });
});
afterAll(() => client.dispose());

const idOf = (name: string): number => loaded.maps.find((map) => map.name === name)?.id ?? 0;

/** Runs the program `repeat` times on a packet of 60 bytes. */
const run = (repeat: number) =>
  client.call('program/testRun', {
    object: loaded.object,
    program: 'send_events',
    data: new Uint8Array(60),
    repeat,
    capturePrintk: false,
  });

const recordsOf = (stream: number) =>
  received.filter((event) => event.stream === stream).flatMap((event) => event.records);
const numberOf = ({ data }: { data: Uint8Array }): number =>
  new DataView(data.buffer, data.byteOffset).getUint32(0, true);

test.for(['ring', 'perf'])('events of %s arrive in order, and no more after the stop', async (name) => {
  const before = await openFilesAtRest(client.hello.pid);
  const { stream } = await client.call('events/follow', { map: { id: idOf(name) }, force: false });
  for (let each = 0; each < 3; each++) await run(1);
  await eventually('three events', () => recordsOf(stream).length === 3);
  const records = recordsOf(stream);
  const [first = 0] = records.map(numberOf);
  expect(records.map(numberOf)).toEqual([first, first + 1, first + 2]);
  // A perf sample is padded to 8 bytes behind its u32 size: kernel/events/core.c, perf_prepare_sample().
  const [{ data, cpu } = { data: new Uint8Array(0), cpu: undefined }] = records;
  expect(data.subarray(4, 8)).toEqual(Uint8Array.of(60, 0, 0, 0));
  expect(cpu === undefined ? [] : client.hello.onlineCpus).toEqual(
    name === 'perf' ? expect.arrayContaining([cpu]) : [],
  );
  await client.call('events/stop', { stream });
  await run(1);
  await client.call('map/list', {});
  expect(recordsOf(stream)).toHaveLength(3);
  expect(await openFilesAtRest(client.hello.pid)).toEqual(before);
});

test('a flood is bounded, and counted', async () => {
  const { stream } = await client.call('events/follow', { map: { id: idOf('ring') }, force: false });
  await run(100_000);
  const counted = () =>
    received
      .filter((event) => event.stream === stream)
      .reduce((sum, event) => sum + event.records.length + event.left, 0);
  // 64 KiB hold 4096 events of 16 bytes with their header, as often as the helper looks.
  await eventually('a full ring', () => counted() >= 4000);
  for (const { records } of received) expect(records.length).toBeLessThanOrEqual(500);
  expect(received.some(({ left }) => left > 0)).toBe(true);
  await client.call('events/stop', { stream });
});

test('a map of somebody else is only read when that is asked for, and a map without events never', async () => {
  const other = await helper({ profile: 'system' });
  try {
    await expect(other.call('events/follow', { map: { id: idOf('ring') }, force: false })).rejects.toMatchObject({
      code: 'map-foreign',
      message: expect.stringContaining('takes its events'),
    });
    const { stream } = await other.call('events/follow', { map: { id: idOf('ring') }, force: true });
    await other.call('events/stop', { stream });
  } finally {
    await other.dispose();
  }
  await expect(client.call('events/follow', { map: { id: idOf('.bss') }, force: false })).rejects.toMatchObject({
    code: 'map-unreadable',
  });
});
