/** DHCP options as Scapy writes them: `[("message-type", "discover"), ("router", "10.0.0.1"), "end"]`. RFC 2132. */
import { formatIpv4 } from './address.ts';
import { readBits } from './bits.ts';
import type { FieldValue, NamedOption, OptionValue } from './model.ts';
import { append, encodeOptionList, type OptionField } from './optionList.ts';
import { utf8 } from './text.ts';
import { addressBytes, badField, describe, type Place } from './value.ts';

/** `none`: only the code. `list`: one byte each, as one list. The others may be given several times. */
export type DhcpValueKind = 'none' | 'bytes' | 'ipv4' | 'u8' | 'u16' | 'u32' | 'type' | 'list';

export interface DhcpOptionKind {
  readonly code: number;
  readonly name: string;
  readonly kind: DhcpValueKind;
}

const names: Readonly<Record<DhcpValueKind, string>> = {
  none: '0 pad, 255 end',
  ipv4:
    '1 subnet_mask, 3 router, 4 time_server, 5 IEN_name_server, 6 name_server, 7 log_server, 8 cookie_server, ' +
    '9 lpr_server, 28 broadcast_address, 41 NIS_server, 42 NTP_server, 44 NetBIOS_server, 50 requested_addr, ' +
    '54 server_id, 65 NISplus_server, 69 SMTP_server, 70 POP3_server, 118 subnet-selection, 150 tftp_server_address',
  u8: '19 ip-forwarding, 23 default_ttl, 37 tcp_ttl, 46 NetBIOS_node_type, 52 dhcp-option-overload, 116 auto-config',
  u16: '13 boot-size, 22 max_dgram_reass_size, 26 interface-mtu, 57 max_dhcp_size',
  u32: '2 time_zone, 24 pmtu_timeout, 35 arp_cache_timeout, 51 lease_time, 58 renewal_time, 59 rebinding_time',
  type: '53 message-type',
  list: '55 param_req_list',
  bytes:
    '12 hostname, 14 dump_path, 15 domain, 17 root_disk_path, 40 NIS_domain, 43 vendor_specific, 56 error_message, ' +
    '60 vendor_class_id, 61 client_id, 66 tftp_server_name, 67 boot-file-name, 77 user_class, 81 client_FQDN, ' +
    '82 relay_agent_information, 93 pxe_client_architecture, 94 pxe_client_network_interface, ' +
    '97 pxe_client_machine_identifier, 124 vendor_class, 125 vendor_specific_information, 160 v4-captive-portal',
};

export const dhcpOptionKinds: readonly DhcpOptionKind[] = (Object.keys(names) as DhcpValueKind[]).flatMap((kind) =>
  names[kind].split(', ').map((entry) => {
    const [code, name = ''] = entry.split(' ');
    return { code: Number(code), name, kind };
  }),
);

export const dhcpMessageTypes = [
  '',
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
  'force_renew',
  'lease_query',
  'lease_unassigned',
  'lease_unknown',
  'lease_active',
] as const;

const byCode = new Map(dhcpOptionKinds.map((option) => [option.code, option]));
const byName = new Map(dhcpOptionKinds.map((option) => [option.name, option]));

export function dhcpOptionNamed(name: string | number): DhcpOptionKind | undefined {
  return typeof name === 'number' ? undefined : byName.get(name);
}

const widths: Partial<Record<DhcpValueKind, number>> = { u8: 1, u16: 2, u32: 4, type: 1, list: 1, ipv4: 4 };

export function encodeDhcpOptions(value: FieldValue, field: string, place: Place): Uint8Array {
  const example = 'a pair or a name alone: ("message-type", "discover"), "end"';
  return encodeOptionList(value, { name: field, place }, example, encodeOption);
}

function encodeOption([name, value]: NamedOption, out: number[], { name: field, place }: OptionField): void {
  const known = dhcpOptionNamed(name);
  const code = known?.code ?? name;
  if (typeof code !== 'number') {
    throw badField(place, field, `there is no option "${name}".`, 'A name as Scapy has it, or a number with bytes.');
  }
  if (!Number.isInteger(code) || code < 0 || code > 255) {
    throw badField(place, field, `option ${code} is not between 0 and 255.`);
  }
  out.push(code);
  if (known?.kind === 'none') return;
  const start = out.length;
  out.push(0);
  const items: readonly (number | string | Uint8Array)[] =
    value === null
      ? []
      : typeof value === 'number' || typeof value === 'string' || value instanceof Uint8Array
        ? [value]
        : value;
  for (const item of items) encodeValue(item, known?.kind ?? 'bytes', String(name), out, field, place);
  const length = out.length - start - 1;
  if (length > 255) throw badField(place, field, `option ${name} has ${length} bytes of value; 255 fit.`);
  out[start] = length;
}

function encodeValue(
  item: number | string | Uint8Array,
  kind: DhcpValueKind,
  name: string,
  out: number[],
  field: string,
  place: Place,
): void {
  if (item instanceof Uint8Array) {
    append(out, item);
    return;
  }
  if (kind === 'ipv4') {
    out.push(...addressBytes('ipv4', `${field} ${name}`, item, place));
    return;
  }
  if (kind === 'bytes' || kind === 'none') {
    if (typeof item === 'number') throw badField(place, field, `option ${name} takes text or bytes.`);
    append(out, utf8(item));
    return;
  }
  const named = kind === 'type' ? dhcpMessageTypes.indexOf(item as (typeof dhcpMessageTypes)[number]) : -1;
  const number = typeof item === 'number' ? item : named > 0 ? named : Number.NaN;
  const width = widths[kind] ?? 1;
  if (!Number.isInteger(number) || number < 0 || number >= 256 ** width) {
    throw badField(place, field, `option ${name}: ${describe(item)} does not fit into ${width * 8} bits.`);
  }
  for (let shift = width * 8 - 8; shift >= 0; shift -= 8) out.push(Math.floor(number / 2 ** shift) & 0xff);
}

/** What does not parse is kept as `["raw", bytes]` to the end. */
export function decodeDhcpOptions(bytes: Uint8Array): NamedOption[] {
  const options: NamedOption[] = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at] ?? 0;
    const known = byCode.get(code);
    if (known?.kind === 'none') {
      options.push([known.name, null]);
      at++;
      continue;
    }
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (at + 1 >= bytes.length || end > bytes.length) {
      options.push(['raw', bytes.slice(at)]);
      break;
    }
    const value = known === undefined ? undefined : decodeValue(bytes.subarray(at + 2, end), known.kind);
    options.push(known === undefined || value === undefined ? [code, bytes.slice(at + 2, end)] : [known.name, value]);
    at = end;
  }
  return options;
}

/** Undefined: not of this kind, so kept as bytes under the number. */
function decodeValue(bytes: Uint8Array, kind: DhcpValueKind): OptionValue | undefined {
  const width = widths[kind];
  if (width === undefined) return bytes.slice();
  if (bytes.length === 0 || bytes.length % width !== 0) return undefined;
  const count = bytes.length / width;
  if (kind === 'ipv4') {
    const texts = Array.from({ length: count }, (_, i) => formatIpv4(bytes, i * 4));
    return texts.length === 1 ? (texts[0] ?? null) : texts;
  }
  const numbers = Array.from({ length: count }, (_, i) => readBits(bytes, i * width * 8, width * 8));
  if (kind === 'list') return numbers;
  if (numbers.length > 1) return kind === 'type' ? undefined : numbers;
  const only = numbers[0] ?? 0;
  return kind === 'type' ? dhcpMessageTypes[only] || only : only;
}
