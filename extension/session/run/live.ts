import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { BpfObject } from '../bpfObject.ts';
import { RunInstance } from './instance.ts';
import type { MapChanges, RunRequest } from './run.ts';

/** What the kernel allocates and flushes together unless told otherwise: net/bpf/test_run.c, NAPI_POLL_WEIGHT. */
export const defaultBatch = 64;
/** TEST_XDP_MAX_BATCH. */
export const maxBatch = 256;

export interface LiveRequest extends Pick<RunRequest, 'program' | 'packet' | 'context' | 'setups'> {
  frames: number;
  batch?: number;
}

export interface LiveResult {
  frames: number;
  batch: number;
  /** The kernel's mean for one frame, in nanoseconds. */
  durationNs: number;
  /** While frames ran, by the kernel's mean. */
  packetsPerSecond: number;
  /** From call to return: with what the kernel needs to set up a run, some ten milliseconds. */
  elapsedMs: number;
  maps: MapChanges[];
}

/**
 * Sends copies of a packet through a program as live frames: XDP_PASS goes into the network stack of the context's interface,
 * XDP_TX out of it, XDP_REDIRECT where it says. The kernel tells no verdicts; what counts them is in the maps.
 */
export async function runLive(client: HelperClient, object: BpfObject, request: LiveRequest): Promise<LiveResult> {
  const { packet, context, frames, batch } = request;
  if (context.ingressIfindex === undefined) {
    throw new XdpError('context-invalid', 'Live frames come in by an interface, and none was given.', {
      fix: 'Name it: {"ingress_ifindex": "veth0"}. `xdp lab up` makes one that belongs to nobody.',
    });
  }
  if (context.cpu !== undefined || context.linearBytes !== undefined) {
    throw new XdpError('context-invalid', 'Live frames take neither a CPU nor fragments.', {
      fix: 'Leave out cpu and linear.',
    });
  }
  const instance = await RunInstance.fresh(client, object, request);
  try {
    const before = await instance.snapshot();
    const how = { frames, ...(batch === undefined ? {} : { batch }) };
    const { durationNs, elapsedNs } = await instance.live(packet, context, how);
    return {
      frames,
      batch: batch ?? defaultBatch,
      durationNs,
      packetsPerSecond: Math.round(1e9 / Math.max(1, durationNs)),
      elapsedMs: Number(elapsedNs) / 1e6,
      maps: instance.changes(before, await instance.snapshot()),
    };
  } finally {
    await instance.close();
  }
}
