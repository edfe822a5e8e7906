import { XdpError } from '../core/errors.ts';

/** Before anything is tried that other systems do not have. Errors: `environment`. */
export function requireLinux(): void {
  if (process.platform === 'linux') return;
  throw new XdpError('environment', `XDP programs are loaded by a Linux kernel; this is ${process.platform}.`, {
    fix: 'Open the folder on a Linux machine: over Remote-SSH, in WSL 2, or in a dev container.',
  });
}
