import { existsSync } from 'node:fs';

/** A network namespace as users name it: one of `ip netns`, or that of a process, by its number or its file in /proc. */
export function isNetns(text: string): boolean {
  return isNetnsName(text) || processOf(text) !== undefined;
}

/** One path component, as ip-netns(8) makes them under /run/netns. */
export function isNetnsName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

/** The process whose namespace is meant. A name made of digits is a name when ip netns knows it. */
export function processOf(text: string): number | undefined {
  const pid = /^(?:\/proc\/)?(\d{1,9})(\/ns\/net)?$/.exec(text);
  if (pid?.[1] === undefined || text.startsWith('/proc/') !== (pid[2] !== undefined)) return undefined;
  return text.startsWith('/proc/') || !existsSync(`/run/netns/${text}`) ? Number(pid[1]) : undefined;
}

/** The file that nsenter(1) opens. */
export function netnsPath(text: string): string {
  const pid = processOf(text);
  return pid === undefined ? `/run/netns/${text}` : `/proc/${pid}/ns/net`;
}
