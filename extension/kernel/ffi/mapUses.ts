import { readSync } from 'node:fs';
import { errno } from '../libbpf/errno.ts';
import type { MapUse } from '../libbpf/port.ts';
import { call, instruction, move, opcode } from './instructions.ts';
import { closeFd } from './libc.ts';
import type { Pointer } from './library.ts';
import { copyOut } from './memory.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BPF_PROG_TYPE_TRACING = 26;
const BPF_TRACE_ITER = 28; // enum bpf_attach_type
const BTF_KIND_STRUCT = 4;
const BTF_KIND_FUNC = 12;

/** What the program writes of each map: id, type, refcnt, usercnt, name. */
const recordBytes = 40;
const nameBytes = 16; // BPF_OBJ_NAME_LEN

/** Where the running kernel has what the program reads. */
interface Places {
  /** BTF id of the function that such a program stands for. */
  target: number;
  /** In bytes from the start of a struct bpf_map. */
  map: Readonly<Record<(typeof members)[number], number>>;
}
const members = ['id', 'map_type', 'refcnt', 'usercnt', 'name'] as const;

/** struct bpf_iter__bpf_map has two pointers, each in a union of 8 bytes; struct bpf_iter_meta begins with such a one. */
const context = { meta: 0, map: 8 } as const;
const metaSeq = 0;

/** undefined: not looked up yet; null: the kernel does not tell. */
let known: Places | null | undefined;

/**
 * Every map and who holds it, from the kernel's own counts. No system call tells them, and which programs use a map is told to
 * CAP_SYS_ADMIN only; an iterator (kernel/bpf/map_iter.c) shows both to CAP_BPF and CAP_PERFMON. Kernel ≥ 5.8 with BTF; -errno where
 * it cannot be had.
 */
export function mapUses(libbpf: LibbpfSymbols): MapUse[] | number {
  if (known === undefined) known = places(libbpf) ?? null;
  if (known === null) return -errno.EOPNOTSUPP;
  const open: number[] = [];
  try {
    const code = reader(known);
    const opts = Buffer.alloc(48); // struct bpf_prog_load_opts: sz, attempts, expected_attach_type, …, attach_btf_id at 32
    opts.writeBigUInt64LE(BigInt(opts.length), 0);
    opts.writeUInt32LE(BPF_TRACE_ITER, 12);
    opts.writeUInt32LE(known.target, 32);
    const program = libbpf.programLoad(BPF_PROG_TYPE_TRACING, 'xdp_map_uses', 'GPL', code, code.length / 8, opts);
    if (program < 0) return program;
    open.push(program);
    const link = libbpf.linkCreate(program, 0, BPF_TRACE_ITER, null);
    if (link < 0) return link;
    open.push(link);
    const iterator = libbpf.iterCreate(link);
    if (iterator < 0) return iterator;
    open.push(iterator);
    return decode(readAll(iterator));
  } catch {
    return -errno.EIO; // readSync() throws what the kernel answered.
  } finally {
    for (const fd of open.reverse()) closeFd(fd);
  }
}

function readAll(fd: number): Buffer {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(1 << 16);
    const length = readSync(fd, chunk);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
  }
}

function decode(bytes: Buffer): MapUse[] {
  return Array.from({ length: Math.floor(bytes.length / recordBytes) }, (_, index) => {
    const record = bytes.subarray(index * recordBytes, (index + 1) * recordBytes);
    const holders = Number(record.readBigUInt64LE(16));
    // Whoever holds a descriptor or a pin is counted twice; the iterator holds the map that it is at.
    const inKernel = Number(record.readBigUInt64LE(8)) - holders - 1;
    const name = record.toString('utf8', 24, 24 + nameBytes);
    return {
      id: record.readUInt32LE(0),
      type: record.readUInt32LE(4),
      holders,
      inKernel,
      name: name.replace(/\0.*$/s, ''),
    };
  });
}

/**
 *     if (!ctx->map) return 0;   // the end
 *     record = { map->id, map->map_type, map->refcnt, map->usercnt, map->name };
 *     bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
 *     return 0;
 */
function reader({ map }: Places): Uint8Array {
  const [r0, r1, r2, r3, r6, r7, fp] = [0, 1, 2, 3, 6, 7, 10];
  const word = (from: number, to: number): Buffer[] => [
    instruction(opcode.loadWord, r2, r7, from, 0),
    instruction(opcode.storeRegisterWord, fp, r2, to - recordBytes, 0),
  ];
  const doubleWord = (from: number, to: number): Buffer[] => [
    instruction(opcode.loadDoubleWord, r2, r7, from, 0),
    instruction(opcode.storeRegisterDoubleWord, fp, r2, to - recordBytes, 0),
  ];
  const record = [
    ...word(map.id, 0),
    ...word(map.map_type, 4),
    ...doubleWord(map.refcnt, 8),
    ...doubleWord(map.usercnt, 16),
    ...doubleWord(map.name, 24),
    ...doubleWord(map.name + 8, 32),
    instruction(opcode.loadDoubleWord, r1, r6, context.meta, 0),
    instruction(opcode.loadDoubleWord, r1, r1, metaSeq, 0),
    move(r2, fp),
    instruction(opcode.addImmediate, r2, 0, 0, -recordBytes),
    instruction(opcode.moveImmediate, r3, 0, 0, recordBytes),
    call(bpfSeqWrite),
  ];
  return Buffer.concat([
    move(r6, r1),
    instruction(opcode.loadDoubleWord, r7, r6, context.map, 0),
    instruction(opcode.jumpIf, r7, 0, record.length, 0),
    ...record,
    instruction(opcode.moveImmediate, r0, 0, 0, 0),
    instruction(opcode.exit, 0, 0, 0, 0),
  ]);
}

/** include/uapi/linux/bpf.h */
const bpfSeqWrite = 127;

function places(libbpf: LibbpfSymbols): Places | undefined {
  const btf = libbpf.vmlinuxBtf();
  if (btf === null) return undefined;
  try {
    const target = libbpf.btfFind(btf, 'bpf_iter_bpf_map', BTF_KIND_FUNC);
    const struct = libbpf.btfFind(btf, 'bpf_map', BTF_KIND_STRUCT);
    const type = struct < 0 ? null : libbpf.btfType(btf, struct);
    if (target < 0 || type === null) return undefined;
    const offsets = offsetsIn(type, (name) => libbpf.btfName(btf, name) ?? '');
    const [id, map_type, refcnt, usercnt, name] = members.map((member) => offsets.get(member));
    if (id === undefined || map_type === undefined || refcnt === undefined) return undefined;
    if (usercnt === undefined || name === undefined) return undefined;
    return { target, map: { id, map_type, refcnt, usercnt, name } };
  } finally {
    libbpf.btfFree(btf);
  }
}

/** Bytes from the start of a struct to each of its members: include/uapi/linux/btf.h, struct btf_type and struct btf_member. */
function offsetsIn(type: Pointer, nameAt: (offset: number) => string): Map<string, number> {
  const view = (from: bigint, length: number): DataView => new DataView(copyOut(type + from, length).buffer);
  const count = view(4n, 4).getUint32(0, true) & 0xffff;
  const list = view(12n, 12 * count);
  return new Map(
    Array.from({ length: count }, (_, index) => [
      nameAt(list.getUint32(12 * index, true)),
      (list.getUint32(12 * index + 8, true) & 0xffffff) / 8,
    ]),
  );
}
