import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import { parseHex, toCArray, toHexDump } from '../../extension/core/packet/hex.ts';
import { readPasted } from '../../extension/core/packet/pasted.ts';
import { readPcap } from '../../extension/core/packet/pcap.ts';
import { writePcapng } from '../../extension/core/packet/pcapWrite.ts';
import { parseScapy } from '../../extension/core/packet/scapy.ts';
import { summarize } from '../../extension/core/packet/summary.ts';
import { generatePacket, Random } from '../support/packetGenerate.ts';
import { hexOf } from '../support/packetHex.ts';

const folder = mkdtempSync(join(tmpdir(), 'xdp-paste-'));
const capture = join(folder, 'two.pcapng');
const random = new Random(5);
const packets = Array.from({ length: 12 }, () => buildPacket(generatePacket(random)).bytes);
beforeAll(() => writeFileSync(capture, writePcapng(packets.map((data) => ({ data, timestampNs: 1_700_000_000n })))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (text: string): string[] => readPasted(text).packets.map((layers) => hexOf(buildPacket(layers).bytes));
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

test('several packets as tshark prints them', () => {
  const wanted = packets.map(hexOf);
  expect(bytesOf(run('tshark', '-x', '-r', capture))).toEqual(wanted);
});

test('our own dumps, C arrays, and what base64 prints', () => {
  for (const bytes of packets) {
    expect(hexOf(parseHex(toHexDump(bytes)))).toBe(hexOf(bytes));
    expect(bytesOf(toCArray(bytes))).toEqual([hexOf(bytes)]);
    const base64 = spawnSync('base64', [], { input: bytes, encoding: 'utf8' }).stdout;
    expect({ base64, bytes: bytesOf(base64) }).toEqual({ base64, bytes: [hexOf(bytes)] });
  }
  expect(bytesOf(packets.map((bytes, i) => toCArray(bytes, `packet${i}`)).join('\n\n'))).toEqual(packets.map(hexOf));
});

test('a C compiler reads the C array', () => {
  const [bytes = new Uint8Array()] = packets;
  const source = join(folder, 'array.c');
  writeFileSync(source, `${toCArray(bytes)}\n_Static_assert(sizeof(packet) == ${bytes.length}, "length");\n`);
  expect(spawnSync('clang', ['-fsyntax-only', source], { encoding: 'utf8' }).status).toBe(0);
});

const forms: [name: string, text: string, form: string, hex: string[]][] = [
  [
    'Wireshark: copy as a C array, with comments',
    '/* Frame (14 bytes) */\nstatic const unsigned char pkt1[14] = {\n0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, /* ........ */\n0x00, 0x00, 0x00, 0x00, 0x90, 0x00  // end\n};',
    'hex',
    ['ffffffffffff0000000000009000'],
  ],
  [
    'tcpdump -n -xx, two packets',
    '08:12:01.000000 IP 10.0.0.1.53 > 10.0.0.2.53: [|domain]\n\t0x0000:  ffff ffff ffff 0000 0000 0000 9000 4500\n\t0x0010:  0014\n08:12:02.000000 ARP\n\t0x0000:  0102\n',
    'hex',
    ['ffffffffffff00000000000090004500' + '0014', '0102'],
  ],
  ['one expression over lines', 'Ether()/\nRaw(b"a")\n/Raw(b"b")', 'scapy', ['ffffffffffff00000000000090006162']],
  ['one expression a line', 'Raw(b"a")\n\nRaw(b"b/(")\n', 'scapy', ['61', '622f28']],
];

test.each(forms)('%s', (_name, text, form, hex) => {
  expect(readPasted(text).form).toBe(form);
  expect(bytesOf(text)).toEqual(hex);
});

const mistakes: [text: string, position: number, says: RegExp][] = [
  ['', 0, /nothing/],
  ['Raw(b"a")\nRaw(c=1)', 14, /no field "c"/],
  ['unsigned char p[] = { 0x45, 0xzz };', 30, /"z" is not/],
  ['0000  45 00\n0010  45', 11, /2 bytes came before|16 bytes/],
  ['0000  45 00\nnonsense', 12, /not part of a hex dump/],
];

test.each(mistakes)('%j is wrong at %i', (text, position, says) => {
  try {
    readPasted(text);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    expect(error.message).toMatch(says);
    expect(error.details['position']).toBe(position);
  }
});

test('the verdict of XDP is in the capture, as Wireshark shows it', () => {
  const verdicts = [0, 1, 2, 3, 4, 7];
  const file = join(folder, 'verdicts.pcapng');
  const comment = new TextEncoder().encode('blocked');
  writeFileSync(
    file,
    writePcapng(
      verdicts.map((xdpAction) => ({ data: packets[0] ?? new Uint8Array(14), xdpAction, queue: 3, comment })),
    ),
  );
  const fields = ['frame.verdict.ebpf_xdp', 'frame.interface_queue', 'frame.comment'];
  const printed = run('tshark', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]));
  expect(printed.trim().split('\n')).toEqual(verdicts.map((verdict) => `${verdict}\t3\tblocked`));
  expect(readPcap(writePcapng([{ data: new Uint8Array(15), xdpAction: 1 }]))[0]?.xdpAction).toBe(1);
  expect(readPcap(writePcapng([{ data: new Uint8Array(15) }]))[0]?.xdpAction).toBeUndefined();
});

const summaries: [packet: string, source: string, protocol: string, info: string][] = [
  ['Ether()/IP(src="10.0.0.1")/TCP(dport=80,flags="SA")', '10.0.0.1', 'TCP', '20 → 80 [SA]'],
  [
    'Ether()/Dot1Q(vlan=5)/ARP(psrc="10.0.0.1",pdst="10.0.0.2")',
    '00:00:00:00:00:00',
    'ARP',
    'VLAN 5 · who has 10.0.0.2? tell 10.0.0.1',
  ],
  ['Ether()/IP()/UDP(chksum=1)/DNS(qd=DNSQR(qname="a.b"))', '127.0.0.1', 'DNS', '53 → 53 · question a.b · 1 wrong'],
  ['Ether()/Raw(b"x")', '00:00:00:00:00:00', 'Ethernet', ''],
];

test.each(summaries)('%s in one line', (packet, source, protocol, info) => {
  expect(summarize(dissect(buildPacket(parseScapy(packet)).bytes))).toMatchObject({ source, protocol, info });
});
