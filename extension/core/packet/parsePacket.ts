/** A packet as people write it in one line: hexadecimal, or a Scapy expression. */
import { buildPacket } from './build.ts';
import { dissect } from './dissect.ts';
import { packetInvalid } from './fail.ts';
import { looksLikeHex, parseHex } from './hex.ts';
import type { BuiltLayer } from './model.ts';
import { parseScapy } from './scapy.ts';

export interface ParsedPacket {
  bytes: Uint8Array;
  layers: BuiltLayer[];
  warnings: string[];
}

/** Throws XdpError('packet-invalid') with `details.position`. */
export function parsePacketText(text: string): ParsedPacket {
  if (text.trim() === '') {
    throw packetInvalid(
      'The packet is empty.',
      { position: 0 },
      'Give bytes in hexadecimal, or an expression like Ether()/IP()/UDP(dport=53).',
    );
  }
  if (!looksLikeHex(text)) return buildPacket(parseScapy(text));
  const bytes = parseHex(text);
  const { layers, warnings } = dissect(bytes);
  return { bytes, layers, warnings };
}
