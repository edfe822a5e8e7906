import { readFileSync } from 'node:fs';
import { capabilitiesOfStatus } from './capabilities.ts';
import { parseCpuList } from './cpus.ts';
import { type PrintkCapture, tracefsCapture } from './tracefs.ts';

/** What the handlers need of the machine beside libbpf and netlink. */
export interface System {
  /** Effective capabilities of this process by name. */
  capabilities(): string[];
  possibleCpus(): number[];
  onlineCpus(): number[];
  kernelRelease(): string;
  /** Ethtool's driver name. */
  driver(iface: string): string | undefined;
  /** Runs `work` with this thread on one CPU; -errno when the CPU cannot be had. */
  onCpu<T>(cpu: number, work: () => T): T | number;
  readonly printk: PrintkCapture;
  /** CLOCK_MONOTONIC. */
  nowNs(): bigint;
}

/** The parts that are files. */
export const fileSystem: Omit<System, 'driver' | 'onCpu'> = {
  capabilities: () => capabilitiesOfStatus(readFileSync('/proc/self/status', 'utf8'), 'CapEff'),
  possibleCpus: () => parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8')),
  onlineCpus: () => parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8')),
  kernelRelease: () => readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
  printk: tracefsCapture(),
  nowNs: () => process.hrtime.bigint(),
};
