import { errno } from '../libbpf/errno.ts';
import { instruction, move, opcode } from './instructions.ts';
import { iterate, iteratorOver, withKernelTypes, writeOut } from './iterator.ts';
import type { LibbpfSymbols } from './symbols.ts';

/** undefined: not looked up yet; negative: the kernel has no such iterator. */
let target: number | undefined;

/** In struct bpf_iter__bpf_sk_storage_map, behind `meta` and `map`. */
const contextSocket = 16;

/**
 * Sockets that have a value in a socket storage map, which no system call lists (net/core/bpf_sk_storage.c has an iterator); counting
 * ends after `most`. -errno where it cannot be had: before kernel 5.9, or without its BTF.
 */
export function countSocketStorage(libbpf: LibbpfSymbols, mapFd: number, most: number): number {
  target ??= withKernelTypes(libbpf, (btf) => iteratorOver(libbpf, btf, 'bpf_sk_storage_map'));
  if (target === undefined || target < 0) return -errno.EOPNOTSUPP;
  const bytes = iterate(libbpf, { name: 'xdp_sk_count', target, code: counter(), mapFd, mostBytes: most });
  return typeof bytes === 'number' ? bytes : bytes.length;
}

/**
 *     if (!ctx->sk) return 0;   // the end
 *     bpf_seq_write(ctx->meta->seq, &byte, 1);
 *     return 0;
 */
function counter(): Uint8Array {
  const [r0, r1, r6, r7, fp] = [0, 1, 6, 7, 10];
  const one = [instruction(opcode.storeByte, fp, 0, -1, 0), ...writeOut(r6, 1)];
  return Buffer.concat([
    move(r6, r1),
    instruction(opcode.loadDoubleWord, r7, r6, contextSocket, 0),
    instruction(opcode.jumpIf, r7, 0, one.length, 0),
    ...one,
    instruction(opcode.moveImmediate, r0, 0, 0, 0),
    instruction(opcode.exit, 0, 0, 0, 0),
  ]);
}
