import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { parseHex, toHex } from '../../extension/core/packet/hex.ts';
import { parsePacketText } from '../../extension/core/packet/parsePacket.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { bytesOf, hexOf } from '../support/packetHex.ts';

const forms: [name: string, text: string, hex: string][] = [
  ['plain', '45000054', '45000054'],
  ['upper case and spaces', '45 00 00 5F', '4500005f'],
  ['groups of two bytes', '4500 0054 0001', '450000540001'],
  ['lines', '45 00\n00 54\r\n', '45000054'],
  ['colons', '45:00:00:54', '45000054'],
  ['one 0x', '0x45000054', '45000054'],
  ['C array', '{ 0x45, 0x00, 0x5, 0x54 }', '45000554'],
  ['C string', '"\\x45\\x00\\x00\\x54"', '45000054'],
  [
    'xxd',
    '00000000: 4500 0054 0001 0000 4001 7ca7 7f00 0001  E..T....@.|.....\n00000010: 7f00 0001                                ....',
    '45000054000100004001 7ca77f0000017f000001',
  ],
  [
    'tcpdump -xx',
    '\t0x0000:  ffff ffff ffff 0000 0000 0000 0800 4500\n\t0x0010:  0014 0001',
    'ffffffffffff000000000000080045000014 0001',
  ],
  [
    'tcpdump -XX with text of digits',
    '\t0x0000:  6162 6364 6566 6768 3132 3334 3536 3738  abcdefgh12345678\n\t0x0010:  3930                                     90',
    '616263646566676831323334353637383930',
  ],
  [
    'Wireshark',
    '0000   ff ff ff ff ff ff 00 00 00 00 00 00 08 00 45 00\n0010   00 14 00 01',
    'ffffffffffff0000000000000800450000140001',
  ],
  [
    'Wireshark with text',
    '0000  61 62 63 64 65 66 67 68  61 62 63 64 65 66 67 68   abcdefgh abcdefgh\n0010  61                                                a',
    '6162636465666768616263646566676861',
  ],
  [
    'hexdump -C',
    '00000000  61 62 63 64 65 66 67 68  61 62 63 64 65 66 67 68  |abcdefghabcdefgh|\n00000010  31 32                                             |12|\n00000012',
    '616263646566676861626364656667683132',
  ],
  ['zeros in groups are no offsets', '0000 0000 0001\n0000 5000', '00000000000100005000'],
  ['… nor with colons', '0000:0001', '00000001'],
  ['… nor alone', '00000000', '00000000'],
  ['a 32-byte dump line', `00000000: ${'6162 '.repeat(16)} ${'ab'.repeat(16)}`, '6162'.repeat(16)],
  ['empty', '', ''],
];

test.each(forms)('%s', (_name, text, hex) => {
  expect(hexOf(parseHex(text))).toBe(hex.replaceAll(' ', ''));
});

const mistakes: [text: string, position: number, message: RegExp][] = [
  ['45 0g', 4, /"g" is not/],
  ['450', 2, /last digit is alone/],
  ['4 500', 1, /digit is missing/],
  ['45 00 ?', 6, /not a hexadecimal digit/],
  ['0000  45 00 zz', 12, /"z" is not/],
  ['0000  45 00 5', 12, /"5" is not/],
  ['00000000: 4500 0054\n00000010: 7f00', 19, /16 bytes are expected on this line; 4 are there/],
];

test.each(mistakes)('%j fails at %i', (text, position, message) => {
  let thrown: unknown;
  try {
    parseHex(text);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof XdpError)) throw new Error(`no XdpError but ${String(thrown)}`);
  expect(thrown).toMatchObject({
    code: 'packet-invalid',
    message: expect.stringMatching(message),
    details: { position },
  });
});

test('what tshark -x prints is read again, whatever stands in the text column', () => {
  const packets = [...Array(24).keys()].map((i) => {
    const text = 'ab cd ef 0123 45 67 89 deadbeef 0x41 '.repeat(4);
    return new Uint8Array(Buffer.from(text.slice(i, i + 14 + i * 3)));
  });
  const folder = mkdtempSync(join(tmpdir(), 'xdp-hex-'));
  try {
    const file = join(folder, 'text.pcapng');
    writeFileSync(file, writePcapng(packets.map((data) => ({ data }))));
    const printed = execFileSync('tshark', ['-n', '-r', file, '-x'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const dumps = printed.split(/\n\n+/).filter((dump) => dump.trim() !== '');
    expect(dumps.map((dump) => hexOf(parseHex(dump)))).toEqual(packets.map(hexOf));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('toHex and parseHex are inverse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(toHex(bytes)).toBe(hexOf(bytes));
      expect(hexOf(parseHex(toHex(bytes)))).toBe(hexOf(bytes));
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('any text is read or refused, and never hangs', () => {
  const alphabet = fc.constantFrom(...'0123456789abcdefxX:|{}, \n\t"\\()IPE=/'.split(''));
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 80 }), (text) => {
      try {
        parsePacketText(text);
      } catch (error) {
        expect(error).toBeInstanceOf(XdpError);
        const position = error instanceof XdpError ? error.details['position'] : undefined;
        expect(position).toBeGreaterThanOrEqual(0);
        expect(position).toBeLessThanOrEqual(text.length);
      }
    }),
    { numRuns: 4000, seed: 5 },
  );
});

test('one line of text: hexadecimal or an expression', () => {
  expect(hexOf(parsePacketText('ff ff').bytes)).toBe('ffff');
  expect(parsePacketText(' Ether()/IP()').layers.map(({ name }) => name)).toEqual(['Ether', 'IP']);
  expect(parsePacketText(hexOf(parsePacketText('Ether()/IP()/UDP()').bytes)).layers.map(({ name }) => name)).toEqual([
    'Ether',
    'IP',
    'UDP',
  ]);
  // Begins with hexadecimal digits, and is none.
  expect(parsePacketText('b"ab"').layers.map(({ name }) => name)).toEqual(['Raw']);
  expect(() => parsePacketText('  ')).toThrow(/empty/);
  expect(bytesOf('00')).toHaveLength(1);
});
