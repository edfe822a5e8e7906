import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { XdpError } from '../../core/errors.ts';

/** A network namespace that is not this process's own. */
export interface OtherNamespace {
  /** What `--netns` takes. */
  netns: string;
  /** Its name, or the command of the oldest process in it. */
  label: string;
  kind: 'name' | 'process';
}

/**
 * Named namespaces, and those of processes (containers), one for each namespace. Processes of other users can only be
 * looked into by root: what is not seen can still be entered by the number of a process.
 */
export async function otherNamespaces(proc = '/proc', names = '/run/netns'): Promise<OtherNamespace[]> {
  const seen = new Set([await readlink(`${proc}/self/ns/net`).catch(() => '')]);
  const found: OtherNamespace[] = [];
  for (const name of await readdir(names).catch(() => [])) {
    const { ino } = await stat(`${names}/${name}`).catch(() => ({ ino: 0 }));
    const inode = `net:[${ino}]`;
    if (ino === 0 || seen.has(inode)) continue;
    seen.add(inode);
    found.push({ netns: name, label: name, kind: 'name' });
  }
  const pids = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids.sort((left, right) => left - right)) {
    const inode = await readlink(`${proc}/${pid}/ns/net`).catch(() => '');
    if (inode === '' || seen.has(inode)) continue;
    seen.add(inode);
    const command = await readFile(`${proc}/${pid}/comm`, 'utf8').catch(() => '');
    found.push({ netns: String(pid), label: command.trim() || String(pid), kind: 'process' });
  }
  return found;
}

/** What a user typed in place of a listed namespace. */
export function requireNetnsText(text: string): string {
  if (/^[^/\0]+$/.test(text) || /^\/proc\/\d+\/ns\/net$/.test(text)) return text;
  throw new XdpError('usage', `${JSON.stringify(text)} names no network namespace.`, {
    fix: 'Give a name of ip netns, the number of a process, or /proc/PID/ns/net.',
  });
}
