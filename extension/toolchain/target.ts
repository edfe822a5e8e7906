import { join } from 'node:path';
import { isDirectory } from './headers.ts';

/** What a compile for this machine's kernel takes from the machine. */
interface Machine {
  /** libbpf's name of the architecture: bpf_tracing.h reads __TARGET_ARCH_…. */
  bpfArch: string;
  /** Debian's multiarch name: the kernel's asm/ headers stand in /usr/include/<triple>. */
  triple: string;
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { bpfArch: 'x86', triple: 'x86_64-linux-gnu' },
  arm64: { bpfArch: 'arm64', triple: 'aarch64-linux-gnu' },
  arm: { bpfArch: 'arm', triple: 'arm-linux-gnueabihf' },
  s390x: { bpfArch: 's390', triple: 's390x-linux-gnu' },
  ppc64: { bpfArch: 'powerpc', triple: 'powerpc64le-linux-gnu' },
  riscv64: { bpfArch: 'riscv', triple: 'riscv64-linux-gnu' },
  loong64: { bpfArch: 'loongarch', triple: 'loongarch64-linux-gnu' },
  mips64el: { bpfArch: 'mips', triple: 'mips64el-linux-gnuabi64' },
};

/** The -D options of an architecture, in Node's name for it (`process.arch`). */
export function targetDefines(arch: string = process.arch): string[] {
  const machine = machines[arch];
  if (machine === undefined) return [];
  const defines = [`-D__TARGET_ARCH_${machine.bpfArch}`];
  // Without it the C library's headers take a machine that they do not know for 32 bits: uintptr_t would have 4 bytes,
  // and linux/icmp.h (through sys/socket.h) would ask for gnu/stubs-32.h, which few machines have.
  if (arch === 'x64') defines.push('-D__x86_64__');
  return defines;
}

/** /usr/include/<triple>, where that exists: clang searches it for its own target only, not for BPF. */
export async function multiarchDir(arch: string = process.arch): Promise<string | undefined> {
  const machine = machines[arch];
  if (machine === undefined) return undefined;
  const dir = join('/usr/include', machine.triple);
  return (await isDirectory(dir)) ? dir : undefined;
}
