import { XdpError } from '../../core/errors.ts';
import { equalBytes } from '../run/input.ts';
import { describeTarget, type Redirect, type RedirectSetting } from '../run/redirect.ts';
import type { RunRequest } from '../run/run.ts';
import { startMachine } from './vm.ts';

/**
 * Where the kernel's XDP_REDIRECT goes, as far as the built-in machine can tell: it runs the same packet on the same maps, and is
 * believed when it comes to the same verdict and the same bytes.
 */
export async function traceRedirect(
  object: Parameters<typeof startMachine>[0],
  request: RunRequest,
  { packetOut, possibleCpus, ...setting }: RedirectSetting & { packetOut: Uint8Array; possibleCpus: readonly number[] },
): Promise<Redirect> {
  const unknown = (reason: string): Redirect => ({
    kind: 'unknown',
    reason: `a test run does not tell, and the built-in machine ${reason}`,
  });
  try {
    const { machine, xdpRequest } = await startMachine(object, request, possibleCpus, setting.interfaces);
    const { fault, redirect, packetOut: bytes } = machine.runXdp(xdpRequest);
    if (fault !== undefined) return unknown(`cannot run this program: ${fault.message}`);
    if (redirect === undefined || !equalBytes(bytes, packetOut)) return unknown('goes another way than the kernel');
    return describeTarget(redirect, setting);
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    return unknown(`cannot run this program: ${error.message}`);
  }
}
