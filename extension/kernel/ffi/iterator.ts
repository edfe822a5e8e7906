import koffi from 'koffi';
import { readSync } from 'node:fs';
import { errno } from '../libbpf/errno.ts';
import { call, instruction, move, opcode } from './instructions.ts';
import { closeFd } from './libc.ts';
import type { Pointer } from './library.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BPF_PROG_TYPE_TRACING = 26;
const BPF_TRACE_ITER = 28; // enum bpf_attach_type
const BTF_KIND_FUNC = 12;
const bpfSeqWrite = 127; // include/uapi/linux/bpf.h

/** A program that the kernel runs for each thing of a kind (Documentation/bpf/bpf_iterators.rst). */
export interface Iterator {
  name: string;
  /** What iteratorOver() found. */
  target: number;
  code: Uint8Array;
  /** Of a kind that is about one map. */
  mapFd?: number;
  /** Reading ends when there are as many; all by default. */
  mostBytes?: number;
}

/** What the program writes of all of them. Nothing of it stays loaded. -errno on failure. CAP_BPF and CAP_PERFMON. */
export function iterate(libbpf: LibbpfSymbols, { name, target, code, mapFd, mostBytes }: Iterator): Buffer | number {
  const open: number[] = [];
  try {
    const opts = Buffer.alloc(48); // struct bpf_prog_load_opts: sz, attempts, expected_attach_type, …, attach_btf_id at 32
    opts.writeBigUInt64LE(BigInt(opts.length), 0);
    opts.writeUInt32LE(BPF_TRACE_ITER, 12);
    opts.writeUInt32LE(target, 32);
    const program = libbpf.programLoad(BPF_PROG_TYPE_TRACING, name, 'GPL', code, code.length / 8, opts);
    if (program < 0) return program;
    open.push(program);
    const link = linkOf(libbpf, program, mapFd);
    if (link < 0) return link;
    open.push(link);
    const iterator = libbpf.iterCreate(link);
    if (iterator < 0) return iterator;
    open.push(iterator);
    return readAll(iterator, mostBytes ?? Number.POSITIVE_INFINITY);
  } catch {
    return -errno.EIO; // readSync() throws what the kernel answered.
  } finally {
    for (const fd of open.reverse()) closeFd(fd);
  }
}

function linkOf(libbpf: LibbpfSymbols, program: number, mapFd: number | undefined): number {
  if (mapFd === undefined) return libbpf.linkCreate(program, 0, BPF_TRACE_ITER, null);
  const info = Buffer.alloc(16); // union bpf_iter_link_info: map_fd
  info.writeUInt32LE(mapFd, 0);
  const opts = Buffer.alloc(64); // struct bpf_link_create_opts: sz, flags, iter_info at 16, iter_info_len
  opts.writeBigUInt64LE(BigInt(opts.length), 0);
  opts.writeBigUInt64LE(koffi.address(info), 16);
  opts.writeUInt32LE(info.length, 24);
  return libbpf.linkCreate(program, 0, BPF_TRACE_ITER, opts);
}

function readAll(fd: number, most: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; total < most; ) {
    const chunk = Buffer.alloc(1 << 16);
    const length = readSync(fd, chunk);
    if (length === 0) break;
    chunks.push(chunk.subarray(0, length));
    total += length;
  }
  return Buffer.concat(chunks);
}

/**
 * bpf_seq_write(ctx->meta->seq, the last bytes of the stack, …). `meta` is the first pointer of every context and `seq` the first of
 * struct bpf_iter_meta. `context`: the register that keeps it.
 */
export function writeOut(context: number, bytes: number): Buffer[] {
  const [r1, r2, r3, fp] = [1, 2, 3, 10];
  return [
    instruction(opcode.loadDoubleWord, r1, context, 0, 0),
    instruction(opcode.loadDoubleWord, r1, r1, 0, 0),
    move(r2, fp),
    instruction(opcode.addImmediate, r2, 0, 0, -bytes),
    instruction(opcode.moveImmediate, r3, 0, 0, bytes),
    call(bpfSeqWrite),
  ];
}

/** The types of the running kernel; undefined where it has none. */
export function withKernelTypes<T>(libbpf: LibbpfSymbols, look: (btf: Pointer) => T | undefined): T | undefined {
  const btf = libbpf.vmlinuxBtf();
  if (btf === null) return undefined;
  try {
    return look(btf);
  } finally {
    libbpf.btfFree(btf);
  }
}

/** The BTF id of the function that a program over a kind of things stands for; negative where the kernel has none. */
export function iteratorOver(libbpf: LibbpfSymbols, btf: Pointer, kind: string): number {
  return libbpf.btfFind(btf, `bpf_iter_${kind}`, BTF_KIND_FUNC);
}
