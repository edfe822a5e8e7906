/**
 * What a protocol header looks like, as data. Building, dissecting, the form, the RFC picture, the Scapy text and the
 * JSON all follow from these tables: a new protocol is one more entry in `table.ts`.
 */
import type { FieldValue } from '../model.ts';

export type FieldKind =
  | 'uint'
  | 'enum' // an unsigned integer whose values have names
  | 'flags' // an unsigned integer whose bits have names
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'address' // a MAC, IPv4 or IPv6 address by its length, else bytes (ARP)
  | 'bytes'
  | 'ipv4List'
  | 'ipv6List'
  | 'tcpOptions'
  | 'dhcpOptions'
  | 'dnsName' // a domain name as text; bytes where it is encoded already (compressed)
  | 'texts' // DNS character strings
  | 'pppProtocol' // a number of one byte or two
  | 'packets'; // sub-packets of a family: IPv4 options, IPv6 options, DNS records

/** True of a header by the value of its fields, so that a form can evaluate it too. */
export type Condition =
  | { readonly field: string; readonly in: readonly number[] }
  | { readonly field: string; readonly notIn: readonly number[] }
  | { readonly field: string; readonly anyBit: number }
  | { readonly field: string; readonly noBit: number }
  | { readonly any: readonly Condition[] }
  | { readonly all: readonly Condition[] };

/** How an automatic value is computed. Without a rule, automatic is the default. */
export type AutoRule =
  /** Given by the layer that follows (its `under`), else the default. */
  | { readonly kind: 'next' }
  /** Length of this header: (bytes - minus) / unit, rounded up. */
  | { readonly kind: 'headerLength'; readonly unit: number; readonly minus?: number }
  /** Length in bytes of this header and all that follows, or of what follows, without padding. */
  | { readonly kind: 'length'; readonly of: 'message' | 'payload'; readonly minus?: number }
  /** Length of one field: bytes / unit, rounded down, + plus. */
  | { readonly kind: 'fieldLength'; readonly field: string; readonly unit?: number; readonly plus?: number }
  /** Bytes of this header that stand behind that field. */
  | { readonly kind: 'tail'; readonly after: string }
  /** Number of elements of a list field, plus a constant, not below zero. `free`: another number is not wrong. */
  | { readonly kind: 'count'; readonly field: string; readonly plus?: number; readonly free?: boolean }
  | {
      readonly kind: 'checksum';
      readonly algorithm: 'internet' | 'crc32c';
      readonly over: 'header' | 'message';
      /** The upper-layer protocol number of the pseudo header, where there is one. */
      readonly pseudo?: number;
      /** What a computed zero is sent as: UDP writes 0xffff, since 0 means "no checksum". */
      readonly zeroAs?: number;
      /** Computed only then; else zero. */
      readonly when?: Condition;
    };

/** value × unit + plus bytes, from a field before it. */
export interface SizeByField {
  readonly field: string;
  readonly unit: number;
  readonly plus?: number;
}

/** How long a field of variable length is. */
export type SizeRule =
  /** To the end of the message. */
  | 'rest'
  /** To the end of the header, as its length field says. */
  | 'header'
  /** The value says itself where it ends. */
  | 'own'
  /** As many sub-packets as a field before it says. */
  | { readonly count: string }
  /** These bytes where they stand there, else all to the end of the message. */
  | { readonly prefix: Uint8Array }
  | SizeByField;

export interface FieldSpec {
  /** Scapy's name. Two fields may share it when their conditions exclude each other. */
  readonly name: string;
  readonly label: string;
  readonly help: string;
  /** Where it is defined: `RFC 791 §3.1`. */
  readonly rfc: string;
  readonly kind: FieldKind;
  /** 0: of variable length, see `size`. */
  readonly bits: number;
  readonly default: FieldValue;
  readonly auto?: AutoRule;
  /** The field exists only then. */
  readonly when?: Condition;
  /** The field exists only directly above that header. */
  readonly above?: string;
  /** enum: the names by value, as Scapy spells them. */
  readonly names?: Readonly<Record<number, string>>;
  /** flags: from the least significant bit. One letter each (`"SA"`), or joined by `+` (`"MF+DF"`). */
  readonly flags?: readonly string[];
  /** How people write it. */
  readonly base?: 10 | 16;
  readonly size?: SizeRule;
  /** Zero bytes follow up to a multiple of this many bytes, of the field or of the header. */
  readonly pad?: number;
  readonly padFrom?: 'field' | 'header';
  /** packets: which options may stand here. */
  readonly family?: OptionFamily;
  /**
   * Scapy's automatic value is another one: taken from the machine (its clock), or none at all where the RFC calls for
   * one. Addresses of every kind are so anyway.
   */
  readonly notAsScapy?: boolean;
  /** Not on the wire: steers how its neighbours are written (`autopad`). */
  readonly phantom?: boolean;
}

export type OptionFamily = 'ipv4' | 'ipv6' | 'geneve' | 'pppoe' | 'dnsQuestion' | 'dnsRecord' | 'edns0';

/** That this header may follow `lower`. */
export interface Binding {
  readonly lower: string;
  /** What automatic fields of the lower header become. */
  readonly set?: Readonly<Record<string, number | string | Uint8Array>>;
  /** By which values of the lower header it is recognised; without it, by `set`. */
  readonly match?: Readonly<Record<string, number>>;
  /** By a byte of its own: the first one, or the one at `peekAt`; only by the bits of `peekMask`. */
  readonly peek?: number;
  readonly peekAt?: number;
  /** Above 0xff: `peek` is two bytes. */
  readonly peekMask?: number;
}

/** How the layer after this one is chosen. */
export interface NextRule {
  /** By the first of these fields that some header is bound to. */
  readonly fields?: readonly string[];
  /** By the first byte of what follows. */
  readonly peek?: boolean;
  /** What follows where no field or byte says otherwise. */
  readonly otherwise?: string;
  /** Only then; else what follows is payload (a later fragment). */
  readonly when?: Condition;
  /** What follows is the beginning of another packet: its lengths and checksums are not ours to judge (ICMP errors). */
  readonly quotes?: boolean;
}

export interface HeaderSpec {
  /** Scapy's class name. */
  readonly name: string;
  readonly label: string;
  readonly rfc: string;
  readonly help: string;
  /**
   * `option`s stand inside a `packets` field; `payload`s have no header. `application`s are guessed from a port: what
   * cannot be read as one is payload, and nothing is wrong with it.
   */
  readonly role:
    | 'link'
    | 'network'
    | 'extension'
    | 'transport'
    | 'control'
    | 'tunnel'
    | 'application'
    | 'payload'
    | 'option';
  readonly fields: readonly FieldSpec[];
  /** The header's own length: value × unit + plus bytes. */
  readonly headerLength?: { readonly field: string; readonly unit: number; readonly plus?: number };
  /** The field that ends the message; bytes after it are padding. `openIfZero`: then zero means "to the end". */
  readonly extent?: {
    readonly field: string;
    readonly of: 'message' | 'payload';
    readonly plus?: number;
    readonly openIfZero?: Condition;
  };
  readonly next?: NextRule;
  readonly under?: readonly Binding[];
  /** Carries whatever that header carries, by the same fields (802.1Q like Ethernet, extension headers like IPv6). */
  readonly like?: string;
  /** The message is only a part of what was sent: checksums above it cannot be judged (fragments). */
  readonly partial?: Condition;
  /** Whose addresses enter the pseudo header of what it carries. */
  readonly pseudo?: 'ipv4' | 'ipv6';
  /** An option: its family, its type and its alignment (a multiple of `x` plus `y`, RFC 8200 §4.2). */
  readonly option?: {
    readonly family: OptionFamily;
    readonly type?: number;
    readonly align?: readonly [x: number, y: number];
  };
}

/** The rule of a field whose length another one says. */
export function sizeByField({ size }: FieldSpec): SizeByField | undefined {
  return typeof size === 'object' && 'field' in size ? size : undefined;
}

type Extras = Partial<Omit<FieldSpec, 'name' | 'label' | 'help' | 'rfc' | 'kind' | 'bits'>>;

/** Field constructors that share one RFC reference, so that a table reads like the RFC's own list. */
export function fieldsOf(rfc: string) {
  const field =
    (kind: FieldKind) =>
    (name: string, bits: number, value: FieldValue, label: string, help: string, extras: Extras = {}): FieldSpec => ({
      name,
      label,
      help,
      rfc,
      kind,
      bits,
      default: value,
      ...extras,
    });
  const address =
    (kind: FieldKind, bits: number) =>
    (name: string, value: string, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field(kind)(name, bits, value, label, help, extras);
  const list =
    (kind: FieldKind) =>
    (name: string, size: SizeRule, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field(kind)(name, 0, [], label, help, { size, ...extras });
  return {
    uint: field('uint'),
    hex: (name: string, bits: number, value: number, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field('uint')(name, bits, value, label, help, { base: 16, ...extras }),
    enumeration: (
      name: string,
      bits: number,
      value: number,
      names: Readonly<Record<number, string>>,
      label: string,
      help: string,
      extras: Extras = {},
    ): FieldSpec => field('enum')(name, bits, value, label, help, { names, ...extras }),
    flags: (
      name: string,
      bits: number,
      value: number,
      flags: readonly string[],
      label: string,
      help: string,
      extras: Extras = {},
    ): FieldSpec => field('flags')(name, bits, value, label, help, { flags, ...extras }),
    checksum: (
      name: string,
      rule: Partial<Omit<Extract<AutoRule, { kind: 'checksum' }>, 'kind'>>,
      help: string,
      extras: Extras = {},
    ): FieldSpec =>
      field('uint')(name, rule.algorithm === 'crc32c' ? 32 : 16, 0, 'Checksum', help, {
        base: 16,
        auto: { kind: 'checksum', algorithm: 'internet', over: 'message', ...rule },
        ...extras,
      }),
    mac: address('mac', 48),
    ipv4: address('ipv4', 32),
    ipv6: address('ipv6', 128),
    bytes: (name: string, size: SizeRule, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field('bytes')(name, 0, new Uint8Array(0), label, help, { size, ...extras }),
    fixedBytes: (name: string, size: number, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field('bytes')(name, size * 8, new Uint8Array(size), label, help, extras),
    address: field('address'),
    ipv4List: list('ipv4List'),
    ipv6List: list('ipv6List'),
    tcpOptions: list('tcpOptions'),
    dhcpOptions: list('dhcpOptions'),
    packets: list('packets'),
    dnsName: (name: string, value: string, label: string, help: string, extras: Extras = {}): FieldSpec =>
      field('dnsName')(name, 0, value, label, help, { size: 'own', ...extras }),
    texts: list('texts'),
  };
}
