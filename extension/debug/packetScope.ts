import type { Debuggee } from '../core/debugger/debuggee.ts';
import { joined } from '../core/debugger/inspector.ts';
import { layerTitle } from '../core/debugger/pointers.ts';
import { hexBytes } from '../core/debugger/present.ts';
import type { PacketAccess } from '../core/debugger/timeline.ts';
import { writeBytes } from '../core/debugger/values.ts';
import { dissect } from '../core/packet/dissect.ts';
import { parseIpv4, parseIpv6, parseMac } from '../core/packet/address.ts';
import { parseHex } from '../core/packet/hex.ts';
import type { BuiltField, BuiltLayer, FieldValue } from '../core/packet/model.ts';
import { tag } from '../core/vm/memory/regions.ts';
import type { Item } from './variables.ts';

const bytesPerRow = 16;

/** The packet as it is now: its layers with their fields, and its bytes. What the program touched last is marked. */
export function packetItems(debuggee: Debuggee): Item[] {
  const { frame } = debuggee.timeline.machine.world;
  const access = debuggee.timeline.lastAccess;
  const layerItems = dissect(frame.packet()).layers.map((layer, index): Item => {
    const touched = access !== undefined && overlaps(access, frame.data, layer.offset * 8, layer.length * 8);
    return {
      name: `${layerTitle(layer.name)}, byte ${layer.offset}`,
      text: `${layer.name}, ${layer.length} bytes${touched ? ' ◀' : ''}`,
      memory: joined(tag.packet, frame.data + layer.offset),
      watch: { kind: 'memory', address: frame.data + layer.offset, size: layer.length },
      children: () => fieldItems(index, debuggee),
    };
  });
  const rows: Item = {
    name: 'bytes',
    text: `${frame.length()} bytes`,
    expression: '$packet',
    memory: joined(tag.packet, frame.data),
    children: () => byteRows(debuggee),
  };
  return [...layerItems, rows];
}

/** As the packet is when they are asked for: it may have been changed since its layers were listed. */
function fieldItems(layerIndex: number, debuggee: Debuggee): Item[] {
  const { timeline } = debuggee;
  const layer = dissect(timeline.machine.world.frame.packet()).layers[layerIndex];
  if (layer === undefined) return [];
  return layer.fields
    .filter(({ bitLength }) => bitLength > 0)
    .map((field) => fieldItem(field, layer, timeline.lastAccess, debuggee));
}

function overlaps({ address, size }: PacketAccess, data: number, bitOffset: number, bitLength: number): boolean {
  const start = (address - data) * 8;
  return start < bitOffset + bitLength && start + size * 8 > bitOffset;
}

function fieldItem(field: BuiltField, layer: BuiltLayer, access: PacketAccess | undefined, debuggee: Debuggee): Item {
  const { frame } = debuggee.timeline.machine.world;
  const touched = access !== undefined && overlaps(access, frame.data, field.bitOffset, field.bitLength);
  const mark = touched ? ` ◀ last ${access.isWrite ? 'written' : 'read'}` : '';
  const item: Item = { name: field.name, text: `${fieldText(field.value)}${mark}` };
  const whole = field.bitOffset % 8 === 0 && field.bitLength % 8 === 0;
  if (whole) {
    const address = frame.data + field.bitOffset / 8;
    item.memory = joined(tag.packet, address);
    item.watch = { kind: 'memory', address, size: field.bitLength / 8 };
  }
  if (layer.name !== 'Raw' && field.bitLength <= 128) item.set = (text) => setField(field, text, debuggee);
  return item;
}

function fieldText(value: FieldValue): string {
  if (value instanceof Uint8Array) return hexBytes(value);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return value > 9 ? `${value} (0x${value.toString(16)})` : String(value);
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each instanceof Uint8Array ? hexBytes(each) : each,
  );
}

/** Bits of a field, most significant first, as packets have them. */
function setField(field: BuiltField, text: string, debuggee: Debuggee): void {
  const { inspector, timeline } = debuggee;
  const { frame } = timeline.machine.world;
  const first = Math.floor(field.bitOffset / 8);
  const last = Math.ceil((field.bitOffset + field.bitLength) / 8);
  const pointer = joined(tag.packet, frame.data + first);
  const old = inspector.read(pointer, last - first);
  if (old === undefined) throw new Error('the field is not in the linear part of the packet');
  const width = BigInt(field.bitLength);
  const shift = BigInt(last * 8 - field.bitOffset - field.bitLength);
  const value = fieldNumber(text, field);
  if (value < 0n || value >> width !== 0n) throw new Error(`${text} does not fit into ${field.bitLength} bits`);
  const mask = ((1n << width) - 1n) << shift;
  let whole = (bigEndian(old) & ~mask) | (value << shift);
  const bytes = new Uint8Array(old.length);
  for (let at = bytes.length - 1; at >= 0; at--, whole >>= 8n) bytes[at] = Number(whole & 0xffn);
  writeBytes(pointer, bytes, inspector, timeline);
}

function fieldNumber(text: string, { bitLength }: BuiltField): bigint {
  const trimmed = text.trim().replace(/ \(0x.*| ◀.*/g, '');
  if (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(trimmed)) return BigInt(trimmed);
  const bytes =
    bitLength === 32
      ? parseIpv4(trimmed)
      : bitLength === 48
        ? parseMac(trimmed)
        : bitLength === 128
          ? parseIpv6(trimmed)
          : undefined;
  if (bytes === undefined) throw new Error(`${text} is neither a number nor an address of ${bitLength} bits`);
  return bigEndian(bytes);
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function byteRows(debuggee: Debuggee): Item[] {
  const { frame } = debuggee.timeline.machine.world;
  const bytes = frame.packet();
  const linear = frame.dataEnd - frame.data;
  return Array.from({ length: Math.ceil(bytes.length / bytesPerRow) }, (_, row) => {
    const at = row * bytesPerRow;
    const part = bytes.subarray(at, at + bytesPerRow);
    const item: Item = { name: `${at}`.padStart(4, ' '), text: hexBytes(part) };
    if (at + part.length > linear) return item;
    item.memory = joined(tag.packet, frame.data + at);
    item.watch = { kind: 'memory', address: frame.data + at, size: part.length };
    item.set = (text) => {
      const replaced = parseHex(text);
      if (replaced.length !== part.length)
        throw new Error(`${part.length} bytes are needed, and these are ${replaced.length}`);
      writeBytes(joined(tag.packet, frame.data + at), replaced, debuggee.inspector, debuggee.timeline);
    };
    return item;
  });
}
