import { expect, test } from 'vitest';
import type { MapSpec, ObjectSpec } from '../../extension/core/object/spec.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { planReuse } from '../../extension/session/attach/reuseMaps.ts';

const spec: MapSpec = {
  name: 'stats',
  type: 'percpu_array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 5,
  flags: 0,
  keyTypeId: 0,
  valueTypeId: 0,
  keyType: undefined,
  valueType: undefined,
  pinning: 'none',
  globalData: false,
};
const object = (maps: MapSpec[]): ObjectSpec => ({
  license: 'GPL',
  programs: [],
  maps,
  btf: undefined,
  btfBytes: undefined,
  warnings: [],
});
const before = (map: MapSpec) => ({ schema: mapSchema(map, undefined, 0, 0, [0]), flags: map.flags, ref: { id: 9 } });

test.for<[string, Partial<MapSpec>, Partial<MapSpec>, string | undefined]>([
  ['the same', {}, {}, undefined],
  ['another type', {}, { type: 'array' }, 'its type changed from percpu_array to array'],
  ['another key', {}, { keySize: 8 }, 'its key size changed from 4 to 8'],
  ['another value', {}, { valueSize: 16 }, 'its value size changed from 8 to 16'],
  ['more entries', {}, { maxEntries: 6 }, 'its max_entries changed from 5 to 6'],
  ['other flags', {}, { flags: 1 }, 'its map_flags changed from 0 to 1'],
  ['another name', {}, { name: 'other' }, 'the new build has no such map'],
  ['programs', { type: 'prog_array' }, { type: 'prog_array' }, 'it holds the programs of the build before'],
])('%s', ([, old, now, reason]) => {
  const plan = planReuse([before({ ...spec, ...old })], object([{ ...spec, ...now }]));
  if (reason === undefined) expect(plan).toEqual({ reuse: { stats: { id: 9 } }, fresh: [] });
  else expect(plan).toEqual({ reuse: {}, fresh: [{ map: 'stats', reason: expect.stringContaining(reason) }] });
});

test('constants are the new build’s own, and nobody misses them', () => {
  expect(planReuse([before({ ...spec, name: '.rodata' })], object([{ ...spec, name: '.rodata' }]))).toEqual({
    reuse: {},
    fresh: [],
  });
});
