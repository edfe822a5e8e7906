import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPcap } from '../../extension/core/packet/pcap.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { hexOf } from '../support/packetHex.ts';

/** `xdp packet`: no kernel is asked. */
let cli: CliBundle;
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-cli-packet-'));
beforeAll(async () => {
  cli = await bundleCli('packet-cli');
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

const packet = 'Ether()/IP(src="10.0.0.1")/UDP(dport=9)/Raw(b"0123456789")';

test('a packet, as its bytes and layers', () => {
  const { status, json } = cli.run(['packet', packet]);
  expect(status).toBe(0);
  expect(Object.keys(json)).toEqual(['bytes', 'layers', 'warnings']);
});

test('a sweep makes many and writes them into a capture', () => {
  const file = path.join(folder, 'swept.pcapng');
  const { status, json } = cli.run(['packet', packet, '--sweep', 'IP.ttl=1..5', '-o', file]);
  expect(status).toBe(0);
  const packets = json['packets'] as { bytes: string; expression: string }[];
  expect(packets.map(({ expression }) => /ttl=(\d+)/.exec(expression)?.[1])).toEqual(['1', '2', '3', '4', '5']);
  expect(json['file']).toBe(file);
  expect(readPcap(readFileSync(file)).map(({ data }) => hexOf(data))).toEqual(packets.map(({ bytes }) => bytes));
});

test('a mutation is done to each', () => {
  const { json } = cli.run(['packet', packet, '--sweep', 'IP.ttl=1..3', '--mutate', 'fragment']);
  expect(json['packets']).toHaveLength(6);
});

const refused: [args: string[], says: RegExp][] = [
  [['--sweep', 'IP.ttl=1..300'], /does not fit/],
  [['--sweep', 'TCP.dport=1..2'], /no layer TCP/],
  [['--mutate', 'nonsense'], /no mutation "nonsense"/],
  [['--mutate', 'truncate:x'], /--mutate cannot be/],
  [['--as', 'xml'], /--as cannot be xml/],
];

test.each(refused)('%s exits 2', (args, says) => {
  const { status, stderr } = cli.run(['packet', packet, ...args]);
  expect(status).toBe(2);
  expect(stderr).toMatch(says);
});
