import { existsSync } from 'node:fs';
import { toHex } from '../core/packet/hex.ts';
import type { XdpRun } from '../core/vm/machine.ts';
import { actionName } from '../core/xdp.ts';
import { KernelAccess } from '../session/kernelAccess.ts';
import { kernelTestEngine } from '../session/packetTest/kernel.ts';
import type { Prepared } from './prepare.ts';

/** Can the kernel be asked without asking anybody for a password? */
export function kernelIsThere(helperPath: string): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync(helperPath);
}

/**
 * Runs the packets in this machine's kernel, on fresh maps, and says what differs from what was stepped through. Throws
 * XdpError where the kernel does not run the program.
 */
export async function compareWithKernel(
  { real, program, request }: Prepared,
  outcomes: readonly XdpRun[],
  helperPath: string,
): Promise<string[]> {
  if (real === undefined) return [];
  const access = new KernelAccess({ helperPath, execPath: process.execPath, elevation: 'auto' });
  try {
    const instance = await kernelTestEngine(await access.own()).open(real, program, []);
    try {
      const [answer] = await instance.runTests([request]);
      if (answer?.problem !== undefined) throw answer.problem;
      return (answer?.steps ?? []).flatMap((step, index) => {
        const own = outcomes[index];
        if (own === undefined) return [];
        const where = outcomes.length > 1 ? `packet ${index + 1}: ` : '';
        const differences: string[] = [];
        const compare = (what: string, stepped: string, kernel: string): void => {
          if (stepped !== kernel) differences.push(`${where}${what}: ${stepped} here, ${kernel} in the kernel`);
        };
        compare(
          'verdict',
          own.fault === undefined ? actionName(own.retval) : own.fault.message,
          actionName(step.retval),
        );
        compare('packet', toHex(own.packetOut), toHex(step.packetOut));
        compare('metadata', toHex(own.metadataOut), toHex(step.metadataOut));
        return differences;
      });
    } finally {
      await instance.close();
    }
  } finally {
    await access.dispose();
  }
}
