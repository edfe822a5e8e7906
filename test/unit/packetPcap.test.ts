import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { type CapturedPacket, readPcap } from '../../extension/core/packet/pcap.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { bytesOf, hexOf } from '../support/packetHex.ts';

const packets = [
  { data: bytesOf('ffffffffffff0000000000000800'), timestampNs: 1_700_000_000_123_456_789n },
  { data: bytesOf('ffffffffffff000000000000080045'), timestampNs: 1_700_000_001_000_000_000n },
  { data: new Uint8Array(1500).fill(7), timestampNs: 1_700_000_002_000_001_000n, originalLength: 9000 },
];
const shown = (list: readonly CapturedPacket[]): string[] =>
  list.map(({ data, timestampNs, originalLength }) => `${timestampNs} ${originalLength} ${hexOf(data)}`);

test('what is written is read again', () => {
  expect(shown(readPcap(writePcapng(packets)))).toEqual(
    packets.map(
      ({ data, timestampNs, originalLength }) => `${timestampNs} ${originalLength ?? data.length} ${hexOf(data)}`,
    ),
  );
  expect(readPcap(writePcapng([]))).toEqual([]);
});

test('comments of packets are shown by tshark', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-pcap-'));
  try {
    const file = join(folder, 'c.pcapng');
    writeFileSync(
      file,
      writePcapng([{ data: bytesOf('ffffffffffff0000000000000800'), comment: new TextEncoder().encode('XDP_DROP') }]),
    );
    const printed = execFileSync('tshark', ['-r', file, '-T', 'fields', '-e', 'frame.comment'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(printed.trim()).toBe('XDP_DROP');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** `editcap -F` names, and the resolution that is left of the time. */
const formats: [format: string, resolutionNs: bigint][] = [
  ['pcap', 1000n],
  ['nsecpcap', 1n],
  ['pcapng', 1n],
  ['modpcap', 1000n],
];

test.each(formats.filter(([format]) => format !== 'modpcap'))('%s, written by editcap', (format, resolution) => {
  const folder = mkdtempSync(join(tmpdir(), 'xdp-pcap-'));
  try {
    const input = join(folder, 'in.pcapng');
    const output = join(folder, 'out');
    writeFileSync(input, writePcapng(packets));
    const run = spawnSync('editcap', ['-F', format, input, output], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const read = readPcap(new Uint8Array(readFileSync(output)));
    expect(shown(read)).toEqual(
      packets.map(
        ({ data, timestampNs, originalLength }) =>
          `${(timestampNs / resolution) * resolution} ${originalLength ?? data.length} ${hexOf(data)}`,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A classic file with one packet of 14 bytes. */
function classic({ little = true, nano = false, linkType = 1 } = {}): Uint8Array {
  const bytes = new Uint8Array(24 + 16 + 14);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nano ? 0xa1b23c4d : 0xa1b2c3d4, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, 65535, little);
  view.setUint32(20, linkType, little);
  view.setUint32(24, 5, little);
  view.setUint32(28, 7, little);
  view.setUint32(32, 14, little);
  view.setUint32(36, 14, little);
  return bytes;
}

test.each([
  [{ little: true, nano: false }, 5_000_007_000n],
  [{ little: false, nano: false }, 5_000_007_000n],
  [{ little: true, nano: true }, 5_000_000_007n],
  [{ little: false, nano: true }, 5_000_000_007n],
])('classic, %j', (options, timestampNs) => {
  expect(readPcap(classic(options))).toEqual([{ data: new Uint8Array(14), timestampNs, originalLength: 14 }]);
});

/** A block of pcapng in either byte order. */
function block(type: number, body: Uint8Array, little: boolean): Uint8Array {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, little);
  view.setUint32(4, out.length, little);
  out.set(body, 8);
  view.setUint32(out.length - 4, out.length, little);
  return out;
}

function words(little: boolean, ...values: number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4);
  for (const [i, value] of values.entries()) new DataView(out.buffer).setUint32(i * 4, value, little);
  return out;
}

const section = (little: boolean): Uint8Array =>
  block(0x0a0d0d0a, words(little, 0x1a2b3c4d, little ? 1 : 0x00010000, 0xffffffff, 0xffffffff), little);
const iface = (little: boolean, linkType = 1): Uint8Array =>
  block(1, words(little, little ? linkType : linkType << 16, 0), little);
const join2 = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

test('pcapng: both byte orders, simple packets, blocks that nobody knows, a second section', () => {
  for (const little of [true, false]) {
    const enhanced = block(6, join2(words(little, 0, 0, 3, 2, 2), bytesOf('abcd0000')), little);
    const simple = block(3, join2(words(little, 3), bytesOf('01020300')), little);
    const file = join2(
      section(little),
      iface(little),
      block(0x0bad, new Uint8Array(8), little),
      enhanced,
      section(!little),
      iface(!little),
      section(little),
      iface(little),
      simple,
    );
    expect(readPcap(file)).toEqual([
      { data: bytesOf('abcd'), timestampNs: 3000n, originalLength: 2 },
      { data: bytesOf('010203'), originalLength: 3 },
    ]);
  }
});

const refused: [name: string, file: Uint8Array, message: RegExp][] = [
  ['nothing', new Uint8Array(0), /too short/],
  ['text', new TextEncoder().encode('hello world'), /neither a pcap nor a pcapng/],
  ['a file header that is cut off', classic().slice(0, 20), /file header is cut off/],
  ['a packet header that is cut off', classic().slice(0, 30), /header of packet 1 is cut off/],
  ['a packet that is cut off', classic().slice(0, 50), /Packet 1 is cut off/],
  ['another link type', classic({ linkType: 101 }), /raw IP, not Ethernet/],
  ['an unknown link type', classic({ linkType: 9999 }), /9999, not Ethernet/],
  [
    'a cooked interface',
    join2(section(true), iface(true, 113), block(6, words(true, 0, 0, 0, 0, 0), true)),
    /Linux cooked/,
  ],
  [
    'a packet without an interface',
    join2(section(true), block(6, words(true, 0, 0, 0, 0, 0), true)),
    /interface 0, which/,
  ],
  ['a block of length 0', join2(section(true), words(true, 6, 0, 0)), /length 0, which cannot be/],
  ['a block longer than the file', join2(section(true), words(true, 6, 1 << 30, 0)), /which cannot be/],
  [
    'a packet longer than its block',
    join2(section(true), iface(true), block(6, words(true, 0, 0, 0, 0xffffffff, 0), true)),
    /Packet 1 is cut off/,
  ],
  [
    'a block that is too short',
    join2(section(true), iface(true), block(6, words(true, 0), true)),
    /too short for its type/,
  ],
];

test.each(refused)('%s is refused', (_name, file, message) => {
  expect(() => readPcap(file)).toThrow(message);
  expect(() => readPcap(file)).toThrow(XdpError);
});

test('damaged files are read or refused; no length in them is believed', () => {
  const files = [writePcapng(packets.slice(0, 2)), classic(), classic({ little: false })];
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.nat(250),
      (file, edits, length) => {
        const bytes = file.slice(0, length);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        try {
          let total = 0;
          for (const { data } of readPcap(bytes)) total += data.length;
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(XdpError);
        }
      },
    ),
    { numRuns: 4000, seed: 3 },
  );
});
