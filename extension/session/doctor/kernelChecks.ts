import type { Facts } from './facts.ts';
import { isOlder, option, textOf } from './facts.ts';
import type { Check, DoctorMachine } from './machine.ts';

const updateWsl = 'In Windows run: wsl --update';
const newerKernel =
  "Install a newer kernel: your distribution's hardware enablement or backports kernel, or a newer release.";

/** Kernel 5.15 is the oldest that is supported; before 5.8 there is no CAP_BPF, so that the helper cannot be started. */
export function kernelCheck(machine: DoctorMachine, facts: Facts): Check {
  const check = { id: 'kernel', title: 'Kernel', required: true } as const;
  const fix = facts.wsl === undefined ? newerKernel : updateWsl;
  if (facts.wsl === 1) {
    const detail = `${machine.release}: WSL 1 has no Linux kernel, so no BPF`;
    return { ...check, status: 'missing', detail, fix: 'In Windows run: wsl --set-version DISTRIBUTION 2' };
  }
  if (facts.version === undefined) {
    return { ...check, status: 'unknown', detail: `${machine.release}: not a version number` };
  }
  if (isOlder(facts, [5, 8])) {
    const detail = `${machine.release}: too old; 5.15 is the oldest that is supported, and CAP_BPF came with 5.8`;
    return { ...check, status: 'missing', detail, fix };
  }
  if (isOlder(facts, [5, 15])) {
    const detail = `${machine.release}: older than 5.15, the oldest that is supported; parts may not work`;
    return { ...check, status: 'warning', detail, fix };
  }
  return { ...check, status: 'ok', detail: machine.release };
}

export function wslCheck(facts: Facts): Check[] {
  if (facts.wsl !== 2) return [];
  const check = { id: 'wsl', title: 'WSL 2', required: false } as const;
  const own = 'Interfaces belong to the virtual machine, not to Windows; bpftool packages for its kernel do not exist';
  const lacking = kernelOptions.filter(({ name }) => option(facts, name) === 'n').map(({ name }) => `CONFIG_${name}`);
  if (lacking.length === 0) return [{ ...check, status: 'ok', detail: own }];
  const detail = `this kernel of Microsoft's lacks ${lacking.join(', ')}`;
  return [
    {
      ...check,
      status: 'warning',
      detail,
      fix: `${updateWsl}; if that brings none that has them, build one with them and name it as kernel= in %UserProfile%\\.wslconfig`,
    },
  ];
}

interface KernelOption {
  name: string;
  required: boolean;
  /** What it is for. */
  use: string;
  /** A file that only a kernel with this option has. */
  evidence?: string;
}

const kernelOptions: readonly KernelOption[] = [
  { name: 'BPF', required: true, use: 'BPF programs', evidence: '/proc/sys/kernel/unprivileged_bpf_disabled' },
  { name: 'BPF_SYSCALL', required: true, use: 'loading', evidence: '/proc/sys/kernel/unprivileged_bpf_disabled' },
  { name: 'BPF_JIT', required: false, use: 'machine code', evidence: '/proc/sys/net/core/bpf_jit_enable' },
  { name: 'DEBUG_INFO_BTF', required: false, use: 'vmlinux.h and CO-RE', evidence: '/sys/kernel/btf/vmlinux' },
  { name: 'XDP_SOCKETS', required: false, use: 'AF_XDP and XSKMAP' },
  { name: 'NET_CLS_ACT', required: false, use: 'tc programs beside XDP' },
  { name: 'NET_CLS_BPF', required: false, use: 'tc programs beside XDP' },
  { name: 'NET_SCH_INGRESS', required: false, use: 'tc programs beside XDP' },
  { name: 'NET_NS', required: false, use: 'the lab and --netns', evidence: '/proc/self/ns/net' },
  { name: 'VETH', required: false, use: 'the lab' },
  { name: 'BPF_EVENTS', required: false, use: 'reading bpf_printk' },
];

/** Each option that matters: by the kernel's configuration, else by a file that gives it away. */
export function optionChecks(machine: DoctorMachine, facts: Facts): Promise<Check[]> {
  return Promise.all(
    kernelOptions.map(async ({ name, required, use, evidence }): Promise<Check> => {
      const check = { id: `option-${name}`, title: `CONFIG_${name}`, required };
      const value = option(facts, name);
      if (value === 'n') {
        const detail = `not in this kernel; needed for ${use}`;
        return { ...check, status: 'missing', detail, fix: optionFix(facts, [`CONFIG_${name}`]) };
      }
      if (value !== undefined) return { ...check, status: 'ok', detail: value === 'm' ? 'as a module' : 'built in' };
      if (evidence !== undefined && (await machine.exists(evidence))) {
        return { ...check, status: 'ok', detail: `there is ${evidence}` };
      }
      const why = 'why' in facts.config ? facts.config.why : '';
      const fix = facts.container === undefined ? { fix: 'As root: modprobe configs; xdp doctor' } : {};
      return { ...check, status: 'unknown', detail: `the kernel's configuration cannot be read: ${why}`, ...fix };
    }),
  );
}

function optionFix(facts: Facts, names: readonly string[]): string {
  const set = names.map((name) => `${name}=y`).join(', ');
  return facts.wsl === undefined
    ? `Boot a kernel that is built with ${set}; the stock kernels of the large distributions are.`
    : `${updateWsl}; or build a kernel with ${set}`;
}

export async function btfCheck(machine: DoctorMachine, facts: Facts): Promise<Check> {
  const check = { id: 'btf', title: 'Kernel BTF', required: false } as const;
  const path = '/sys/kernel/btf/vmlinux';
  if (await machine.exists(path)) return { ...check, status: 'ok', detail: path };
  const detail = `no ${path}: vmlinux.h cannot be made here, and CO-RE programs cannot be relocated`;
  return { ...check, status: 'missing', detail, fix: optionFix(facts, ['CONFIG_DEBUG_INFO_BTF']) };
}

/** https://docs.kernel.org/admin-guide/sysctl/net.html#bpf-jit-enable */
export async function jitCheck(machine: DoctorMachine, facts: Facts): Promise<Check> {
  const check = { id: 'jit', title: 'JIT', required: false } as const;
  const fix = 'sudo sysctl net.core.bpf_jit_enable=1';
  const answer = await machine.read('/proc/sys/net/core/bpf_jit_enable');
  const value = textOf(answer).trim();
  if (value === '1') return { ...check, status: 'ok', detail: 'on' };
  if (value === '0')
    return { ...check, status: 'warning', detail: 'off: programs are interpreted, which is slow', fix };
  if (value === '2') return { ...check, status: 'warning', detail: 'on, with debugging output to the kernel log', fix };
  if (option(facts, 'BPF_JIT_ALWAYS_ON') === 'y') return { ...check, status: 'ok', detail: 'always on in this kernel' };
  if (option(facts, 'BPF_JIT') === 'n') {
    const detail = 'this kernel has none: programs are interpreted, which is slow';
    return { ...check, status: 'missing', detail, fix: optionFix(facts, ['CONFIG_BPF_JIT']) };
  }
  const why =
    answer.kind === 'refused' ? 'this user may not read it' : 'the setting is not visible in this network namespace';
  return { ...check, status: 'unknown', detail: `net.core.bpf_jit_enable: ${why}` };
}

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#unprivileged-bpf-disabled */
export async function unprivilegedCheck(machine: DoctorMachine): Promise<Check> {
  const check = { id: 'unprivileged-bpf', title: 'Unprivileged BPF', required: false } as const;
  const value = textOf(await machine.read('/proc/sys/kernel/unprivileged_bpf_disabled')).trim();
  if (value === '1') return { ...check, status: 'ok', detail: 'disabled until the next boot; XDP takes capabilities' };
  if (value === '2') return { ...check, status: 'ok', detail: 'disabled; XDP takes capabilities' };
  if (value === '0') {
    const detail = 'every user may load socket filters, which is a risk, and XDP takes capabilities all the same';
    return { ...check, status: 'warning', detail, fix: 'sudo sysctl kernel.unprivileged_bpf_disabled=2' };
  }
  return { ...check, status: 'unknown', detail: 'kernel.unprivileged_bpf_disabled cannot be read' };
}

/** Before 5.11 maps and programs counted as locked memory: kernel commit 97306be45fbe. */
export async function memlockCheck(machine: DoctorMachine, facts: Facts): Promise<Check> {
  const check = { id: 'memlock', title: 'Locked memory', required: false } as const;
  if (facts.version === undefined) return { ...check, status: 'unknown', detail: 'the kernel version is not known' };
  if (!isOlder(facts, [5, 11])) {
    return { ...check, status: 'ok', detail: 'no limit for BPF: since 5.11 its memory counts to the cgroup' };
  }
  const soft = /^Max locked memory\s+(\S+)/m.exec(textOf(await machine.read('/proc/self/limits')))?.[1];
  if (soft === undefined) return { ...check, status: 'unknown', detail: '/proc/self/limits cannot be read' };
  if (soft === 'unlimited') return { ...check, status: 'ok', detail: 'unlimited' };
  return {
    ...check,
    status: 'warning',
    detail: `the limit is ${soft} bytes, and before 5.11 maps count to it: creating one may fail with EPERM`,
    fix: 'Raise it (ulimit -l unlimited; memlock in /etc/security/limits.conf) and log in again.',
  };
}

export function lockdownCheck(facts: Facts, lockdown: { text: string; exists: boolean }): Check {
  const check = { id: 'lockdown', title: 'Lockdown', required: false } as const;
  const mode = /\[(\w+)\]/.exec(lockdown.text)?.[1];
  if (mode === 'none') return { ...check, status: 'ok', detail: 'none' };
  if (mode === 'integrity') return { ...check, status: 'ok', detail: 'integrity: XDP programs are not affected' };
  if (mode === 'confidentiality') {
    return {
      ...check,
      status: 'warning',
      detail: 'confidentiality: XDP programs load, but tracefs is closed (bpf_printk) and kernel memory cannot be read',
      fix: 'Boot with lockdown=integrity; where Secure Boot sets it, only without Secure Boot.',
    };
  }
  const securityfs = facts.mounts.some(({ type }) => type === 'securityfs');
  if (!lockdown.exists && (securityfs || option(facts, 'SECURITY_LOCKDOWN_LSM') === 'n')) {
    return { ...check, status: 'ok', detail: 'none: this kernel has it not active' };
  }
  const detail = '/sys/kernel/security/lockdown cannot be read';
  if (lockdown.exists) return { ...check, status: 'unknown', detail: `${detail} by this user` };
  const fix = facts.container === undefined ? { fix: 'sudo mount -t securityfs securityfs /sys/kernel/security' } : {};
  return { ...check, status: 'unknown', detail: `${detail}: securityfs is not mounted`, ...fix };
}
