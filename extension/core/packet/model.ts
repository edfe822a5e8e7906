/**
 * The packet as a person thinks of it: a stack of layers, each with the fields that were set by hand. Everything else is
 * automatic: a default, or computed (lengths, checksums, the type of the next layer). Layer and field names are Scapy's.
 */

/**
 * `[name or kind, value]` of a TCP or DHCP option, as in Scapy: `["MSS", 1460]`, `["NOP", null]`, `[254, bytes]`,
 * `["router", "10.0.0.1"]`. `["raw", bytes]` is written as it is.
 */
export type NamedOption = readonly [kind: string | number, value: OptionValue];
export type OptionValue = null | number | string | Uint8Array | readonly number[] | readonly string[];

/**
 * - number: integers up to 48 bits, flags and enumerations by number; bigint: wider ones
 * - string: addresses as text; on input also names of enumerations (`"is-at"`) and flags (`"SA"`), and text for bytes (UTF-8)
 * - Uint8Array: bytes
 * - lists: TCP and DHCP options, addresses and texts, or sub-packets (IPv4 and IPv6 options, DNS records …)
 */
export type FieldValue =
  | number
  | bigint
  | string
  | Uint8Array
  | readonly NamedOption[]
  | readonly string[]
  | readonly Layer[];

export interface Layer {
  /** Scapy class name: Ether, Dot1Q, ARP, IP, IPv6, TCP, UDP, ICMP, ICMPv6EchoRequest, Raw … */
  name: string;
  /** Only the fields given by hand. `undefined` is the same as absent: automatic. */
  fields: { [field: string]: FieldValue | undefined };
}

export interface BuiltField {
  name: string;
  /** From the start of the packet. */
  bitOffset: number;
  bitLength: number;
  value: FieldValue;
  /** True where leaving the field out gives the same value. */
  auto: boolean;
  /** Set where the value contradicts the packet (a length, a checksum, a type): what it would have to be. */
  wrong?: FieldValue | undefined;
}

export interface BuiltLayer {
  name: string;
  /** Bytes from the start of the packet. */
  offset: number;
  /** Bytes of this header (for Raw and Padding: of the payload). */
  length: number;
  fields: BuiltField[];
  /** Where fields are lists of sub-packets (IPv4 and IPv6 options, DNS records): these, in place. */
  parts?: BuiltLayer[];
}

export interface BuiltPacket {
  bytes: Uint8Array;
  layers: BuiltLayer[];
  warnings: string[];
}

export type Dissection = BuiltPacket;
