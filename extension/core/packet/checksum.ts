/**
 * Checksums of the protocols: the Internet checksum (RFC 1071) with the pseudo headers of IPv4 (RFC 9293 §3.1) and
 * IPv6 (RFC 8200 §8.1), and CRC32c for SCTP (RFC 9260, appendix A).
 */

/** Adds 16-bit words of `bytes[start, end)` to `sum`; an odd last byte counts as the high half. Not folded. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  const last = end - 1;
  let total = sum;
  let at = start;
  for (; at < last; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (at === last) total += (bytes[at] ?? 0) << 8;
  return total;
}

/** Folds the carries in and complements: the value of a checksum field. */
export function finishSum(sum: number): number {
  let total = sum;
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}

/** RFC 1071 over `bytes[start, end)`. */
export function internetChecksum(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  return finishSum(sumWords(bytes, start, end));
}

export interface PseudoHeader {
  /** 4 or 16 bytes each. */
  src: Uint8Array;
  dst: Uint8Array;
  /** Upper-layer protocol number. */
  protocol: number;
  /** Upper-layer length in bytes. */
  length: number;
}

/** The sum of the pseudo header's words. The two forms differ in their layout only, and the layout does not change the sum. */
export function sumPseudoHeader(pseudo: PseudoHeader): number {
  const addresses = sumWords(pseudo.dst, 0, pseudo.dst.length, sumWords(pseudo.src, 0, pseudo.src.length));
  return addresses + pseudo.protocol + (pseudo.length >>> 16) + (pseudo.length & 0xffff);
}

/** The checksum of TCP, UDP and ICMPv6: a message whose checksum field is zero, under its pseudo header. */
export function transportChecksum(bytes: Uint8Array, start: number, end: number, pseudo: PseudoHeader): number {
  return finishSum(sumWords(bytes, start, end, sumPseudoHeader(pseudo)));
}

/** Reflected polynomial 0x1EDC6F41. */
const crcTable: Uint32Array = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC32c of `bytes[start, end)`; the four bytes at `zeroAt`, if given, count as zero. */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, zeroAt = -1): number {
  let crc = 0xffffffff;
  for (let at = start; at < end; at++) {
    const byte = zeroAt >= 0 && at >= zeroAt && at < zeroAt + 4 ? 0 : (bytes[at] ?? 0);
    crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  }
  return ~crc >>> 0;
}

/** The SCTP checksum as a big-endian 32-bit field: the CRC goes out least significant byte first (RFC 9260, appendix A). */
export function sctpChecksum(bytes: Uint8Array, start: number, end: number, checksumAt: number): number {
  const crc = crc32c(bytes, start, end, checksumAt);
  return (((crc & 0xff) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24)) >>> 0;
}
