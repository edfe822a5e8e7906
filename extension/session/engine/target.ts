import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { readBtf } from '../../core/btf/readBtf.ts';
import type { Btf } from '../../core/btf/types.ts';
import { parseCpuList } from '../../core/maps/cpuList.ts';

/** What a program asks of the kernel that it is made for, for the built-in machine: this kernel's answers where there is one. */
export interface EngineTarget {
  kernelBtf: Btf | undefined;
  kconfig: Readonly<Record<string, string>> | undefined;
  /** As KERNEL_VERSION(a, b, c) has it. */
  kernelVersion: number | undefined;
}

const btfFile = '/sys/kernel/btf/vmlinux';

let known: { btf?: Btf | undefined; kconfig?: EngineTarget['kconfig'] } = {};

/** Reads only what is needed: the kernel's types take a quarter of a second. Read once a process. */
export function engineTarget(needs: { btf: boolean; kconfig: boolean }): EngineTarget {
  if (process.platform !== 'linux') return { kernelBtf: undefined, kconfig: undefined, kernelVersion: undefined };
  if (needs.btf && !('btf' in known))
    known = { ...known, btf: existsSync(btfFile) ? readBtf(readFileSync(btfFile)) : undefined };
  if (needs.kconfig && !('kconfig' in known)) known = { ...known, kconfig: readKconfig() };
  return { kernelBtf: known.btf, kconfig: known.kconfig, kernelVersion: kernelVersion(release()) };
}

/** The CPUs that per-CPU maps have a slot for: this machine's possible ones, or one where there is no Linux. */
export function possibleCpus(): number[] {
  try {
    return parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim());
  } catch {
    return [0];
  }
}

/** The files in which libbpf looks: libbpf.c, bpf_object__read_kconfig_file(). */
function readKconfig(): EngineTarget['kconfig'] {
  for (const file of [`/boot/config-${release()}`, '/proc/config.gz']) {
    try {
      const bytes = readFileSync(file);
      return parseKconfig((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
    } catch {
      // Not there, or not for this user: the next one, and in the end the machine's defaults.
    }
  }
  return undefined;
}

function parseKconfig(text: string): Record<string, string> {
  const options: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) options[match[1]] = match[2];
  }
  return options;
}

/** `6.1.0-13-amd64` → KERNEL_VERSION(6, 1, 0); the kernel caps the last part at 255. */
function kernelVersion(text: string): number | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return undefined;
  return (Number(match[1]) << 16) + (Number(match[2]) << 8) + Math.min(255, Number(match[3] ?? 0));
}
