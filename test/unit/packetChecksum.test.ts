import { expect, test } from 'vitest';
import {
  crc32c,
  finishSum,
  internetChecksum,
  sctpChecksum,
  sumPseudoHeader,
  sumWords,
  transportChecksum,
} from '../../extension/core/packet/checksum.ts';
import { bytesOf } from '../support/packetHex.ts';

test('RFC 1071 §3: the example', () => {
  const bytes = bytesOf('0001 f203 f4f5 f6f7');
  expect(sumWords(bytes, 0, 8)).toBe(0x2ddf0);
  expect(internetChecksum(bytes)).toBe(0xffff - 0xddf2);
});

test('RFC 1071 §1: order and grouping do not matter; an odd byte counts as the high half', () => {
  const bytes = bytesOf('e34f2396442799f3');
  const parts = sumWords(bytes, 4, 8, sumWords(bytes, 0, 4));
  expect(finishSum(parts)).toBe(internetChecksum(bytes));
  expect(internetChecksum(bytesOf('0102 03'))).toBe(internetChecksum(bytesOf('0102 0300')));
  expect(internetChecksum(new Uint8Array(0))).toBe(0xffff);
});

test('an IPv4 header with its checksum in place sums up to zero', () => {
  // By Scapy: 10.0.0.1 to 10.0.0.2, ICMP.
  expect(internetChecksum(bytesOf('4500001c00010000400166de0a0000010a000002'))).toBe(0);
});

test('pseudo headers: the forms of IPv4 and IPv6', () => {
  const v4 = { src: bytesOf('0a000001'), dst: bytesOf('0a000002'), protocol: 17, length: 8 };
  expect(sumPseudoHeader(v4)).toBe(0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 8);
  // UDP 53 > 53 without payload, by Scapy: 0xeb71, and between ::1 and ::2 0xff71.
  expect(transportChecksum(bytesOf('0035003500080000'), 0, 8, v4)).toBe(0xeb71);
  const v6 = {
    src: bytesOf('00000000000000000000000000000001'),
    dst: bytesOf('00000000000000000000000000000002'),
    protocol: 17,
    length: 8,
  };
  expect(transportChecksum(bytesOf('0035003500080000'), 0, 8, v6)).toBe(0xff71);
});

test('CRC32c: the vectors of RFC 3720 appendix B.4', () => {
  const check = (bytes: Uint8Array, crc: number): void => expect(crc32c(bytes)).toBe(crc);
  check(new Uint8Array(32), 0x8a9136aa);
  check(new Uint8Array(32).fill(0xff), 0x62a8ab43);
  check(
    Uint8Array.from({ length: 32 }, (_, i) => i),
    0x46dd794e,
  );
  check(
    Uint8Array.from({ length: 32 }, (_, i) => 31 - i),
    0x113fdb5c,
  );
  check(new TextEncoder().encode('123456789'), 0xe3069283);
});

test('SCTP: the checksum field counts as zero, and its bytes go out least significant first', () => {
  const empty = bytesOf('000100020000000000000000');
  const crc = crc32c(empty);
  const swapped = Number.parseInt(crc.toString(16).padStart(8, '0').match(/../g)?.reverse().join('') ?? '', 16);
  const filled = bytesOf('0001000200000000ffffffff');
  expect(sctpChecksum(empty, 0, 12, 8)).toBe(swapped);
  expect(sctpChecksum(filled, 0, 12, 8)).toBe(swapped);
});
