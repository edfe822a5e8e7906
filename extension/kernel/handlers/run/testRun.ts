import { XdpError } from '../../../core/errors.ts';
import type { EventRecords, kernelContract, TestRunReply } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errnoText } from '../../libbpf/errno.ts';
import type { TestRunOutcome, TestRunRequest } from '../../libbpf/port.ts';
import type { Context } from '../context.ts';
import { requireXdp, type StoredProgram } from '../object/objects.ts';
import { checkPacket, plainContext, testRunError } from './constraints.ts';
import { type EventReaders, readersOf } from './events.ts';

type TestRunHandlers = Pick<Handlers<typeof kernelContract>, 'program/testRun'>;

/** Room for what a program may add: 252 bytes of metadata, headroom in front, a page of tail in the last fragment. */
const growthBytes = 8192;

export function testRunHandlers(context: Context): TestRunHandlers {
  return {
    'program/testRun': (params) =>
      context.objects.using(params.object, async () => {
        const program = xdpProgram(context, params.object, params.program);
        const { repeat, capturePrintk, events = [] } = params;
        // Repeats go to another thread. A single run is too short for that to pay; affinity and trace belong to a thread.
        if (repeat > 1 && params.cpu === undefined && !capturePrintk) {
          const request = requestOf(params, repeat);
          const outcome = await context.libbpf.testRunInBackground(program.fd, request);
          return replyOf(context, program, params, outcome);
        }
        const listening = listen(context, { capturePrintk, readers: readersOf(context, params.object, events) });
        try {
          return runOnce(context, program, { ...params, repeat }, listening);
        } finally {
          listening.close();
        }
      }),
  };
}

/** Throws `usage` for programs of other types. */
export function xdpProgram(context: Context, object: number, name: string): StoredProgram {
  const program = context.objects.program(object, name);
  requireXdp(program, 'cannot be run on a packet as XDP');
  return program;
}

/** One call of BPF_PROG_TEST_RUN. */
export interface RunParams {
  data: Uint8Array;
  ctx?: Uint8Array | undefined;
  cpu?: number | undefined;
  repeat: number;
}

/** What is heard of a run beside its reply. */
export interface Listening {
  take(): Pick<TestRunReply, 'printk' | 'printkProblem' | 'events'>;
  close(): void;
}

export function listen(
  context: Context,
  { capturePrintk, readers }: { capturePrintk: boolean; readers: EventReaders },
): Listening {
  const printk = capturePrintk ? context.system.printk.open() : undefined;
  return {
    take: () => {
      const events: EventRecords[] = readers.take();
      return {
        ...(events.length === 0 ? {} : { events }),
        ...(printk === undefined
          ? {}
          : 'problem' in printk
            ? { printkProblem: printk.problem }
            : { printk: printk.take() }),
      };
    },
    close: () => {
      if (printk !== undefined && !('problem' in printk)) printk.close();
    },
  };
}

/** On this thread, on one CPU if asked for. Throws what the kernel refuses, in words. */
export function runOnce(
  context: Context,
  program: StoredProgram,
  params: RunParams,
  listening: Listening,
): TestRunReply {
  const request = requestOf(params, params.repeat);
  const outcome =
    params.cpu === undefined
      ? context.libbpf.testRun(program.fd, request)
      : context.system.onCpu(params.cpu, () => context.libbpf.testRun(program.fd, request));
  if (typeof outcome === 'number') {
    throw new XdpError('test-run-failed', `CPU ${params.cpu} cannot be used: ${errnoText(outcome)}`, {
      fix: `Online CPUs: ${context.system.onlineCpus().join(', ')}`,
    });
  }
  return { ...replyOf(context, program, params, outcome), ...listening.take() };
}

function requestOf({ data, ctx }: RunParams, repeat: number): TestRunRequest {
  checkPacket(data, ctx);
  return {
    data,
    outBytes: data.length + growthBytes,
    ctx: ctx ?? plainContext(data.length),
    repeat: Math.max(1, repeat),
  };
}

function replyOf(context: Context, program: StoredProgram, params: RunParams, outcome: TestRunOutcome): TestRunReply {
  if (outcome.result < 0) {
    throw testRunError(context.system.capabilities(), { ...params, program: program.name }, outcome.result);
  }
  const { retval, durationNs, dataOut, ctxOut } = outcome;
  return { retval, durationNs, dataOut, ctxOut };
}
