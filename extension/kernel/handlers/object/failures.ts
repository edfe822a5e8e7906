import { XdpError, type XdpErrorDetails } from '../../../core/errors.ts';
import { elevationSetting } from '../../elevation.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import { profileCapabilities } from '../../system/capabilities.ts';

/** Failures that more than one handler meets. */

/** EPERM on a BPF call: names the capabilities that are missing, or says what else refuses. */
export function privilegeError(what: string, capabilities: readonly string[], needed: readonly string[]): XdpError {
  const missing = needed.filter((name) => !capabilities.includes(name));
  if (missing.length === 0) {
    return new XdpError('privilege', `${what} was refused although ${needed.join(', ')} are there`, {
      fix: 'A security module (SELinux, AppArmor, kernel lockdown) or a container runtime may forbid bpf(2): look into the kernel log (dmesg).',
      details: { errno: errno.EPERM },
    });
  }
  return new XdpError('privilege', `${what} needs ${missing.join(', ')}, which this helper does not have`, {
    fix: privilegeFix(missing),
    details: { capability: missing[0] ?? '', missing },
  });
}

function privilegeFix(missing: readonly string[]): string {
  const root = process.getuid?.() === 0;
  if (missing.every((name) => name === 'CAP_SYS_ADMIN')) {
    // The system profile lacks it too when it was started without elevation, or by root of a container.
    const way = root
      ? 'root has it, unless it is root of a container (docker run --cap-add SYS_ADMIN)'
      : `run as root, or choose auto, sudo or pkexec as ${elevationSetting}`;
    return `Repeat the action with the system profile of the helper, started with CAP_SYS_ADMIN: ${way}.`;
  }
  if (root) {
    const add = missing.map((name) => `--cap-add ${name.slice('CAP_'.length)}`).join(' ');
    return `This root has not all the rights of root, as in a container: start it with them (docker run ${add}).`;
  }
  return `Run as root, or choose auto, sudo or pkexec as ${elevationSetting}.`;
}

export const loadCapabilities = profileCapabilities.own;

/** An errno that has no better explanation. */
export function kernelError(what: string, value: number, details: XdpErrorDetails = {}): XdpError {
  return new XdpError('kernel', `${what} failed: ${errnoText(value)}`, {
    details: { ...details, errno: Math.abs(value), errnoName: errnoName(value) },
  });
}
