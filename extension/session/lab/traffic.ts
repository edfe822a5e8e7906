/**
 * The lab's traffic source: a process of its own inside the lab's namespace, without any privilege. It sends a mix of
 * UDP, TCP connection attempts and pings, over IPv4 and IPv6, to the one address pair it is given.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { isAlive } from './processIdentity.ts';
import type { TrafficPlan, TrafficReady } from './trafficPlan.ts';

const tickMs = 50;
const udpPorts = [53, 9, 443, 4789, 5353, 8080];
const tcpPorts = [22, 80, 443, 8080];
const payloadBytes = [18, 64, 128, 512, 1200];

/** Which kind each packet of a round is: mostly UDP, some connection attempts. */
const mix = ['udp4', 'udp6', 'udp4', 'tcp4', 'udp4', 'udp6', 'udp4', 'udp4', 'tcp6', 'udp4'] as const;

function main(plan: TrafficPlan): void {
  const udp4 = openSocket('udp4');
  const udp6 = openSocket('udp6');
  const started = process.hrtime.bigint();
  let sent = 0;

  const sendOne = (): void => {
    const kind = mix[sent % mix.length] ?? 'udp4';
    const port = sent % udpPorts.length;
    switch (kind) {
      case 'udp4':
        sendDatagram(udp4, sent, udpPorts[port] ?? 53, plan.ipv4);
        break;
      case 'udp6':
        sendDatagram(udp6, sent, udpPorts[port] ?? 53, plan.ipv6);
        break;
      case 'tcp4':
        knock(plan.ipv4, sent);
        break;
      case 'tcp6':
        knock(plan.ipv6, sent);
        break;
    }
    sent += 1;
  };

  const sending = setInterval(() => {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const due = Math.floor(seconds * plan.packetsPerSecond);
    // After a pause (a suspended laptop) what was missed is left out: never more than a second's worth at once.
    sent = Math.max(sent, due - plan.packetsPerSecond);
    while (sent < due) sendOne();
  }, tickMs);

  const pings = [keepPinging('-4', plan.ipv4), keepPinging('-6', plan.ipv6)];
  const end = (): void => {
    clearInterval(sending);
    for (const stop of pings) stop();
    process.exit(0);
  };
  setInterval(() => {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const gone = !existsSync(`/sys/class/net/${plan.interface}`);
    if (gone || seconds > plan.maxSeconds || (plan.owner && !isAlive(plan.owner))) end();
  }, 500);
  process.on('SIGTERM', end);
  process.on('SIGINT', end);

  const ready: TrafficReady = { pid: process.pid };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

function openSocket(type: 'udp4' | 'udp6'): Socket {
  // What cannot be sent right now (the interface is down, a buffer is full) is simply not sent.
  return createSocket(type).on('error', () => undefined);
}

function sendDatagram(socket: Socket, round: number, port: number, address: string): void {
  const payload = Buffer.alloc(payloadBytes[round % payloadBytes.length] ?? 18, round);
  socket.send(payload, port, address, () => undefined);
}

/** One TCP connection attempt. An XDP program may swallow it, so it is given up before the kernel would retransmit. */
function knock(host: string, round: number): void {
  const socket = connect({ host, port: tcpPorts[round % tcpPorts.length] ?? 80 });
  const close = (): void => void socket.destroy();
  socket.setTimeout(500, close).on('error', close).on('connect', close);
}

/**
 * Five pings a second, in bursts of a few seconds that end by themselves even when this process is killed.
 * Returns how to stop. Where `ping` is not installed or not allowed, there are none.
 */
function keepPinging(family: '-4' | '-6', address: string): () => void {
  let child: ChildProcess | undefined;
  let stopped = false;
  const burst = (): void => {
    if (stopped) return;
    try {
      child = spawn('ping', [family, '-n', '-q', '-i', '0.2', '-c', '25', '-w', '6', address], { stdio: 'ignore' });
    } catch {
      return;
    }
    // 0: answered, 1: silence, as when a program drops them. Anything else would fail again: ping(8).
    child.on('error', () => undefined).on('exit', (code) => (code === 0 || code === 1) && setTimeout(burst, 200));
  };
  burst();
  return () => {
    stopped = true;
    child?.kill();
  };
}

main(JSON.parse(process.argv[2] ?? '{}') as TrafficPlan);
