import { XdpError } from '../../core/errors.ts';
import { type XdpMd, xdpMdFields } from '../../core/xdp.ts';
import type { TestRunReply } from '../../protocol/kernel.ts';

/** What the program finds in its context. */
export interface RunContext {
  ingressIfindex?: number;
  rxQueueIndex?: number;
  /** Bytes between data_meta and data: a multiple of 4, at most 252. */
  metadata?: Uint8Array;
  cpu?: number;
  /** How many of the packet's bytes are in the linear part, the rest in fragments: data_end of ctx_in, kernel ≥ 5.18. */
  linearBytes?: number;
}

/** The bytes that the helper takes for a packet in its context. Throws `context-invalid`. */
export function inputOf(packet: Uint8Array, context: RunContext): { data: Uint8Array; ctx?: Uint8Array; cpu?: number } {
  const metadata = context.metadata ?? new Uint8Array(0);
  const ctx = contextBytes(context, packet.length);
  const data = new Uint8Array(metadata.length + packet.length);
  data.set(metadata);
  data.set(packet, metadata.length);
  return { data, ...(ctx ? { ctx } : {}), ...(context.cpu === undefined ? {} : { cpu: context.cpu }) };
}

/**
 * ctx_in as net/bpf/test_run.c wants it: `data` is the metadata length, `data_end` the end of the linear part (as a rule
 * the whole input, which the kernel cuts down to what fits), `data_meta` 0.
 * Absent when nothing was asked for, so that the program sees the kernel's own defaults.
 */
function contextBytes(context: RunContext, packetLength: number): Uint8Array | undefined {
  const metadataLength = context.metadata?.length ?? 0;
  const { ingressIfindex, rxQueueIndex, linearBytes } = context;
  const isPlain = ingressIfindex === undefined && rxQueueIndex === undefined && linearBytes === undefined;
  if (metadataLength === 0 && isPlain) return undefined;
  if (metadataLength % 4 !== 0 || metadataLength > 252) {
    throw new XdpError('context-invalid', `Metadata is ${metadataLength} bytes long.`, {
      fix: 'The kernel takes a multiple of 4 bytes, at most 252.',
    });
  }
  if (rxQueueIndex !== undefined && rxQueueIndex !== 0 && ingressIfindex === undefined) {
    throw new XdpError('context-invalid', 'rx_queue_index was given without ingress_ifindex.', {
      fix: 'Name the interface whose queue this is: the kernel looks the queue up there.',
    });
  }
  if (linearBytes !== undefined && linearBytes > packetLength) {
    throw new XdpError('context-invalid', `linear is ${linearBytes}, but the packet has ${packetLength} bytes.`, {
      fix: "It says how many of the packet's bytes are in the linear part; the rest goes into fragments.",
    });
  }
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, metadataLength, true);
  view.setUint32(4, metadataLength + (linearBytes ?? packetLength), true);
  view.setUint32(12, ingressIfindex ?? 0, true);
  view.setUint32(16, rxQueueIndex ?? 0, true);
  return bytes;
}

/** data_out starts at data_meta: what lies before `data` is metadata. */
export function splitOutput(reply: Pick<TestRunReply, 'dataOut' | 'ctxOut'>): {
  packetOut: Uint8Array;
  metadataOut: Uint8Array;
  ctxOut: XdpMd;
} {
  const view = new DataView(reply.ctxOut.buffer, reply.ctxOut.byteOffset, reply.ctxOut.byteLength);
  const ctxOut = Object.fromEntries(
    xdpMdFields.map((field, index) => [field, index * 4 + 4 <= view.byteLength ? view.getUint32(index * 4, true) : 0]),
  ) as XdpMd;
  const metadataLength = Math.min(ctxOut.data, reply.dataOut.length);
  return {
    metadataOut: reply.dataOut.slice(0, metadataLength),
    packetOut: reply.dataOut.slice(metadataLength),
    ctxOut,
  };
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
