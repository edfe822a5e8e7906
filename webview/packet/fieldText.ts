import { asciiOf, hexText } from '../common/format.ts';
import type { FieldSpec } from '../../extension/core/packet/headers/spec.ts';
import type { FieldValue } from '../../extension/core/packet/model.ts';
import { fieldText, isLayer, isNamedOption } from '../../extension/core/packet/value.ts';

/** Values of fields as the text of an input, and back. */

export type BytesForm = 'hex' | 'text';

/** Printable ASCII is shown as text unless asked otherwise. */
export function bytesForm(bytes: Uint8Array): BytesForm {
  return bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? 'text' : 'hex';
}

export function bytesText(bytes: Uint8Array, form: BytesForm): string {
  return form === 'hex' ? hexText(bytes, ' ') : Array.from(bytes, asciiOf).join('');
}

/** What stands in a field's input. Lists of options and sub-packets are the caller's (Scapy text). */
export function inputText(spec: FieldSpec, value: FieldValue): string {
  if (value instanceof Uint8Array) return bytesText(value, 'hex');
  if (Array.isArray(value)) return value.map(itemText).join(', ');
  return fieldText(spec, value);
}

function itemText(item: unknown): string {
  if (isLayer(item)) return item.name;
  if (isNamedOption(item)) return item[1] === null ? String(item[0]) : `${item[0]} ${String(item[1])}`;
  return String(item);
}

/** What an input's text means; undefined for empty text: automatic. Names and numbers are checked when the packet is built. */
export function valueOfInput(spec: FieldSpec, text: string): FieldValue | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  switch (spec.kind) {
    case 'uint':
    case 'enum':
    case 'flags':
    case 'pppProtocol':
      // `0x0800 (IPv4)` as it is shown, also after the number in front was changed.
      return trimmed.replace(/\s*\(.*\)$/, '');
    case 'mac':
    case 'ipv4':
    case 'ipv6':
    case 'address':
      return trimmed;
    case 'dnsName':
      return trimmed;
    case 'bytes':
    case 'tcpOptions':
    case 'dhcpOptions':
    case 'texts':
    case 'packets':
      return undefined;
    case 'ipv4List':
    case 'ipv6List':
      return trimmed.split(/[\s,]+/);
  }
}

/** A set of flags with one of them turned over. Not bit operators: there may be more than 31. */
export function toggledFlag(value: number, bit: number): number {
  return hasFlag(value, bit) ? value - 2 ** bit : value + 2 ** bit;
}

export function hasFlag(value: number, bit: number): boolean {
  return Math.floor(value / 2 ** bit) % 2 === 1;
}

export function bytesOfText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Kinds whose values are lists that are written as Scapy writes them. */
export function isListKind(kind: FieldSpec['kind']): boolean {
  return kind === 'tcpOptions' || kind === 'dhcpOptions' || kind === 'packets' || kind === 'texts';
}
