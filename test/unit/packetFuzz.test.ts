import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { parseHexPackets, toCArray, toHexDump } from '../../extension/core/packet/hex.ts';
import { readPasted } from '../../extension/core/packet/pasted.ts';
import { readPcap } from '../../extension/core/packet/pcap.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { formatScapy, parseScapy } from '../../extension/core/packet/scapy.ts';
import { summarize } from '../../extension/core/packet/summary.ts';
import { parseSweep } from '../../extension/core/packet/sweep.ts';
import { outlineTests } from '../../extension/core/packetTest/outline.ts';
import { parseTestFile } from '../../extension/core/packetTest/parseTestFile.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { count, seed } from '../support/soak.ts';

/** What people paste and open: every reader ends with an answer, or with words and the place that they are about. */

const random = new Random(seed);
const layers = Array.from({ length: 40 }, () => generatePacket(random, { wrong: true }));
const packets = layers.map((packet) => buildPacket(packet).bytes);
const expressions = layers.map((packet) => formatScapy(packet));
const dumps = packets.flatMap((bytes) => [toHexDump(bytes), toCArray(bytes), Buffer.from(bytes).toString('base64')]);
const testFile = readFileSync(path.resolve('bpf/examples/firewall/xdp_firewall.xdptest.json'), 'utf8');
const captures = [
  writePcapng(packets.slice(0, 5).map((data, i) => ({ data, timestampNs: 5n, xdpAction: i, queue: 1 }))),
  classic(packets.slice(0, 4)),
];

function classic(list: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(24 + list.reduce((sum, { length }) => sum + 16 + length, 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint32(20, 1, true);
  let at = 24;
  for (const data of list) {
    view.setUint32(at + 8, data.length, true);
    view.setUint32(at + 12, data.length, true);
    out.set(data, at + 16);
    at += 16 + data.length;
  }
  return out;
}

const numbers = [0, 1, 3, 4, 12, 27, 28, 255, 0xffff, 0x7fffffff, 0xfffffffc, 0xffffffff];

function damagedBytes(original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const view = new DataView(bytes.buffer);
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(bytes.length);
    if (random.chance(0.5) || at + 4 > bytes.length) bytes[at] = random.below(256);
    else view.setUint32(at & ~3, random.pick(numbers), random.chance(0.5));
  }
  return random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

const tokens =
  '( ) [ ] , / = " \' b" \\x \\ 0x -1 * {} None IP() Raw( bytes.fromhex( 9999999999999999999999 é \n \u0000 :'.split(
    ' ',
  );

function damagedText(original: string): string {
  let text = original;
  for (let change = 1 + random.below(3); change > 0; change--) {
    const at = random.below(text.length + 1);
    const cut = random.chance(0.5) ? random.below(6) : 0;
    text = text.slice(0, at) + (random.chance(0.7) ? random.pick(tokens) : '') + text.slice(at + cut);
  }
  return random.chance(0.1) ? text.slice(0, random.below(text.length + 1)) : text;
}

/** `place`: the detail that says where, and how large it may be. */
function tried(read: () => unknown, place: { name: string; limit: number }): 'read' | 'refused' {
  try {
    read();
    return 'read';
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    const at = error.details[place.name];
    expect(typeof at === 'number' && at >= 0 && at <= place.limit, `${error.message}: ${String(at)}`).toBe(true);
    return 'refused';
  }
}

interface Reader {
  input: () => string | Uint8Array;
  read: (input: never) => unknown;
  /** Name of the detail that holds the place. */
  place: string;
}

const readers: Record<string, Reader> = {
  captures: {
    input: () => damagedBytes(random.pick(captures)),
    read: (bytes: Uint8Array) => readPcap(bytes),
    place: 'offset',
  },
  'packets, dissected and in one line': {
    input: () => damagedBytes(random.pick(packets)),
    read: (bytes: Uint8Array) => summarize(dissect(bytes)),
    place: 'position',
  },
  'hex dumps': {
    input: () => damagedText(random.pick(dumps)),
    read: (text: string) => parseHexPackets(text),
    place: 'position',
  },
  'pasted text': {
    input: () => damagedText(random.pick([...dumps, ...expressions])),
    read: (text: string) => readPasted(text),
    place: 'position',
  },
  'Scapy expressions': {
    input: () => damagedText(random.pick(expressions)),
    read: (text: string) => parseScapy(text),
    place: 'position',
  },
  'test files': {
    input: () => damagedText(testFile),
    read: (text: string) => {
      outlineTests(text);
      for (const { offset } of parseTestFile(text).problems) expect(offset).toBeLessThanOrEqual(text.length);
    },
    place: 'position',
  },
};

test.each(Object.entries(readers))(
  'damaged %s',
  (_name, { input, read, place }) => {
    const outcomes = { read: 0, refused: 0 };
    for (let n = count(1500, 200_000); n > 0; n--) {
      const one = input();
      outcomes[tried(() => read(one as never), { name: place, limit: one.length })]++;
    }
    // Both happen, or the damage was none or all.
    expect(outcomes.read).toBeGreaterThan(0);
  },
  1_800_000,
);

test('damaged sweeps', () => {
  const given = parseScapy('Ether()/IP()/TCP()');
  for (let n = count(500, 20_000); n > 0; n--) {
    const text = damagedText('IP.src=10.0.0.0..10.0.0.9/2');
    tried(() => parseSweep(text, given), { name: 'position', limit: text.length });
  }
});
