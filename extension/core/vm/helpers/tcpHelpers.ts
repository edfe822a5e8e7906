import { errno } from '../errno.ts';
import type { Call, Helper } from './call.ts';

/**
 * SYN cookies. The kernel's hold a secret that is new with every boot, so that no two kernels agree on a cookie; what holds
 * everywhere is that a cookie is accepted exactly for the connection that it was made for. net/core/filter.c,
 * bpf_tcp_raw_gen_syncookie_ipv4(); net/ipv4/syncookies.c.
 */
export const tcpHelpers: readonly Helper[] = [
  { id: 204, name: 'bpf_tcp_raw_gen_syncookie_ipv4', run: (call) => generate(call, ipv4) },
  { id: 205, name: 'bpf_tcp_raw_gen_syncookie_ipv6', run: (call) => generate(call, ipv6) },
  { id: 206, name: 'bpf_tcp_raw_check_syncookie_ipv4', run: (call) => check(call, ipv4) },
  { id: 207, name: 'bpf_tcp_raw_check_syncookie_ipv6', run: (call) => check(call, ipv6) },
];

/** Where the addresses stand in the IP header; the segment sizes that two bits of a cookie can say (msstab); the default. */
interface Family {
  readonly headerBytes: number;
  readonly addresses: { readonly at: number; readonly bytes: number };
  readonly segmentSizes: readonly number[];
  readonly defaultSegmentSize: number;
}
const ipv4: Family = {
  headerBytes: 20,
  addresses: { at: 12, bytes: 8 },
  segmentSizes: [536, 1300, 1440, 1460],
  defaultSegmentSize: 536,
};
/** IPV6_MIN_MTU, 1480, 1500 and 9000, each less the 60 bytes of both headers. net/ipv6/syncookies.c. */
const ipv6: Family = {
  headerBytes: 40,
  addresses: { at: 8, bytes: 32 },
  segmentSizes: [1220, 1420, 1440, 8940],
  defaultSegmentSize: 1220,
};

/** struct tcphdr: byte offsets. RFC 9293, section 3.1. */
const tcp = { bytes: 20, sequence: 4, acknowledgement: 8, dataOffset: 12 } as const;
const sizeBits = 3;

/** (iph, th, th_len): the cookie in the lower 32 bits of the result, the segment size in the 16 above. */
function generate(call: Call, family: Family): void {
  const ip = call.readable(1, family.headerBytes);
  const length = call.u32(3);
  const header = call.readable(2, length);
  const { view } = call.world.memory;
  if (length < tcp.bytes || length !== (view.getUint8(header + tcp.dataOffset) >> 4) * 4) {
    return call.give(errno.invalid);
  }
  const asked = segmentSizeOption(view, header, length) ?? family.defaultSegmentSize;
  const index = Math.max(
    0,
    family.segmentSizes.findLastIndex((size) => size <= asked),
  );
  const cookie = connectionHash(call, family, { ip, header, sequence: view.getUint32(header + tcp.sequence) }) | index;
  call.giveBig((BigInt(family.segmentSizes[index] ?? 0) << 32n) | BigInt(cookie >>> 0));
}

/** (iph, th): flags are not looked at. 0 when the acknowledgement is of a cookie that was made for this connection, else -EACCES. */
function check(call: Call, family: Family): void {
  const ip = call.readable(1, family.headerBytes);
  const header = call.readable(2, tcp.bytes);
  const { view } = call.world.memory;
  const cookie = (view.getUint32(header + tcp.acknowledgement) - 1) | 0;
  const sequence = (view.getUint32(header + tcp.sequence) - 1) >>> 0;
  const right = connectionHash(call, family, { ip, header, sequence }) === (cookie & ~sizeBits);
  call.give(right ? 0 : accessDenied);
}
const accessDenied = -13;

/** FNV-1a over addresses, ports and sequence number; its two lowest bits are left for the segment size. */
function connectionHash(
  call: Call,
  family: Family,
  { ip, header, sequence }: { ip: number; header: number; sequence: number },
): number {
  const { bytes } = call.world.memory;
  const { at, bytes: count } = family.addresses;
  let hash = 0x811c9dc5 ^ call.world.cookieSecret;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  for (const byte of bytes.subarray(ip + at, ip + at + count)) mix(byte);
  for (const byte of bytes.subarray(header, header + 4)) mix(byte);
  for (const shift of [0, 8, 16, 24]) mix((sequence >>> shift) & 0xff);
  return hash & ~sizeBits;
}

/** TCP option 2; undefined without one, and where the options contradict themselves. tcp_parse_mss_option(). */
function segmentSizeOption(view: DataView, header: number, length: number): number | undefined {
  for (let at = header + tcp.bytes; at < header + length; ) {
    const kind = view.getUint8(at);
    if (kind === 0) return undefined;
    if (kind === 1) {
      at++;
      continue;
    }
    const optionBytes = at + 1 < header + length ? view.getUint8(at + 1) : 0;
    if (optionBytes < 2 || at + optionBytes > header + length) return undefined;
    if (kind === 2 && optionBytes === 4) return view.getUint16(at + 2) || undefined;
    at += optionBytes;
  }
  return undefined;
}
