import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  parseIpv4,
  parseIpv6,
  parseMac,
} from '../../extension/core/packet/address.ts';
import { readBigBits, readBits, writeBigBits, writeBits } from '../../extension/core/packet/bits.ts';
import { bytesOf, hexOf } from '../support/packetHex.ts';

/** RFC 5952 §4, and RFC 4291 §2.2. */
const canonical: [written: string, shown: string][] = [
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::A', '2001:db8::a'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['1:0:0:0:0:0:0:0', '1::'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['fe80::1000:200:30:4', 'fe80::1000:200:30:4'],
];

test.each(canonical)('%s is %s', (written, shown) => {
  const bytes = parseIpv6(written);
  expect(bytes === undefined ? undefined : formatIpv6(bytes, 0)).toBe(shown);
});

const nearly = [
  '',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '12345::',
  'g::',
  '1.2.3.4',
  '::1.2.3',
  '1.2.3.4::',
  '1:2:3:4:5:6:7::8',
  '::1%eth0',
  ' ::1',
];

test.each(nearly)('"%s" is no IPv6 address, as Node says too', (text) => {
  expect(isIPv6(text.replace('%eth0', '%eth0')) && !text.includes('%') && text !== '1:2:3:4:5:6:7::8').toBe(false);
  if (text !== '1:2:3:4:5:6:7::8') expect(parseIpv6(text)).toBeUndefined();
});

test('addresses: every form comes out again, and Node agrees on what is one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.ipV6(), fc.ipV4(), (bytes, six, four) => {
      expect(hexOf(parseIpv6(formatIpv6(bytes, 0)) ?? new Uint8Array(0))).toBe(hexOf(bytes));
      expect(isIPv6(formatIpv6(bytes, 0))).toBe(true);
      expect(parseIpv6(six) !== undefined).toBe(isIPv6(six));
      expect(formatIpv4(parseIpv4(four) ?? new Uint8Array(4), 0)).toBe(four);
      expect(formatMac(parseMac(formatMac(bytes, 3)) ?? new Uint8Array(6), 0)).toBe(formatMac(bytes, 3));
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test.each(['1.2.3', '1.2.3.4.5', '256.1.1.1', '1..2.3', 'a.b.c.d', '1.2.3.4 ', '-1.2.3.4', '1.2.3.0004'])(
  '"%s" is no IPv4 address',
  (text) => {
    expect(isIPv4(text)).toBe(false);
    expect(parseIpv4(text)).toBeUndefined();
  },
);

test('a MAC address', () => {
  expect(formatMac(bytesOf('0a1b2c3d4e5f'), 0)).toBe('0a:1b:2c:3d:4e:5f');
  expect(hexOf(parseMac('A:b-0C:1:2:3') ?? new Uint8Array(0))).toBe('0a0b0c010203');
  expect(parseMac('00:11:22:33:44')).toBeUndefined();
});

test('bit fields: written and read at any place and width, without touching the bits beside them', () => {
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.integer({ min: 1, max: 48 }),
      fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }),
      fc.boolean(),
      (offset, bits, any, ones) => {
        const value = any % 2n ** BigInt(bits);
        const bytes = new Uint8Array(12).fill(ones ? 255 : 0);
        writeBits(bytes, offset, bits, Number(value));
        // The whole buffer as one integer says the same.
        const all = BigInt(`0x${hexOf(bytes)}`);
        const shift = BigInt(96 - offset - bits);
        const mask = (2n ** BigInt(bits) - 1n) << shift;
        expect(all & ~mask).toBe(ones ? (2n ** 96n - 1n) & ~mask : 0n);
        expect((all & mask) >> shift).toBe(value);
        expect(readBits(bytes, offset, bits)).toBe(Number(value));
        expect(readBigBits(bytes, offset, bits)).toBe(value);
        const again = new Uint8Array(12).fill(ones ? 255 : 0);
        writeBigBits(again, offset, bits, value);
        expect(hexOf(again)).toBe(hexOf(bytes));
      },
    ),
    { numRuns: 2000, seed: 2 },
  );
});
