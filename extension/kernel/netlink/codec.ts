/**
 * Netlink messages and attributes as bytes. Pure. Source: include/uapi/linux/netlink.h; header and attribute lengths
 * count themselves, everything is padded to 4 bytes, integers have the machine's byte order (little-endian here).
 */

export const netlinkFlags = {
  request: 1,
  multi: 2,
  ack: 4,
  dump: 0x300,
  capped: 0x100,
  ackTlvs: 0x200,
  dumpIntr: 0x10,
};
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const headerBytes = 16;
const attributeHeaderBytes = 4;
const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;

export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  payload: Uint8Array;
}

export interface NetlinkAttribute {
  type: number;
  value: Uint8Array;
}

/** What an NLMSG_ERROR or NLMSG_DONE says: 0 or -errno, and the kernel's words where it gave some. */
export interface NetlinkAck {
  result: number;
  message: string | undefined;
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}

export function encodeNetlinkMessage(message: NetlinkMessage): Uint8Array {
  const out = new Uint8Array(align4(headerBytes + message.payload.length));
  const view = viewOf(out);
  view.setUint32(0, headerBytes + message.payload.length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  out.set(message.payload, headerBytes);
  return out;
}

/** The messages of one datagram. A length that does not hold together ends the list: what follows cannot be trusted. */
export function parseNetlinkMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + headerBytes <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < headerBytes || at + length > datagram.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + headerBytes, at + length),
    });
    at += align4(length);
  }
  return messages;
}

export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  const total = attributes.reduce((sum, { value }) => sum + align4(attributeHeaderBytes + value.length), 0);
  const out = new Uint8Array(total);
  const view = viewOf(out);
  let at = 0;
  for (const { type, value } of attributes) {
    view.setUint16(at, attributeHeaderBytes + value.length, true);
    view.setUint16(at + 2, type, true);
    out.set(value, at + attributeHeaderBytes);
    at += align4(attributeHeaderBytes + value.length);
  }
  return out;
}

export function nestedAttribute(type: number, attributes: readonly NetlinkAttribute[]): NetlinkAttribute {
  return { type: type | NLA_F_NESTED, value: encodeAttributes(attributes) };
}

/** Attributes by type, without the flag bits; of a repeated one the last. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(listAttributes(bytes).map(({ type, value }) => [type, value]));
}

/** All attributes in their order, without the flag bits. */
export function listAttributes(bytes: Uint8Array): NetlinkAttribute[] {
  const view = viewOf(bytes);
  const attributes: NetlinkAttribute[] = [];
  for (let at = 0; at + attributeHeaderBytes <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < attributeHeaderBytes || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & NLA_TYPE_MASK;
    attributes.push({ type, value: bytes.subarray(at + attributeHeaderBytes, at + length) });
    at += align4(length);
  }
  return attributes;
}

/** An NLMSG_ERROR (also the acknowledgement, with result 0) or an NLMSG_DONE. */
export function parseAck(message: NetlinkMessage): NetlinkAck {
  const { payload } = message;
  const result = payload.length >= 4 ? viewOf(payload).getInt32(0, true) : 0;
  if ((message.flags & netlinkFlags.ackTlvs) === 0) return { result, message: undefined };
  const NLMSGERR_ATTR_MSG = 1;
  let attributesAt = 4;
  if (message.type === NLMSG_ERROR) {
    // The request is echoed: its header alone when capped, else all of it.
    const capped = (message.flags & netlinkFlags.capped) !== 0;
    const echoed = payload.length >= 8 ? viewOf(payload).getUint32(4, true) : headerBytes;
    attributesAt += capped ? headerBytes : align4(echoed);
  }
  const text = parseAttributes(payload.subarray(attributesAt)).get(NLMSGERR_ATTR_MSG);
  return { result, message: text === undefined ? undefined : textOf(text) };
}

export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

export function readU16(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 2 ? undefined : viewOf(bytes).getUint16(0, true);
}

export function readU32(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 4 ? undefined : viewOf(bytes).getUint32(0, true);
}

export function readU64(bytes: Uint8Array | undefined): bigint | undefined {
  return bytes === undefined || bytes.length < 8 ? undefined : viewOf(bytes).getBigUint64(0, true);
}

/** A NUL-terminated string. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export function stringBytes(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
