import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionOfKey } from '../../extension/core/maps/actions.ts';
import { decodeEntries, encodeKey, keyText } from '../../extension/core/maps/entries.ts';
import { KeyPlaces } from '../../extension/core/maps/keyPlaces.ts';
import type { Layout } from '../../extension/core/maps/layout.ts';
import { formatPrefix, prefixKeyOf, samePrefix } from '../../extension/core/maps/prefix.ts';
import { namesOf, referredBy } from '../../extension/core/maps/references.ts';
import { mapSchema } from '../../extension/core/maps/schema.ts';
import { arrayOf, layouts, mapOf, struct } from '../support/mapSchemas.ts';

const { u8, u32, s32, u64, ipv4, ipv6, be16 } = layouts;
const be32: Layout = { kind: 'int', size: 4, signed: false, bigEndian: true };

describe('keys of a trie that are prefixes', () => {
  test.for<[string, Layout, string | undefined]>([
    ['an address field', struct('k', { prefixlen: u32, addr: ipv4 }), '10.0.0.0/8'],
    ['an IPv6 field', struct('k', { prefixlen: u32, addr: ipv6 }), 'a00::/8'],
    ['network order', struct('k', { prefixlen: u32, data: be32 }), '10.0.0.0/8'],
    ['said by the struct', struct('ipv4_lpm_key', { prefixlen: u32, data: u32 }), '10.0.0.0/8'],
    ['bytes, said by the struct', struct('ip6_key', { prefixlen: u32, data: arrayOf(u8, 16) }), 'a00::/8'],
    ['just numbers', struct('key', { prefixlen: u32, data: u32 }), undefined],
    ['bytes of anything', struct('bpf_lpm_trie_key_u8', { prefixlen: u32, data: arrayOf(u8, 4) }), undefined],
    ['more than an address', struct('k', { prefixlen: u32, addr: ipv4, port: be16 }), undefined],
    ['something before it', struct('k', { prefixlen: u32, vrf: u32, addr: ipv4 }), undefined],
    ['no length', struct('k', { prefixlen: s32, addr: ipv4 }), '10.0.0.0/8'],
    ['no struct', u64, undefined],
  ])('%s', ([, key, text]) => {
    const schema = mapOf('lpm_trie', key, u32);
    const prefix = prefixKeyOf(schema);
    if (prefix === undefined || text === undefined) expect(prefix === undefined ? undefined : 'a prefix').toBe(text);
    else {
      const bytes = encodeKey(schema, text);
      expect([...bytes.subarray(0, 5)]).toEqual([8, 0, 0, 0, 10]);
      expect(formatPrefix(prefix, bytes)).toBe(text);
      expect(prefixKeyOf({ ...schema, type: 'hash' })).toBeUndefined();
    }
  });

  test('a longer prefix than there are bits, and another family, are no key', () => {
    const schema = mapOf('lpm_trie', struct('k', { prefixlen: u32, addr: ipv4 }), u32);
    for (const key of ['10.0.0.0/33', '10.0.0', 'fd00::/8', '10.0.0.0/', ''])
      expect(() => encodeKey(schema, key), key).toThrow();
    expect(encodeKey(schema, '10.1.2.3')).toEqual(encodeKey(schema, { prefixlen: 32, addr: '10.1.2.3' }));
  });

  test('the first bits agree as they do in numbers', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const numberOf = (all: Uint8Array): bigint => BigInt(`0x${Buffer.from(all).toString('hex')}`);
    fc.assert(
      fc.property(
        bytes,
        bytes,
        fc.integer({ min: 0, max: 128 }),
        fc.integer({ min: 0, max: 128 }),
        (a, b, bits, alike) => {
          // Two random addresses hardly ever agree: b starts like a.
          const mask = ((1n << BigInt(alike)) - 1n) << BigInt(128 - alike);
          const mixed = (numberOf(a) & mask) | (numberOf(b) & ~mask & ((1n << 128n) - 1n));
          const other = Buffer.from(mixed.toString(16).padStart(32, '0'), 'hex');
          const same = numberOf(a) >> BigInt(128 - bits) === mixed >> BigInt(128 - bits);
          expect(samePrefix(Uint8Array.of(9, 9, ...a), 2, other, bits)).toBe(same);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });
});

test('counters by verdict: an array of five numbers or structs, and nothing else', () => {
  const actionOf = (type: string, value: Layout, maxEntries: number): string | undefined =>
    actionOfKey(mapOf(type, u32, value, { maxEntries }), Uint8Array.of(1, 0, 0, 0));
  expect(actionOf('percpu_array', u64, 5)).toBe('XDP_DROP');
  expect(actionOf('array', struct('datarec', { packets: u64 }), 5)).toBe('XDP_DROP');
  expect(actionOf('array', u64, 6)).toBeUndefined();
  expect(actionOf('hash', u64, 5)).toBeUndefined();
  const counters = mapOf('array', u32, u64, { maxEntries: 5 });
  expect(encodeKey(counters, 'XDP_TX')).toEqual(Uint8Array.of(3, 0, 0, 0));
  expect(actionOfKey(counters, Uint8Array.of(5, 0, 0, 0))).toBeUndefined();
});

test('an index is the key of an array without types', () => {
  const schema = { ...mapOf('array', u32, u32), key: undefined, value: undefined };
  expect(encodeKey(schema, 2)).toEqual(Uint8Array.of(2, 0, 0, 0));
  expect(encodeKey(schema, '02000000')).toEqual(Uint8Array.of(2, 0, 0, 0));
  expect(() => encodeKey({ ...schema, type: 'hash' }, 2)).toThrow('hex');
});

describe('maps whose type says what they hold', () => {
  const names = namesOf({
    programs: [{ id: 7, name: 'xdp_pass' }],
    maps: [{ id: 9, name: 'inner' }],
    interfaces: [{ ifindex: 3, name: 'veth0' }],
  });
  test.for<[string, number, number[], unknown, unknown[]]>([
    ['prog_array', 4, [7, 0, 0, 0], 7, [{ kind: 'program', id: 7, name: 'xdp_pass' }]],
    ['hash_of_maps', 4, [9, 0, 0, 0], 9, [{ kind: 'map', id: 9, name: 'inner' }]],
    ['array_of_maps', 4, [8, 0, 0, 0], 8, [{ kind: 'map', id: 8 }]],
    ['devmap', 4, [3, 0, 0, 0], 3, [{ kind: 'interface', id: 3, name: 'veth0' }]],
    [
      'devmap_hash',
      8,
      [3, 0, 0, 0, 7, 0, 0, 0],
      { ifindex: 3, bpf_prog: { fd: 7, id: 7 } },
      [
        { kind: 'interface', id: 3, name: 'veth0' },
        { kind: 'program', id: 7, name: 'xdp_pass' },
      ],
    ],
    ['cpumap', 8, [64, 0, 0, 0, 0, 0, 0, 0], { qsize: 64, bpf_prog: { fd: 0, id: 0 } }, []],
    ['sockmap', 8, [1, 0, 0, 0, 0, 0, 0, 0], '1', []],
    ['hash', 4, [7, 0, 0, 0], '07000000', []],
  ])('%s', ([type, valueSize, bytes, value, referred]) => {
    const schema = mapSchema({ name: 'm', type, keySize: 4, valueSize, maxEntries: 4 }, undefined, 0, 0, [0]);
    const values = Uint8Array.from(bytes);
    expect(decodeEntries(schema, { count: 1, keys: new Uint8Array(4), values })[0]?.value).toEqual(value);
    expect(referredBy(type, valueSize, values, names)).toEqual(referred);
  });
});

test('keys are found among many, and a key is there once', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 3, maxLength: 3 }), { maxLength: 300 }), (keys) => {
      const places = new KeyPlaces(new Uint8Array(Buffer.concat(keys)), 3);
      const known = new Map<string, number>();
      keys.forEach((key, place) => {
        expect(places.add(place)).toBe(!known.has(keyText(key)));
        if (!known.has(keyText(key))) known.set(keyText(key), place);
      });
      for (const key of keys) expect(places.find(key, 0)).toBe(known.get(keyText(key)));
      const other = Uint8Array.of(1, 2, 3);
      expect(places.find(other, 0)).toBe(known.get(keyText(other)) ?? -1);
    }),
    { seed: 5, numRuns: 50 },
  );
});
