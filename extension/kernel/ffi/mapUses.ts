import { errno } from '../libbpf/errno.ts';
import type { MapUse } from '../libbpf/port.ts';
import { instruction, move, opcode } from './instructions.ts';
import { iterate, iteratorOver, withKernelTypes, writeOut } from './iterator.ts';
import type { Pointer } from './library.ts';
import { copyOut } from './memory.ts';
import type { LibbpfSymbols } from './symbols.ts';

const BTF_KIND_STRUCT = 4;

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

/** In struct bpf_iter__bpf_map, behind `meta`. */
const contextMap = 8;

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
  const code = reader(known.map);
  const bytes = iterate(libbpf, { name: 'xdp_map_uses', target: known.target, code });
  return typeof bytes === 'number' ? bytes : decode(bytes);
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
function reader(map: Places['map']): Uint8Array {
  const [r0, r1, r2, r6, r7, fp] = [0, 1, 2, 6, 7, 10];
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
    ...writeOut(r6, recordBytes),
  ];
  return Buffer.concat([
    move(r6, r1),
    instruction(opcode.loadDoubleWord, r7, r6, contextMap, 0),
    instruction(opcode.jumpIf, r7, 0, record.length, 0),
    ...record,
    instruction(opcode.moveImmediate, r0, 0, 0, 0),
    instruction(opcode.exit, 0, 0, 0, 0),
  ]);
}

function places(libbpf: LibbpfSymbols): Places | undefined {
  return withKernelTypes(libbpf, (btf) => {
    const target = iteratorOver(libbpf, btf, 'bpf_map');
    const struct = libbpf.btfFind(btf, 'bpf_map', BTF_KIND_STRUCT);
    const type = struct < 0 ? null : libbpf.btfType(btf, struct);
    if (target < 0 || type === null) return undefined;
    const offsets = offsetsIn(type, (name) => libbpf.btfName(btf, name) ?? '');
    const [id, map_type, refcnt, usercnt, name] = members.map((member) => offsets.get(member));
    if (id === undefined || map_type === undefined || refcnt === undefined) return undefined;
    if (usercnt === undefined || name === undefined) return undefined;
    return { target, map: { id, map_type, refcnt, usercnt, name } };
  });
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
