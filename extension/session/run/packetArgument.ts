import { readFile } from 'node:fs/promises';
import { XdpError } from '../../core/errors.ts';
import { dissect } from '../../core/packet/dissect.ts';
import { type ParsedPacket, parsePacketText } from '../../core/packet/parsePacket.ts';
import { type CapturedPacket, readPcap } from '../../core/packet/pcap.ts';
import { fileError, requireRegularFile } from '../userFiles.ts';

/**
 * `P` of the CLI contract: hex, `@file.bin`, `file.pcap[ng]#N` (N counts from 1, as Wireshark numbers packets), or the
 * Scapy form. Errors: `packet-invalid` with the position, `file-not-found`.
 */
export async function packetArgument(text: string): Promise<ParsedPacket> {
  if (text.startsWith('@')) return dissected(await readBounded(text.slice(1)));
  const capture = /^(.+\.(?:pcap|pcapng|cap))#(\d+)$/i.exec(text);
  if (capture?.[1] && capture[2]) {
    const packets = await readCapture(capture[1]);
    const number = Number(capture[2]);
    const packet = packets[number - 1];
    if (!packet) {
      throw new XdpError('packet-invalid', `${capture[1]} has no packet #${number}: it holds ${packets.length}.`, {
        fix: 'Packets are numbered from 1, as Wireshark shows them.',
      });
    }
    const warnings =
      packet.originalLength > packet.data.length
        ? [`the capture holds ${packet.data.length} of the packet's ${packet.originalLength} bytes (snap length)`]
        : [];
    return dissected(packet.data, warnings);
  }
  if (/\.(?:pcap|pcapng|cap)(?:#.*)?$/i.test(text)) {
    throw new XdpError('packet-invalid', `${text} is a capture file: say which packet.`, {
      fix: `For the first one: ${text.replace(/#.*$/, '')}#1`,
    });
  }
  return parsePacketText(text);
}

function dissected(bytes: Uint8Array, before: readonly string[] = []): ParsedPacket {
  const { layers, warnings } = dissect(bytes);
  return { bytes, layers, warnings: [...before, ...warnings] };
}

/** The packets of `file.pcap[ng]` without a number; undefined for every other argument. Errors as packetArgument. */
export async function captureArgument(text: string): Promise<CapturedPacket[] | undefined> {
  return isCaptureName(text) ? await readCapture(text) : undefined;
}

export function isCaptureName(text: string): boolean {
  return /^[^@].*\.(?:pcap|pcapng|cap)$/i.test(text);
}

/** The packets of a .pcap or .pcapng file. Errors: `file-not-found`, `packet-invalid`. */
export async function readCapture(file: string): Promise<CapturedPacket[]> {
  return readPcap(await readBounded(file));
}

async function readBounded(file: string): Promise<Uint8Array> {
  await requireRegularFile(file);
  try {
    return await readFile(file);
  } catch (cause) {
    throw fileError(file, cause);
  }
}
