import { expect, test } from 'vitest';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { changedRanges, fieldDiff } from '../../extension/core/packet/diff.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import type { Dissection } from '../../extension/core/packet/model.ts';
import { parseScapy } from '../../extension/core/packet/scapy.ts';
import { bytesOf } from '../support/packetHex.ts';

const ranges: [a: string, b: string, changed: [number, number][]][] = [
  ['', '', []],
  ['0102', '0102', []],
  ['010203', '01ff03', [[1, 1]]],
  [
    '01020304',
    'ff0203ff',
    [
      [0, 1],
      [3, 1],
    ],
  ],
  ['0102', '010203', [[2, 1]]],
  ['010203', '01', [[1, 2]]],
  ['0102', 'ffff', [[0, 2]]],
];

test.each(ranges)('%s to %s', (a, b, changed) => {
  expect(changedRanges(bytesOf(a), bytesOf(b))).toEqual(changed.map(([offset, length]) => ({ offset, length })));
});

const seen = (expression: string): Dissection => dissect(buildPacket(parseScapy(expression)).bytes);

test('fields that changed, by layer', () => {
  expect(fieldDiff(seen('Ether()/IP(ttl=64)/UDP()'), seen('Ether(src="02:00:00:00:00:01")/IP(ttl=63)/UDP()'))).toEqual([
    {
      kind: 'changed',
      layer: 'Ether',
      layerIndex: 0,
      field: 'src',
      before: '00:00:00:00:00:00',
      after: '02:00:00:00:00:01',
    },
    { kind: 'changed', layer: 'IP', layerIndex: 1, field: 'ttl', before: 64, after: 63 },
    { kind: 'changed', layer: 'IP', layerIndex: 1, field: 'chksum', before: 0x7cce, after: 0x7dce },
  ]);
  expect(fieldDiff(seen('Ether()/ARP()'), seen('Ether()/ARP()'))).toEqual([]);
});

test('a tag that was removed, a tunnel that was added', () => {
  expect(fieldDiff(seen('Ether()/Dot1Q(vlan=5)/IP()/UDP()'), seen('Ether()/IP()/UDP()'))).toEqual([
    { kind: 'changed', layer: 'Ether', layerIndex: 0, field: 'type', before: 0x8100, after: 0x0800 },
    { kind: 'removed', layer: 'Dot1Q', layerIndex: 1 },
  ]);
  const added = fieldDiff(seen('Ether()/IP()/UDP()'), seen('Ether()/IP(src="10.0.0.1")/IP()/UDP()'));
  expect(added.filter(({ kind }) => kind === 'added')).toEqual([{ kind: 'added', layer: 'IP', layerIndex: 2 }]);
});

test('fields that exist only on one side', () => {
  const changes = fieldDiff(seen('Ether()/IP()/ICMP(type=8, id=7)'), seen('Ether()/IP()/ICMP(type=5, gw="10.0.0.9")'));
  expect(changes).toContainEqual({ kind: 'removed', layer: 'ICMP', layerIndex: 2, field: 'id', before: 7 });
  expect(changes).toContainEqual({ kind: 'added', layer: 'ICMP', layerIndex: 2, field: 'gw', after: '10.0.0.9' });
});
