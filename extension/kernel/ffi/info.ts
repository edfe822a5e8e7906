import { readFileSync } from 'node:fs';
import type { BpfLinkInfo, BpfMapInfo, BpfProgramInfo } from '../libbpf/port.ts';

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
  const BPF_LINK_TYPE_XDP = 6;
  const xdp = bytes.readUInt32LE(0) === BPF_LINK_TYPE_XDP;
  return {
    id: bytes.readUInt32LE(4),
    programId: bytes.readUInt32LE(8),
    xdp,
    ifindex: xdp ? bytes.readUInt32LE(16) : 0,
  };
}

/** `frozen` of a map: only its fdinfo tells. */
export function isFrozen(fd: number): boolean {
  try {
    return /^frozen:\s*1$/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
  } catch {
    return false;
  }
}
