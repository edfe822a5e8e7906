import { XdpError } from '../../../core/errors.ts';
import { testRunLimits, xdpMdFields } from '../../../core/xdp.ts';
import { errno, errnoName, errnoText } from '../../libbpf/errno.ts';
import { loadCapabilities, privilegeError } from '../object/failures.ts';

const ctxBytes = 4 * xdpMdFields.length;

/** What bpf_prog_test_run_xdp() in net/bpf/test_run.c would only answer EINVAL to. `data` begins with the metadata. */
export function checkPacket(data: Uint8Array, ctx: Uint8Array | undefined): void {
  checkContext(ctx, data.length);
  const metadata = ctx === undefined ? 0 : fieldOf(ctx, 'data');
  if (data.length - metadata >= testRunLimits.minPacket) return;
  throw new XdpError(
    'packet-too-short',
    `A packet of ${data.length - metadata} bytes cannot be run: the kernel wants a whole Ethernet header`,
    { fix: `Give at least ${testRunLimits.minPacket} bytes.`, details: { length: data.length - metadata } },
  );
}

/**
 * Asked for the context after the run, the kernel takes an absent one as all zeros, and data_end 0 would leave nothing of
 * the packet in reach of direct access. This one says what no context means; the program sees the same.
 */
export function plainContext(length: number): Uint8Array {
  const ctx = new Uint8Array(ctxBytes);
  const linear = Math.min(length, testRunLimits.maxLinear);
  new DataView(ctx.buffer).setUint32(4 * xdpMdFields.indexOf('data_end'), linear, true);
  return ctx;
}

/** The rules of bpf_prog_test_run_xdp() in net/bpf/test_run.c, which answers EINVAL to all of them. */
export function checkContext(ctx: Uint8Array | undefined, dataLength: number): void {
  if (ctx === undefined) return;
  if (ctx.length !== ctxBytes) throw contextError(`it has ${ctx.length} bytes; struct xdp_md has ${ctxBytes}`);
  const data = fieldOf(ctx, 'data');
  const dataEnd = fieldOf(ctx, 'data_end');
  if (fieldOf(ctx, 'data_meta') !== 0) throw contextError('data_meta must be 0: metadata starts where the bytes start');
  if (data % testRunLimits.metadataAlign !== 0 || data > testRunLimits.maxMetadata) {
    throw contextError(
      `data (the length of the metadata) is ${data}; the kernel takes multiples of ${testRunLimits.metadataAlign} up to ${testRunLimits.maxMetadata}`,
    );
  }
  if (dataEnd > dataLength || dataEnd < data) {
    throw contextError(`data_end is ${dataEnd}, but ${dataLength} bytes were given (${data} of them metadata)`);
  }
  if (dataEnd - data < testRunLimits.minPacket && dataLength - data >= testRunLimits.minPacket) {
    throw contextError(
      `data_end leaves ${dataEnd - data} bytes in reach; set it to ${dataLength}, the length of the bytes`,
    );
  }
  if (fieldOf(ctx, 'egress_ifindex') !== 0) throw contextError('egress_ifindex must be 0: only the kernel sets it');
  if (fieldOf(ctx, 'rx_queue_index') !== 0 && fieldOf(ctx, 'ingress_ifindex') === 0) {
    throw contextError('rx_queue_index needs an ingress_ifindex');
  }
}

function fieldOf(ctx: Uint8Array, field: (typeof xdpMdFields)[number]): number {
  if (ctx.length !== ctxBytes) return 0;
  return new DataView(ctx.buffer, ctx.byteOffset).getUint32(4 * xdpMdFields.indexOf(field), true);
}

function contextError(why: string): XdpError {
  return new XdpError('context-invalid', `The kernel does not take this context: ${why}`, {
    fix: 'Correct the context, or run without one.',
  });
}

/** What was run, for the words of a failure. */
export interface RefusedRun {
  program: string;
  data: Uint8Array;
  ctx?: Uint8Array | undefined;
  repeat: number;
}

export function testRunError(capabilities: readonly string[], params: RefusedRun, result: number): XdpError {
  const details = { errno: -result, errnoName: errnoName(result) };
  const { length } = params.data;
  const large = length > testRunLimits.maxLinear;
  switch (-result) {
    case errno.EPERM:
      return privilegeError('Running a packet', capabilities, loadCapabilities);
    case errno.ENODEV:
      return contextError('there is no interface with that ingress_ifindex in this network namespace');
    case errno.EINTR:
      return new XdpError('test-run-failed', `The kernel was interrupted again and again in ${params.repeat} repeats`, {
        fix: 'Use fewer repeats.',
        details,
      });
    case errno.ENOTSUPP:
    case errno.EOPNOTSUPP:
      return new XdpError('test-run-failed', `The kernel cannot run ${params.program} on a packet of the user's`, {
        fix: 'It offers that for XDP and a few other program types.',
        details,
      });
    case errno.ENOMEM:
    case errno.E2BIG:
    case errno.EINVAL:
      if (large) return tooLong(length, details);
      if (params.ctx !== undefined && fieldOf(params.ctx, 'data') > testRunLimits.sureMetadata) {
        return contextError(
          `${fieldOf(params.ctx, 'data')} bytes of metadata are too many for this kernel; up to ${testRunLimits.sureMetadata} always work`,
        );
      }
      if (params.ctx !== undefined && fieldOf(params.ctx, 'ingress_ifindex') !== 0) {
        return contextError('the interface has no receive queue of that index');
      }
      return new XdpError('test-run-failed', `The kernel refused to run ${params.program}: ${errnoText(result)}`, {
        fix:
          'The kernel runs no programs of devmap and cpumap entries this way (xdp/devmap, xdp/cpumap), and none that are bound ' +
          'to a device (hardware metadata). The built-in machine does: --engine vm.',
        details,
      });
    default:
      return new XdpError('test-run-failed', `Running ${params.program} failed: ${errnoText(result)}`, { details });
  }
}

function tooLong(length: number, details: { errno: number; errnoName: string }): XdpError {
  return new XdpError('packet-too-long', `The kernel does not run a packet of ${length} bytes`, {
    fix: `Up to ${testRunLimits.maxLinear} bytes always work; more only on newer kernels, in fragments, up to about 73,000.`,
    details: { ...details, length },
  });
}
