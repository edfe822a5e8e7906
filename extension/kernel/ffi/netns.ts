import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { exitProcess } from './libc.ts';
import { lazyFunction, openLibrary } from './library.ts';

const setns = lazyFunction<(fd: number, kind: number) => number>(
  () => openLibrary(null),
  'int setns(int fd, int nstype)',
);
const CLONE_NEWNET = 0x40000000;

/**
 * Runs `work` with this thread in another network namespace and comes back before anything else can run: only the thread
 * moves, and a socket stays in the namespace where it was opened. Wants CAP_SYS_ADMIN. -errno when it cannot enter.
 */
export function inNetns<T>(file: string, work: () => T): T | number {
  let target: number;
  try {
    target = openSync(file, 'r');
  } catch (cause) {
    return cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : -1;
  }
  const home = openSync('/proc/self/ns/net', 'r');
  try {
    if (setns(target, CLONE_NEWNET) < 0) return -koffi.errno();
    try {
      return work();
    } finally {
      // Everything after this would act on the wrong interfaces.
      if (setns(home, CLONE_NEWNET) < 0) exitProcess(70);
    }
  } finally {
    closeSync(target);
    closeSync(home);
  }
}
