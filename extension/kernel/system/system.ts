import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { capabilitiesOfStatus } from './capabilities.ts';
import { parseCpuList } from './cpus.ts';
import { kernelSymbols } from './kallsyms.ts';
import { readSshPeers } from './lifelines.ts';
import { type PrintkCapture, tracefsCapture } from './tracefs.ts';
import { openTraceStream, type TracedEvent, type TraceStream } from './traceStream.ts';

/** What the handlers need of the machine beside libbpf and netlink. */
export interface System {
  /** Effective capabilities of this process by name. */
  capabilities(): string[];
  possibleCpus(): number[];
  onlineCpus(): number[];
  kernelRelease(): string;
  /** By the C library, which takes no lock of the network stack; undefined when there is none. */
  interfaceIndex(name: string): number | undefined;
  interfaceName(ifindex: number): string | undefined;
  /** Ethtool's driver name. */
  driver(iface: string): string | undefined;
  /** Runs `work` with this thread on one CPU; -errno when the CPU cannot be had. */
  onCpu<T>(cpu: number, work: () => T): T | number;
  /** Who is connected to the SSH server, in this network namespace as it is now. */
  sshPeers(): string[];
  /** Runs `work` with this thread in the network namespace of that file, and comes back; -errno when it cannot enter. */
  inNetns<T>(file: string, work: () => T): T | number;
  /** Calls `visit` with each named network namespace that can be opened, and an fd of it for the time of the call. */
  eachNetns(visit: (name: string, fd: number) => void): void;
  readonly printk: PrintkCapture;
  /** The caller closes it; a second one while the first is open takes its place. */
  trace(events: readonly TracedEvent[]): TraceStream | { problem: string };
  /** Names of these addresses, and addresses of these names, as far as /proc/kallsyms shows them. */
  kernelSymbols(addresses: readonly bigint[], names: readonly string[]): { address: bigint; name: string }[];
  /** CLOCK_MONOTONIC. */
  nowNs(): bigint;
}

/** Fixed from boot on: kernel/cpu.c, __cpu_possible_mask. */
let possible: number[] | undefined;

/** The parts that are files. */
export const fileSystem: Omit<System, 'interfaceIndex' | 'interfaceName' | 'driver' | 'onCpu' | 'inNetns'> = {
  capabilities: () => capabilitiesOfStatus(readFileSync('/proc/self/status', 'utf8'), 'CapEff'),
  possibleCpus: () => (possible ??= parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))),
  onlineCpus: () => parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8')),
  kernelRelease: () => readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
  sshPeers: readSshPeers,
  eachNetns,
  printk: tracefsCapture(),
  trace: (events) => openTraceStream(events),
  kernelSymbols,
  nowNs: () => process.hrtime.bigint(),
};

function eachNetns(visit: (name: string, fd: number) => void): void {
  const folder = '/run/netns';
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return; // Nobody ever made one here.
  }
  for (const name of names) {
    let fd: number;
    try {
      fd = openSync(`${folder}/${name}`, 'r');
    } catch {
      continue;
    }
    try {
      visit(name, fd);
    } finally {
      closeSync(fd);
    }
  }
}
