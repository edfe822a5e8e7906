import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { requireLinux } from '../requireLinux.ts';

/** What starts each privileged command: empty as root, `sudo -n --` otherwise. */
export type Prefix = readonly string[];

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bits of /proc/self/status: include/uapi/linux/capability.h. */
const needed = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

/** Finds out how privileged commands can run here, without asking anybody anything. */
export async function findPrivilege(action: string): Promise<Prefix> {
  requireLinux();
  if (process.getuid?.() === 0) {
    const capabilities = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
    for (const [capability, bit] of Object.entries(needed)) {
      if ((capabilities & (1n << bit)) !== 0n) continue;
      throw new XdpError('privilege', `The lab cannot be changed: root lacks ${capability} here, as in a container.`, {
        fix: 'Start the container with --privileged, or with --cap-add=NET_ADMIN --cap-add=SYS_ADMIN and no AppArmor or seccomp profile that forbids mounts.',
        details: { capability },
      });
    }
    return [];
  }
  const sudo = findTool('sudo');
  if (sudo !== undefined && (await execute([sudo, '-n', '--', 'true'])).status === 0) return [sudo, '-n', '--'];
  throw new XdpError('privilege', 'Interfaces and network namespaces can only be made or removed by root.', {
    fix: asRoot(action),
    details: { capability: 'CAP_NET_ADMIN' },
  });
}

/** What a person types to do it as root: sudo's PATH has neither npm's commands nor, often, this Node. */
export function asRoot(action: string): string {
  const script = process.argv[1] ?? '';
  const itself = path.basename(script) === 'cli.js' ? `${process.execPath} ${script}` : 'xdp';
  return `Run: sudo ${itself} lab ${action}`;
}

/** An absolute path, so that sudo's PATH and ours cannot disagree; sbin is not in every user's PATH. */
export function findTool(name: string): string | undefined {
  for (const folder of ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin']) {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return path.join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

export function requireTool(name: string, debianPackage: string): string {
  const file = findTool(name);
  if (file !== undefined) return file;
  throw new XdpError('environment', `The command ${name} is not installed.`, {
    fix: `Install the package ${debianPackage}.`,
  });
}

/** Runs one command, without a shell. Never rejects: a command that cannot start has status 127. */
export function execute(command: readonly string[], input = ''): Promise<Finished> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      resolve({ status, stdout, stderr: stderr || (error?.message ?? '') });
    });
    // A command that does not read its input has closed the pipe: that is no failure.
    child.stdin?.on('error', () => undefined).end(input);
  });
}
