/**
 * Capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). Reading is bounded by the file's
 * own size: no length in it is trusted, and nothing is allocated for what is not there.
 */
import { XdpError } from '../errors.ts';

export interface CapturedPacket {
  data: Uint8Array;
  /** Since 1970-01-01 UTC. Not every block has one. */
  timestampNs?: bigint;
  /** Bytes on the wire; more than `data` where the capture cut the packet off. */
  originalLength: number;
  /** What an XDP program returned for it, where the capture says so (xdpdump and we write that). */
  xdpAction?: number;
}

/** LINKTYPE_ETHERNET of https://www.tcpdump.org/linktypes.html. */
const ethernet = 1;
const linkTypes: Readonly<Record<number, string>> = {
  0: 'BSD loopback',
  12: 'raw IP',
  101: 'raw IP',
  105: '802.11',
  108: 'OpenBSD loopback',
  113: 'Linux cooked (capture on "any")',
  127: '802.11 radiotap',
  228: 'raw IPv4',
  229: 'raw IPv6',
  276: 'Linux cooked v2 (capture on "any")',
};

function damaged(problem: string, offset: number, fix?: string): XdpError {
  return new XdpError('packet-invalid', `${problem} (at byte ${offset} of the capture)`, {
    details: { offset },
    ...(fix === undefined ? {} : { fix }),
  });
}

function checkLinkType(linkType: number, offset: number): void {
  if (linkType === ethernet) return;
  throw damaged(
    `The capture's link type is ${linkTypes[linkType] ?? linkType}, not Ethernet`,
    offset,
    'XDP programs see Ethernet frames: capture on an Ethernet interface, for example tcpdump -i eth0 -w capture.pcap.',
  );
}

/** Every packet of the file, in its order. Throws XdpError('packet-invalid') with `details.offset`. */
export function readPcap(bytes: Uint8Array): CapturedPacket[] {
  if (bytes.length < 4) throw damaged('This is not a capture: it is too short', 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (view.getUint32(0, true)) {
    case 0x0a0d0d0a:
      return readPcapng(bytes, view);
    case 0xa1b2c3d4:
      return readClassic(bytes, view, true, 1000n);
    case 0xa1b23c4d:
      return readClassic(bytes, view, true, 1n);
    case 0xd4c3b2a1:
      return readClassic(bytes, view, false, 1000n);
    case 0x4d3cb2a1:
      return readClassic(bytes, view, false, 1n);
    default:
      throw damaged('This is neither a pcap nor a pcapng file', 0, 'Compressed captures have to be unpacked first.');
  }
}

function readClassic(bytes: Uint8Array, view: DataView, little: boolean, unitNs: bigint): CapturedPacket[] {
  if (bytes.length < 24) throw damaged('The file header is cut off', 0);
  // The upper bits hold the length of the frame check sequence.
  checkLinkType(view.getUint32(20, little) & 0x0fff_ffff, 20);
  const packets: CapturedPacket[] = [];
  let at = 24;
  while (at < bytes.length) {
    if (at + 16 > bytes.length) throw damaged(`The header of packet ${packets.length + 1} is cut off`, at);
    const captured = view.getUint32(at + 8, little);
    if (captured > bytes.length - at - 16) throw damaged(`Packet ${packets.length + 1} is cut off`, at);
    const seconds = BigInt(view.getUint32(at, little));
    const fraction = BigInt(view.getUint32(at + 4, little));
    packets.push({
      data: bytes.slice(at + 16, at + 16 + captured),
      timestampNs: seconds * 1_000_000_000n + fraction * unitNs,
      originalLength: view.getUint32(at + 12, little),
    });
    at += 16 + captured;
  }
  return packets;
}

interface Interface {
  linkType: number;
  /** Nanoseconds of a tick as a fraction. */
  numerator: bigint;
  denominator: bigint;
  /** `if_tsoffset`, in nanoseconds. */
  offsetNs: bigint;
  snapLength: number;
}

function readPcapng(bytes: Uint8Array, view: DataView): CapturedPacket[] {
  const packets: CapturedPacket[] = [];
  let interfaces: Interface[] = [];
  let little = true;
  let at = 0;
  while (at < bytes.length) {
    if (at + 12 > bytes.length) throw damaged('A block is cut off', at);
    const isSection = view.getUint32(at, true) === 0x0a0d0d0a;
    if (isSection) {
      if (at + 28 > bytes.length) throw damaged('A section header is cut off', at);
      const magic = view.getUint32(at + 8, true);
      if (magic !== 0x1a2b3c4d && magic !== 0x4d3c2b1a)
        throw damaged('A section header has no byte-order mark', at + 8);
      little = magic === 0x1a2b3c4d;
      // Interfaces are numbered per section.
      interfaces = [];
    }
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || length > bytes.length - at) {
      throw damaged(`A block has the length ${length}, which cannot be`, at + 4);
    }
    const block = { view, little, at: at + 8, end: at + length - 4 };
    if (!isSection) readBlock(bytes, view.getUint32(at, little), block, interfaces, packets);
    at += length;
  }
  return packets;
}

interface Block {
  view: DataView;
  little: boolean;
  /** The body, without types and lengths. */
  at: number;
  end: number;
}

function readBlock(
  bytes: Uint8Array,
  type: number,
  block: Block,
  interfaces: Interface[],
  packets: CapturedPacket[],
): void {
  const { view, little, at, end } = block;
  const need = (count: number): void => {
    if (end - at < count) throw damaged('A block is too short for its type', at);
  };
  switch (type) {
    case 1:
      need(8);
      interfaces.push(readInterface(block));
      return;
    case 2: // Packet Block, obsolete
    case 6: {
      need(20);
      const index = type === 6 ? view.getUint32(at, little) : view.getUint16(at, little);
      const captured = view.getUint32(at + 12, little);
      if (captured > end - at - 20) throw damaged(`Packet ${packets.length + 1} is cut off`, at);
      const iface = knownInterface(interfaces, index, at);
      const ticks = (BigInt(view.getUint32(at + 4, little)) << 32n) | BigInt(view.getUint32(at + 8, little));
      packets.push({
        data: bytes.slice(at + 20, at + 20 + captured),
        timestampNs: (ticks * iface.numerator) / iface.denominator + iface.offsetNs,
        originalLength: view.getUint32(at + 16, little),
        ...(type === 6 ? verdictOf(block, at + 20 + ((captured + 3) & ~3)) : {}),
      });
      return;
    }
    case 3: {
      need(4);
      const iface = knownInterface(interfaces, 0, at);
      const original = view.getUint32(at, little);
      const captured = Math.min(original, iface.snapLength === 0 ? original : iface.snapLength);
      if (captured > end - at - 4) throw damaged(`Packet ${packets.length + 1} is cut off`, at);
      packets.push({ data: bytes.slice(at + 4, at + 4 + captured), originalLength: original });
      return;
    }
    default: // name resolution, statistics, comments, secrets: nothing for us
  }
}

/** The option epb_verdict (7) of type 2, "Linux eBPF XDP": what the program returned, in 64 bits. */
function verdictOf({ view, little, end }: Block, from: number): { xdpAction?: number } {
  for (let at = from; at + 4 <= end; ) {
    const code = view.getUint16(at, little);
    const length = view.getUint16(at + 2, little);
    if (code === 0 || at + 4 + length > end) break;
    if (code === 7 && length === 9 && view.getUint8(at + 4) === 2) {
      return { xdpAction: Number(view.getBigUint64(at + 5, little)) };
    }
    at += 4 + ((length + 3) & ~3);
  }
  return {};
}

function knownInterface(interfaces: readonly Interface[], index: number, at: number): Interface {
  const found = interfaces[index];
  if (found === undefined) throw damaged(`A packet names interface ${index}, which the capture does not describe`, at);
  checkLinkType(found.linkType, at);
  return found;
}

function readInterface({ view, little, at, end }: Block): Interface {
  const found: Interface = {
    linkType: view.getUint16(at, little),
    snapLength: view.getUint32(at + 4, little),
    numerator: 1000n,
    denominator: 1n,
    offsetNs: 0n,
  };
  let option = at + 8;
  while (option + 4 <= end) {
    const code = view.getUint16(option, little);
    const length = view.getUint16(option + 2, little);
    if (code === 0 || option + 4 + length > end) break;
    // if_tsresol: a power of ten, or of two where the high bit is set.
    if (code === 9 && length >= 1) {
      const resolution = view.getUint8(option + 4);
      const exponent = BigInt(resolution & 0x7f);
      found.numerator = 1_000_000_000n;
      found.denominator = (resolution & 0x80) === 0 ? 10n ** exponent : 2n ** exponent;
    }
    if (code === 14 && length >= 8) found.offsetNs = view.getBigInt64(option + 4, little) * 1_000_000_000n;
    option += 4 + length + ((4 - (length % 4)) % 4);
  }
  return found;
}
