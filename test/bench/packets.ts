import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { buildPacket } from '../../extension/core/packet/build.ts';
import { dissect } from '../../extension/core/packet/dissect.ts';
import type { Layer } from '../../extension/core/packet/model.ts';
import { parseScapy } from '../../extension/core/packet/scapy.ts';
import { median, type Row, sample } from './measure.ts';

/** What XDP programs are tested with most; and what stands in front of it in networks. */
const typical = [
  'Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")/IP(src="192.0.2.1", dst="192.0.2.2")/TCP(sport=49152, dport=443, flags="S")',
  'Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=49152, dport=9000)/Raw(b"0123456789abcdef")',
  'Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")/IPv6(src="2001:db8::1", dst="2001:db8::2")/TCP(sport=49152, dport=443, flags="A")',
  'Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")/Dot1Q(vlan=100)/IP(src="192.0.2.1", dst="192.0.2.2")/UDP(sport=49152, dport=9000)',
];

/** One core, packets per second: the builder and its counterpart. */
export async function packetRows(): Promise<Row[]> {
  const layers = typical.map((text) => parseScapy(text));
  const bytes = layers.map((packet) => buildPacket(packet).bytes);
  return [
    await rateRow('build packets (TCP, UDP, IPv6, VLAN)', 200_000, layers, (packet: readonly Layer[]) =>
      buildPacket(packet),
    ),
    await rateRow('dissect packets (the same)', 300_000, bytes, (packet: Uint8Array) => dissect(packet)),
    ...keystrokeRows(),
  ];
}

async function rateRow<T>(
  name: string,
  aim: number,
  packets: readonly T[],
  work: (packet: T) => unknown,
): Promise<Row> {
  const rounds = 20_000;
  const times = await sample(
    15,
    () => {
      for (let round = 0; round < rounds; round++) for (const packet of packets) work(packet);
    },
    3,
  );
  const ours = (rounds * packets.length) / (median(times) / 1000);
  return {
    name,
    ours: ours / 1000,
    peer: undefined,
    unit: '1000/s',
    ratio: undefined,
    aim: `≥ ${aim / 1000}`,
    met: ours >= aim,
  };
}

function keystrokeRows(): Row[] {
  const harness = path.join(process.cwd(), 'test/ui/webviewHarness.mjs');
  const text = execFileSync(process.execPath, [harness, 'keys'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const results = JSON.parse(text) as { name: string; medianMs: number; p95Ms: number }[];
  return results.map(({ name, medianMs, p95Ms }) => ({
    name: `${name}: keystroke in a field to the bytes (p95; median ${medianMs.toFixed(1)} ms)`,
    ours: p95Ms,
    peer: undefined,
    unit: 'ms',
    ratio: undefined,
    aim: '≤ 16 ms',
    met: p95Ms <= 16,
  }));
}
