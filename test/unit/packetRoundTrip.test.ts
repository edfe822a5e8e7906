import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect, layersOf } from '../../extension/core/packet/dissect.ts';
import { headers } from '../../extension/core/packet/headers/table.ts';
import { layersFromJson, layersToJson, packetJson } from '../../extension/core/packet/json.ts';
import type { BuiltLayer, FieldValue } from '../../extension/core/packet/model.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { isLayer } from '../../extension/core/packet/value.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { hexOf } from '../support/packetHex.ts';

/** Packets that were cut, and in which bytes were changed. */
const damaged = fc
  .record({
    seed: fc.nat(),
    cut: fc.option(fc.nat(200), { nil: undefined }),
    edits: fc.array(fc.tuple(fc.nat(150), fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255))), { maxLength: 6 }),
  })
  .map(({ seed, cut, edits }) => {
    const bytes = buildPacket(generatePacket(new Random(seed), { wrong: true })).bytes.slice(0, cut);
    for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });
const anything = fc.oneof({ weight: 3, arbitrary: damaged }, fc.uint8Array({ maxLength: 150 }));

/** As the processes between host and webview copy it. */
const cloned = (bytes: Uint8Array): Uint8Array => structuredClone(bytes);

test('any bytes come out again from their layers', () => {
  fc.assert(
    fc.property(anything, (bytes) => {
      const before = hexOf(bytes);
      const dissection = dissect(cloned(bytes));
      expect(hexOf(buildPacket(layersOf(dissection)).bytes)).toBe(before);
      expect(hexOf(dissection.bytes)).toBe(before);
    }),
    { numRuns: 3000, seed: 1 },
  );
});

test('… from their Scapy expression and from their JSON', () => {
  fc.assert(
    fc.property(anything, (bytes) => {
      const layers = layersOf(dissect(bytes));
      if (bytes.length > 0) expect(hexOf(buildPacket(parseScapy(formatScapy(layers))).bytes)).toBe(hexOf(bytes));
      const json: unknown = JSON.parse(JSON.stringify(layersToJson(layers)));
      expect(hexOf(buildPacket(layersFromJson(json)).bytes)).toBe(hexOf(bytes));
      expect(JSON.parse(JSON.stringify(packetJson(bytes)))).toEqual(packetJson(bytes));
    }),
    { numRuns: 1500, seed: 2 },
  );
});

test('whatever header the bytes are taken for', () => {
  const layers = [...headers.values()].filter((spec) => spec.role !== 'option' && spec.role !== 'payload');
  fc.assert(
    fc.property(fc.constantFrom(...layers), fc.uint8Array({ maxLength: 80 }), (spec, bytes) => {
      const dissection = dissect(bytes, { first: spec.name });
      expect(hexOf(buildPacket(layersOf(dissection)).bytes)).toBe(hexOf(bytes));
    }),
    { numRuns: 3000, seed: 3 },
  );
});

test('layers cover every byte once, and fields lie inside their layer', () => {
  fc.assert(
    fc.property(anything, (bytes) => {
      let at = 0;
      for (const layer of dissect(bytes).layers) {
        expect(layer.offset).toBe(at);
        let bit = layer.offset * 8;
        for (const field of layer.fields) {
          expect(field.bitOffset).toBe(bit);
          bit += field.bitLength;
        }
        expect(bit).toBe((layer.offset + layer.length) * 8);
        at += layer.length;
      }
      expect(at).toBe(bytes.length);
    }),
    { numRuns: 1500, seed: 4 },
  );
});

test('a packet cut at any byte is dissected and comes out again', () => {
  const random = new Random(99);
  for (let n = 0; n < 40; n++) {
    const { bytes } = buildPacket(generatePacket(random));
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.slice(0, length);
      const dissection = dissect(part);
      expect(hexOf(buildPacket(layersOf(dissection)).bytes)).toBe(hexOf(part));
    }
  }
});

const isSubPackets = (value: FieldValue): boolean => Array.isArray(value) && value.every(isLayer);

test('what was built right is found right: no warnings, nothing wrong', () => {
  const random = new Random(4711);
  for (let n = 0; n < 500; n++) {
    const layers = generatePacket(random).filter((layer) => layer.name !== 'Padding');
    const built = buildPacket(layers);
    const dissection = dissect(built.bytes);
    expect({ text: formatScapy(layers), warnings: dissection.warnings }).toEqual({
      text: formatScapy(layers),
      warnings: [],
    });
    expect(dissection.layers.map(({ name }) => name)).toEqual(built.layers.map(({ name }) => name));
    // Of IPv4 and IPv6 options, which padding was asked for cannot be seen in them. Of all sub-packets, the values count.
    const padded = ['IP', 'IPv6ExtHdrHopByHop', 'IPv6ExtHdrDestOpt'];
    const values = (list: readonly BuiltLayer[]): FieldValue[] =>
      list.flatMap(({ name, fields, parts }) => [
        ...fields.filter(({ value }) => !isSubPackets(value)).map(({ value }) => value),
        ...(padded.includes(name) ? [] : values(parts ?? [])),
      ]);
    expect(values(dissection.layers)).toEqual(values(built.layers));
  }
});

test('a hostile packet of nested tunnels is read to its end', () => {
  const gre = [0x80, 0, 0x65, 0x58, 0, 0, 0, 0];
  const ether = [...new Uint8Array(12), 0x08, 0x00];
  const ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
  const round = [...ether, ...ip, ...gre];
  const bytes = new Uint8Array(60_000);
  for (let at = 0; at + round.length <= bytes.length; at += round.length) bytes.set(round, at);
  const { layers } = dissect(bytes);
  expect(layers.length).toBeLessThan(80);
  expect(hexOf(buildPacket(layersOf(dissect(bytes))).bytes)).toBe(hexOf(bytes));
});

test('options that fill the longest header there is, none of them aligned', () => {
  const options = [0, ...Array.from({ length: 511 }, () => [5, 2, 0, 0]).flat(), 0];
  const { bytes } = buildPacket([
    { name: 'Ether', fields: { type: 0x86dd } },
    { name: 'IPv6', fields: { nh: 0 } },
    { name: 'Raw', fields: { load: Uint8Array.from([59, 255, ...options]) } },
  ]);
  const dissection = dissect(bytes);
  expect(dissection.layers.map(({ name }) => name)).toEqual(['Ether', 'IPv6', 'IPv6ExtHdrHopByHop']);
  expect(hexOf(buildPacket(layersOf(dissection)).bytes)).toBe(hexOf(bytes));
});
