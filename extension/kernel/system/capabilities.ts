/** Capabilities by name, in the order of their numbers. Source: include/uapi/linux/capability.h. */
const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

export type Capability = (typeof capabilityNames)[number];

/** What each launch profile holds, and nothing more. */
export const profileCapabilities = {
  own: ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'],
  system: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_PERFMON', 'CAP_BPF'],
  // The kernel shows machine code, which is full of its addresses, to CAP_SYSLOG alone: kernel/kallsyms.c, kallsyms_show_value().
  code: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_SYSLOG', 'CAP_PERFMON', 'CAP_BPF'],
} as const satisfies Record<string, readonly Capability[]>;

export type HelperProfile = keyof typeof profileCapabilities;

export function isHelperProfile(name: string | undefined): name is HelperProfile {
  return name !== undefined && Object.hasOwn(profileCapabilities, name);
}

/** The names of a mask as /proc/PID/status writes it (`000000c000001000`); one that we do not know is `CAP_<number>`. */
export function capabilitiesOfMask(hex: string): string[] {
  const mask = BigInt(`0x${hex}`);
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((mask >> BigInt(bit)) & 1n) names.push(capabilityNames[bit] ?? `CAP_${bit}`);
  }
  return names;
}

/** One set (`CapEff`, `CapBnd`, …) of a /proc/PID/status text. */
export function capabilitiesOfStatus(status: string, set: string): string[] {
  const match = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status);
  return match?.[1] === undefined ? [] : capabilitiesOfMask(match[1]);
}
