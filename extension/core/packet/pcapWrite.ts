/** Writes captures: pcapng (draft-ietf-opsawg-pcapng), with what an XDP program said about each packet. */

export interface WrittenPacket {
  data: Uint8Array;
  /** Since 1970-01-01 UTC. Without it, zero. */
  timestampNs?: bigint;
  originalLength?: number;
  /** What the XDP program returned: XDP_DROP is 1. Wireshark shows it as frame.verdict.ebpf_xdp. */
  xdpAction?: number;
  /** The receive queue it came from. */
  queue?: number;
  /** UTF-8. */
  comment?: Uint8Array;
}

const ethernet = 1;
const padded = (count: number): number => (count + 3) & ~3;

interface Option {
  code: number;
  value: Uint8Array;
}

/** Options of an Enhanced Packet Block, draft-ietf-opsawg-pcapng §4.3. */
function optionsOf({ comment, queue, xdpAction }: WrittenPacket): Option[] {
  const options: Option[] = [];
  if (comment !== undefined) options.push({ code: 1, value: comment });
  if (queue !== undefined) {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, queue, true);
    options.push({ code: 6, value });
  }
  if (xdpAction !== undefined) {
    // Type 2, Linux eBPF XDP: then the return value in 64 bits, in the byte order of the section.
    const value = new Uint8Array(9);
    value[0] = 2;
    new DataView(value.buffer).setBigUint64(1, BigInt(xdpAction), true);
    options.push({ code: 7, value });
  }
  return options;
}

/** A little-endian pcapng with one Ethernet interface and nanosecond timestamps. */
export function writePcapng(packets: readonly WrittenPacket[]): Uint8Array {
  const blocks = packets.map((packet) => {
    const options = optionsOf(packet);
    const optionBytes = options.reduce((sum, { value }) => sum + 4 + padded(value.length), options.length > 0 ? 4 : 0);
    return { packet, options, size: 32 + padded(packet.data.length) + optionBytes };
  });
  const out = new Uint8Array(28 + 32 + blocks.reduce((sum, { size }) => sum + size, 0));
  const view = new DataView(out.buffer);
  const words = (at: number, ...values: number[]): void => {
    for (const [index, value] of values.entries()) view.setUint32(at + index * 4, value, true);
  };
  words(0, 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28);
  // if_tsresol (9), one byte: 9, for nanoseconds.
  words(28, 1, 32, ethernet, 0, 0x0001_0009, 9, 0, 32);
  let at = 60;
  for (const { packet, options, size } of blocks) {
    const { data, timestampNs: time = 0n, originalLength = data.length } = packet;
    words(at, 6, size, 0, Number(time >> 32n), Number(time & 0xffff_ffffn), data.length, originalLength);
    out.set(data, at + 28);
    let place = at + 28 + padded(data.length);
    for (const { code, value } of options) {
      words(place, code | (value.length << 16));
      out.set(value, place + 4);
      place += 4 + padded(value.length);
    }
    words(at + size - 4, size);
    at += size;
  }
  return out;
}
