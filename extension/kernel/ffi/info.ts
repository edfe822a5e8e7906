import { readFileSync } from 'node:fs';
import type { BpfLinkInfo, BpfMapFacts, BpfMapInfo, BpfProgramInfo } from '../libbpf/port.ts';

/** Layouts of the info structures. Source: include/uapi/linux/bpf.h; offsets hold on every 64-bit ABI. */

const namedAt = (bytes: Buffer, at: number): string => {
  const name = bytes.subarray(at, at + 16); // BPF_OBJ_NAME_LEN
  const end = name.indexOf(0);
  return name.toString('utf8', 0, end < 0 ? 16 : end);
};

export const mapInfoBytes = 88;
export function decodeMapInfo(bytes: Buffer): BpfMapInfo {
  return {
    type: bytes.readUInt32LE(0),
    id: bytes.readUInt32LE(4),
    keySize: bytes.readUInt32LE(8),
    valueSize: bytes.readUInt32LE(12),
    maxEntries: bytes.readUInt32LE(16),
    flags: bytes.readUInt32LE(20),
    name: namedAt(bytes, 24),
    btfId: bytes.readUInt32LE(64),
    btfKeyTypeId: bytes.readUInt32LE(68),
    btfValueTypeId: bytes.readUInt32LE(72),
    vmlinuxValueTypeId: bytes.readUInt32LE(44),
  };
}

export const programInfoBytes = 232;
/** Offsets of `nr_map_ids` and `map_ids`, which the caller sets to receive the ids. */
export const programInfoMapCount = 52;
export const programInfoMapIds = 56;
export function decodeProgramInfo(bytes: Buffer, mapIds: number[], typeName: string): BpfProgramInfo {
  return {
    type: typeName,
    id: bytes.readUInt32LE(4),
    tag: bytes.toString('hex', 8, 16),
    mapIds,
    name: namedAt(bytes, 64),
    btfId: bytes.readUInt32LE(128),
    runTimeNs: bytes.readBigUInt64LE(192),
    runCount: bytes.readBigUInt64LE(200),
  };
}

export const linkInfoBytes = 64;
export function decodeLinkInfo(bytes: Buffer): BpfLinkInfo {
  const [BPF_LINK_TYPE_TRACING, BPF_LINK_TYPE_XDP] = [2, 6];
  const type = bytes.readUInt32LE(0);
  const xdp = type === BPF_LINK_TYPE_XDP;
  // After `attach_type`; an extension program (freplace) has a tracing link.
  const target = { programId: bytes.readUInt32LE(20), btfId: bytes.readUInt32LE(24) };
  return {
    id: bytes.readUInt32LE(4),
    programId: bytes.readUInt32LE(8),
    xdp,
    ifindex: xdp ? bytes.readUInt32LE(16) : 0,
    ...(type === BPF_LINK_TYPE_TRACING ? { target } : {}),
  };
}

/** What only its fdinfo tells of a map (kernel/bpf/syscall.c, bpf_map_show_fdinfo()). */
export function mapFacts(fd: number): BpfMapFacts {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    const memory = /^memlock:\s*(\d+)$/m.exec(text)?.[1];
    // Octal, as open(2) would take them: 0 read, 1 write, 2 both.
    const mode = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? '2', 8) & 3;
    return {
      frozen: /^frozen:\s*1$/m.test(text),
      access: mode === 0 ? 'read' : mode === 1 ? 'write' : 'both',
      memoryBytes: memory === undefined ? undefined : Number(memory),
    };
  } catch {
    return { frozen: false, access: 'both', memoryBytes: undefined };
  }
}
