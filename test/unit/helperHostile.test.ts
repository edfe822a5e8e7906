import { expect, test } from 'vitest';
import { errnoText } from '../../extension/kernel/libbpf/errno.ts';
import { fakeMapInfo, fakeService } from '../support/kernelFake.ts';

/** Messages that are of the contract's shape, and whose contents would make the kernel read or write beyond what was given. */
const elf = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 0);
const load = (service: ReturnType<typeof fakeService>) =>
  Promise.resolve(service.handlers['object/load']({ elf, name: 'fake.o' }));

test.for<[string, number, number, number[]]>([
  ['none', 1, 4, []],
  ['no place', 1, 4, [1, 0, 0, 0, 0]],
  ['a key that is too short', 1, 8, [1, 0, 0, 0, 0, 1, 2, 3, 4]],
  ['a key that is too long', 1, 4, [1, 0, 0, 0, 0, 1, 2, 3, 4, 5]],
  ['a bucket that is too short', 1, 2, [0, 0, 0, 0, 0, 1, 2]],
  ['a process that is too short', 29, 4, [1, 0, 0, 0, 0, 1]],
])('the kernel is given no cursor but a whole one: %s', async ([, type, keySize, cursor]) => {
  const never = (): never => {
    throw new Error('the kernel was asked');
  };
  const service = fakeService({
    object: { maps: [{ name: 'm', type, keySize, valueSize: 4 }] },
    libbpf: {
      mapInfo: () => fakeMapInfo({ type, keySize }),
      mapNextKey: never,
      mapLookupBatch: never,
      openProcess: never,
    },
  });
  await load(service);
  expect(() => service.handlers['map/read']({ map: { id: 7 }, limit: 10, cursor: Uint8Array.from(cursor) })).toThrow(
    expect.objectContaining({ code: 'usage' }),
  );
});

test('maps of a type that nobody knows yet are neither read nor written: their values may be of any size', async () => {
  const type = 999;
  const service = fakeService({
    object: { maps: [{ name: 'm', type, keySize: 4, valueSize: 4 }] },
    libbpf: { mapInfo: () => fakeMapInfo({ type }) },
  });
  await load(service);
  const map = { id: 7 };
  const key = new Uint8Array(4);
  const refused = expect.objectContaining({ code: 'map-unreadable' });
  expect(() => service.handlers['map/read']({ map, limit: 10 })).toThrow(refused);
  expect(() => service.handlers['map/lookup']({ map, key })).toThrow(refused);
  expect(() => service.handlers['map/values']({ map, keys: key })).toThrow(refused);
  expect(() => service.handlers['map/update']({ map, key, value: key, flags: 0 })).toThrow(refused);
});

test('a map without keys is not asked for four billion of them', async () => {
  const service = fakeService({
    object: { maps: [{ name: 'm', type: 22, keySize: 0, valueSize: 4 }] },
    libbpf: { mapInfo: () => fakeMapInfo({ type: 22, keySize: 0 }) },
  });
  await load(service);
  const write = { map: { id: 7 }, kind: 'delete', count: 0xffff_ffff, keys: new Uint8Array(0) } as const;
  expect(() => service.handlers['map/write'](write)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('a packet test whose key does not fit fails, and nothing is deleted by that key', async () => {
  const deleted: number[] = [];
  const service = fakeService({
    object: { maps: [{ name: 'm', type: 1, keySize: 4, valueSize: 4 }] },
    libbpf: {
      mapInfo: () => fakeMapInfo({}),
      mapDelete: (_fd, key) => {
        deleted.push(key.length);
        return 0;
      },
    },
  });
  const { object, programs } = await load(service);
  const write = (bytes: number) => ({ map: 7, key: new Uint8Array(bytes), value: new Uint8Array(4) });
  const tests = [4, 1].map((bytes) => ({ writes: [write(bytes)], steps: [], capturePrintk: false }));
  const run = { object, program: programs[0]?.name ?? '', tests, events: [], undo: [7], readLimit: 10 };
  const reply = await service.handlers['program/runTests'](run);
  expect(reply.unrestored).toBeUndefined();
  expect(reply.tests.map(({ error }) => error?.code)).toEqual([undefined, 'value-invalid']);
  expect(deleted).toEqual([4]);
});

test.for([
  '',
  '.',
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  '/proc/self/ns/net',
  '/proc/1/ns/net/../../environ',
  'a\0b',
])('what names no network namespace opens no file: %j', async (netns) => {
  const service = fakeService({
    system: {
      inNetns: () => {
        throw new Error('a file was opened');
      },
    },
  });
  expect(() => service.handlers['interfaces/list']({ netns })).toThrow(expect.objectContaining({ code: 'kernel' }));
  const { problems } = await service.handlers['interfaces/watch']({ netns: [netns] });
  expect(problems).toEqual([{ netns, problem: errnoText(-22) }]);
  service.dispose();
});
