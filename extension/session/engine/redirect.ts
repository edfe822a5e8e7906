import { XdpError } from '../../core/errors.ts';
import { keyAt, type RawPage, valueAt } from '../../core/maps/entries.ts';
import type { BpfObject } from '../bpfObject.ts';
import { equalBytes } from '../run/input.ts';
import { describeTarget, type Redirect, type RedirectSetting } from '../run/redirect.ts';
import type { RunRequest } from '../run/run.ts';
import { startMachine } from './vm.ts';

export interface TracedRun extends RedirectSetting {
  /** What the kernel made of the packet. */
  packetOut: Uint8Array;
  possibleCpus: readonly number[];
  /** The maps before the run. */
  before: ReadonlyMap<string, RawPage>;
}

/** What is in these refers to programs and maps of the kernel; the machine has its own. */
const referenceTypes = new Set(['prog_array', 'array_of_maps', 'hash_of_maps']);

/**
 * Where the kernel's XDP_REDIRECT goes, as far as the built-in machine can tell: it runs the same packet on the same maps, and is
 * believed when it comes to the same verdict and the same bytes.
 */
export function traceRedirect(
  object: BpfObject,
  request: Omit<RunRequest, 'repeat'>,
  { packetOut, possibleCpus, before, ...setting }: TracedRun,
): Redirect {
  const unknown = (reason: string): Redirect => ({
    kind: 'unknown',
    reason: `a test run does not tell, and the built-in machine ${reason}`,
  });
  try {
    const { machine, xdpRequest } = startMachine(object, request, possibleCpus);
    for (const { schema } of setting.maps) {
      const page = before.get(schema.name);
      const map = machine.map(schema.name);
      if (page === undefined || map === undefined || referenceTypes.has(schema.type)) continue;
      for (let at = 0; at < page.count; at++) map.set(keyAt(schema, page, at), valueAt(schema, page, at));
    }
    const { fault, redirect, packetOut: bytes } = machine.runXdp(xdpRequest);
    if (fault !== undefined) return unknown(`cannot run this program: ${fault.message}`);
    if (redirect === undefined || !equalBytes(bytes, packetOut)) return unknown('goes another way than the kernel');
    return describeTarget(redirect, setting);
  } catch (error) {
    if (!(error instanceof XdpError)) throw error;
    return unknown(`cannot run this program: ${error.message}`);
  }
}
