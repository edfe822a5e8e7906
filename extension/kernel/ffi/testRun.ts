import koffi from 'koffi';
import type { LiveRunRequest, TestRunOutcome, TestRunRequest } from '../libbpf/port.ts';
import { copyOut, nativeCopy } from './memory.ts';

const optsBytes = 80; // struct bpf_test_run_opts
const ctxBytes = 24; // struct xdp_md

/** The kernel stops a repeat loop on any pending signal or task work; Node's event loop causes both. */
const maxInterruptions = 20;
const EINTR = -4;

interface Prepared {
  opts: Buffer;
  again(): void;
  outcome(result: number): TestRunOutcome;
}

/**
 * `struct bpf_test_run_opts` filled by hand: koffi writes structures with pointers back after the call. Native memory,
 * since the kernel may write it from another thread while JavaScript runs.
 */
function prepare(request: TestRunRequest): Prepared & { free(): void } {
  const dataIn = nativeCopy(request.data);
  const ctxIn = request.ctx === undefined ? undefined : nativeCopy(request.ctx);
  const dataOut = koffi.alloc('uint8_t', request.outBytes) as bigint;
  const ctxOut = nativeCopy(new Uint8Array(ctxBytes));
  const opts = Buffer.alloc(optsBytes);
  opts.writeBigUInt64LE(BigInt(optsBytes), 0);
  opts.writeBigUInt64LE(dataIn, 8);
  opts.writeBigUInt64LE(dataOut, 16);
  opts.writeUInt32LE(request.data.length, 24);
  if (ctxIn !== undefined) opts.writeBigUInt64LE(ctxIn, 32);
  opts.writeUInt32LE(request.ctx?.length ?? 0, 48);
  opts.writeBigUInt64LE(ctxOut, 40);
  opts.writeInt32LE(request.repeat, 60);
  return {
    opts,
    again: () => {
      opts.writeUInt32LE(request.outBytes, 28);
      opts.writeUInt32LE(ctxBytes, 52);
    },
    outcome: (result) => ({
      result,
      retval: opts.readUInt32LE(56),
      durationNs: opts.readUInt32LE(64),
      dataOut: copyOut(dataOut, Math.min(opts.readUInt32LE(28), request.outBytes)),
      ctxOut: copyOut(ctxOut, ctxBytes),
    }),
    free: () => {
      for (const pointer of [dataIn, dataOut, ctxOut]) koffi.free(pointer);
      if (ctxIn !== undefined) koffi.free(ctxIn);
    },
  };
}

export function runTest(call: (opts: Uint8Array) => number, request: TestRunRequest): TestRunOutcome {
  const prepared = prepare(request);
  try {
    let result = EINTR;
    for (let attempt = 0; result === EINTR && attempt < maxInterruptions; attempt++) {
      prepared.again();
      result = call(prepared.opts);
    }
    return prepared.outcome(result);
  } finally {
    prepared.free();
  }
}

export async function runTestInBackground(
  call: (opts: Uint8Array) => Promise<number>,
  request: TestRunRequest,
): Promise<TestRunOutcome> {
  const prepared = prepare(request);
  try {
    let result = EINTR;
    for (let attempt = 0; result === EINTR && attempt < maxInterruptions; attempt++) {
      prepared.again();
      result = await call(prepared.opts);
    }
    return prepared.outcome(result);
  } finally {
    prepared.free();
  }
}

const liveFrames = 1 << 1; // BPF_F_TEST_XDP_LIVE_FRAMES

/** Never repeated after EINTR: the frames that were sent are on their way. No output may be asked for. */
export async function runLive(
  call: (opts: Uint8Array) => Promise<number>,
  { data, ctx, frames, batch }: LiveRunRequest,
): Promise<{ result: number; durationNs: number }> {
  const dataIn = nativeCopy(data);
  const ctxIn = nativeCopy(ctx);
  const opts = Buffer.alloc(optsBytes);
  opts.writeBigUInt64LE(BigInt(optsBytes), 0);
  opts.writeBigUInt64LE(dataIn, 8);
  opts.writeUInt32LE(data.length, 24);
  opts.writeBigUInt64LE(ctxIn, 32);
  opts.writeUInt32LE(ctx.length, 48);
  opts.writeInt32LE(frames, 60);
  opts.writeUInt32LE(liveFrames, 68);
  opts.writeUInt32LE(batch, 76);
  try {
    const result = await call(opts);
    return { result, durationNs: opts.readUInt32LE(64) };
  } finally {
    koffi.free(dataIn);
    koffi.free(ctxIn);
  }
}
