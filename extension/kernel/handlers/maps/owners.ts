import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { errno } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';

/**
 * What a storage map hangs its values on. The kernel takes a descriptor of it for a key and has no list of them
 * (kernel/bpf/bpf_task_storage.c, bpf_cgrp_storage.c), but of processes and cgroups there are other lists. Their entries are
 * shown by number: of the process, and of the cgroup (its inode, which is what bpf_get_current_cgroup_id() gives).
 */
export type OwnerKind = 'process' | 'cgroup';

export function ownerOf(mapType: string): OwnerKind | undefined {
  switch (mapType) {
    case 'task_storage':
      return 'process';
    case 'cgrp_storage':
      return 'cgroup';
    default:
      return undefined;
  }
}

/** All that may have an entry, in rising order. */
export function ownersOf(kind: OwnerKind): number[] {
  const numbers = kind === 'process' ? processes() : [...findCgroups().keys()];
  return numbers.sort((a, b) => a - b);
}

/** Runs `work` with the key as the kernel wants it. -ENOENT where there is no such process or cgroup. */
export function withOwner(libbpf: Libbpf, kind: OwnerKind, key: Uint8Array, work: (key: Uint8Array) => number): number {
  const number = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const fd = kind === 'process' ? libbpf.openProcess(number) : openCgroup(number);
  if (fd < 0) return -errno.ENOENT;
  try {
    return work(new Uint8Array(Int32Array.of(fd).buffer));
  } finally {
    closeSync(fd);
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Where each was when they were listed last. */
let cgroups = new Map<number, string>();
/** More than systemd makes on a large machine. */
const maxCgroups = 20_000;

/** Of the unified hierarchy, whose numbers are unique. */
function findCgroups(): Map<number, string> {
  const found = new Map<number, string>();
  const mount = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
  const waiting = mount === undefined ? [] : [mount.replace(/\\(\d{3})/g, (_, octal: string) => unescaped(octal))];
  for (let folder = waiting.pop(); folder !== undefined && found.size < maxCgroups; folder = waiting.pop()) {
    try {
      const { ino } = statSync(folder);
      if (ino <= 0xffffffff) found.set(ino, folder);
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) waiting.push(path.join(folder, entry.name));
      }
    } catch {
      // It went while they were listed.
    }
  }
  cgroups = found;
  return found;
}

/** proc(5): blanks and the like are written as octal numbers. */
function unescaped(octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

function openCgroup(number: number): number {
  const folder = cgroups.get(number) ?? findCgroups().get(number);
  if (folder === undefined) return -errno.ENOENT;
  try {
    const fd = openSync(folder, 'r');
    if (statSync(folder).ino === number) return fd;
    closeSync(fd);
  } catch {
    // Removed since it was listed.
  }
  return -errno.ENOENT;
}
