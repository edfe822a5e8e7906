/**
 * The lab's traffic source: a process of its own inside the lab's namespace, whose only privilege is CAP_NET_RAW, to send
 * frames of any protocol. It sends a mix of packets at a rate, from one interface, to the one address pair it is given.
 */
import { existsSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import { parsePacketText } from '../core/packet/parsePacket.ts';
import { type TrafficKind, TrafficPlan, type TrafficReady } from '../protocol/labTraffic.ts';
import { packetSocket } from './ffi/packetSocket.ts';
import { errnoText } from './libbpf/errno.ts';

const tickMs = 20;
const udpPorts = [53, 9, 443, 4789, 5353, 8080];
const tcpPorts = [22, 80, 443, 8080];
const payloadBytes = [18, 64, 128, 512, 1200];
/** Different packets of one kind: every port with every length. */
const variants = 30;

function main(plan: TrafficPlan): void {
  const socket = packetSocket(Number(readFileSync(`/sys/class/net/${plan.interface}/ifindex`, 'utf8')));
  if (typeof socket === 'number') throw new Error(`A packet socket cannot be had: ${errnoText(socket)}`);
  const round = interleave(plan.mix);
  const frames = new Map(plan.mix.map(({ kind }) => [kind, framesOf(kind, plan)]));
  const started = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - started) / 1e9;
  let sent = 0;

  const sendDue = (): void => {
    const due = Math.floor(seconds() * plan.packetsPerSecond);
    // After a pause (a suspended laptop) what was missed is left out: never more than a second's worth at once.
    sent = Math.max(sent, due - plan.packetsPerSecond);
    for (; sent < due; sent++) {
      const kind = round[sent % round.length];
      const of = kind === undefined ? undefined : frames.get(kind);
      const frame = of?.[Math.floor(sent / round.length) % of.length];
      // What cannot be sent right now (the interface is down, the queue is full) is simply not sent.
      if (frame !== undefined) socket.send(frame);
    }
  };
  setInterval(sendDue, tickMs);
  const end = (): void => {
    socket.close();
    process.exit(0);
  };
  setInterval(() => {
    const gone = !existsSync(`/sys/class/net/${plan.interface}`);
    if (gone || seconds() > plan.maxSeconds || (plan.owner && !isAlive(plan.owner))) end();
  }, 500);
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  const ready: TrafficReady = { pid: process.pid };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

/** Kinds of one round, each spread over it: `udp udp tcp` rather than bursts. */
function interleave(mix: TrafficPlan['mix']): TrafficKind[] {
  const total = mix.reduce((sum, { weight }) => sum + weight, 0);
  const credit = mix.map(() => 0);
  return Array.from({ length: total }, () => {
    for (const [index, { weight }] of mix.entries()) credit[index] = (credit[index] ?? 0) + weight;
    const best = credit.indexOf(Math.max(...credit));
    credit[best] = (credit[best] ?? 0) - total;
    return mix[best]?.kind ?? 'udp';
  });
}

function framesOf(kind: TrafficKind, plan: TrafficPlan): Uint8Array[] {
  return Array.from({ length: variants }, (_, index) => parsePacketText(textOf(kind, plan, index)).bytes);
}

/** In Scapy's form, which `xdp packet` and `xdp run` take too. */
function textOf(kind: TrafficKind, { mac, ipv4, ipv6 }: TrafficPlan, index: number): string {
  const ether = `Ether(src="${mac.from}", dst="${mac.to}")`;
  const ip = `IP(src="${ipv4.from}", dst="${ipv4.to}", id=${index + 1})`;
  const ip6 = `IPv6(src="${ipv6.from}", dst="${ipv6.to}")`;
  const pick = (list: readonly number[], at: number): number => list[at % list.length] ?? 0;
  const payload = `Raw(b"${'x'.repeat(pick(payloadBytes, Math.floor(index / udpPorts.length)))}")`;
  const udp = `UDP(sport=${40000 + index}, dport=${pick(udpPorts, index)})/${payload}`;
  const tcp = `TCP(sport=${40000 + index}, dport=${pick(tcpPorts, index)}, seq=${index * 1000}, flags="S")`;
  const sctp = `SCTP(sport=${40000 + index}, dport=9899, tag=0)/SCTPChunkInit(init_tag=${index + 1}, a_rwnd=65535, n_out_streams=1, n_in_streams=1, init_tsn=1)`;
  switch (kind) {
    case 'udp':
      return `${ether}/${ip}/${udp}`;
    case 'udp6':
      return `${ether}/${ip6}/${udp}`;
    case 'tcp':
      return `${ether}/${ip}/${tcp}`;
    case 'tcp6':
      return `${ether}/${ip6}/${tcp}`;
    case 'icmp':
      return `${ether}/${ip}/ICMP(type=8, id=77, seq=${index})/${payload}`;
    case 'icmp6':
      return `${ether}/${ip6}/ICMPv6EchoRequest(id=77, seq=${index})/${payload}`;
    case 'sctp':
      return `${ether}/${ip}/${sctp}`;
    case 'sctp6':
      return `${ether}/${ip6}/${sctp}`;
    case 'arp':
      return `Ether(src="${mac.from}", dst="ff:ff:ff:ff:ff:ff")/ARP(op=1, hwsrc="${mac.from}", psrc="${ipv4.from}", pdst="${ipv4.to}")`;
    case 'vlan':
      return `${ether}/Dot1Q(vlan=${100 + (index % 4)})/${ip}/${udp}`;
  }
}

/** A process id alone is reused; field 22 of /proc/PID/stat, counted after the name, is its start time. */
function isAlive({ pid, startTime }: { pid: number; startTime: string }): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state !== 'Z' && fields[18] === startTime;
  } catch {
    return false;
  }
}

try {
  main(v.parse(TrafficPlan, JSON.parse(process.argv[2] ?? '{}')));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
