import { watchDisconnect } from './ffi/libc.ts';

/** Long enough for the main thread to end by itself, if it is not inside a long call. */
const graceMs = 1000;

/**
 * Runs in a worker thread: ends the process when the pipe to the parent is gone, even while the main thread sits in a
 * system call that does not come back (a test run of a billion repeats). Whatever killed the parent, the kernel closed
 * its end of the pipe.
 */
export function watchParent(): void {
  watchDisconnect(0, () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
  });
}
