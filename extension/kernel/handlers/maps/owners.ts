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

/** All that can be found that may have an entry, in rising order; `whole`: there are no others. */
export function ownersOf(libbpf: Libbpf, kind: OwnerKind): { numbers: number[]; whole: boolean } {
  const { numbers, whole } = kind === 'process' ? tasks(libbpf) : cgroupNumbers();
  return { numbers: numbers.sort((a, b) => a - b), whole };
}

/** Runs `work` with the key as the kernel wants it. -ENOENT where there is no such process or cgroup. */
export function withOwner(libbpf: Libbpf, kind: OwnerKind, key: Uint8Array, work: (key: Uint8Array) => number): number {
  const number = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const fd = kind === 'process' ? openTask(libbpf, number) : openCgroup(number);
  if (fd < 0) return -errno.ENOENT;
  try {
    return work(new Uint8Array(Int32Array.of(fd).buffer));
  } finally {
    closeSync(fd);
  }
}

/** PROC_PID_INIT_INO of include/linux/proc_ns.h: the namespace in which every process has a number. */
const initialPidNamespace = 0xeffffffc;
/** A reading ends also where there are more. */
const maxTasks = 200_000;

/** Each thread has a value of its own. Before kernel 6.9 only those can be had that lead a process. */
function tasks(libbpf: Libbpf): { numbers: number[]; whole: boolean } {
  const one = libbpf.openThread(process.pid);
  if (one >= 0) closeSync(one);
  const processes = numbersIn('/proc');
  if (one < 0) return { numbers: processes, whole: false };
  const numbers: number[] = [];
  for (const pid of processes) {
    if (numbers.length < maxTasks) numbers.push(...numbersIn(`/proc/${pid}/task`));
  }
  // Process 1 is hidden where others' are (hidepid of proc(5)).
  const seesAll = statSync('/proc/self/ns/pid').ino === initialPidNamespace && numbers.includes(1);
  return { numbers, whole: seesAll && numbers.length < maxTasks };
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    // It ended while they were listed.
    return [];
  }
}

function openTask(libbpf: Libbpf, number: number): number {
  const fd = libbpf.openThread(number);
  return fd === -errno.EINVAL ? libbpf.openProcess(number) : fd;
}

/** Where each was when they were listed last. */
let cgroups = new Map<number, string>();
/** More than systemd makes on a large machine. */
const maxCgroups = 20_000;

/** Another namespace of cgroups sees its own part of them only. */
function cgroupNumbers(): { numbers: number[]; whole: boolean } {
  const found = findCgroups();
  const sees = found.size > 0 && statSync('/proc/self/ns/cgroup').ino === initialCgroupNamespace;
  return { numbers: [...found.keys()], whole: sees && found.size < maxCgroups };
}

/** PROC_CGROUP_INIT_INO */
const initialCgroupNamespace = 0xeffffffb;

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
