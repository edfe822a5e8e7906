import type { Layout } from './layout.ts';
import type { MapSchema } from './schema.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './text.ts';

/** An LPM trie's key that is an IP prefix: `__u32 prefixlen`, then an address that the type says is one. Offsets in bytes. */
export interface PrefixKey {
  family: 'ipv4' | 'ipv6';
  /** Of the address; the length stands before it, at 0 (kernel/bpf/lpm_trie.c, struct bpf_lpm_trie_key_hdr). */
  offset: number;
  addressBytes: 4 | 16;
}

/** undefined where the key does not say that it is an address, or has more to it than one. */
export function prefixKeyOf(schema: Pick<MapSchema, 'type' | 'key'>): PrefixKey | undefined {
  const { type, key } = schema;
  if (type !== 'lpm_trie' || key?.kind !== 'struct') return undefined;
  const [length, address, ...others] = key.fields;
  if (length === undefined || address === undefined || others.length > 0) return undefined;
  if (length.offset !== 0 || length.layout.kind !== 'int' || length.layout.size !== 4) return undefined;
  const family = familyOf(address.layout, key.name);
  if (family === undefined || address.offset !== 4) return undefined;
  return { family, offset: 4, addressBytes: family === 'ipv4' ? 4 : 16 };
}

function familyOf(layout: Layout, structName: string): 'ipv4' | 'ipv6' | undefined {
  if (layout.kind === 'ipv4' || layout.kind === 'ipv6') return layout.kind;
  // `struct ipv4_lpm_key { __u32 prefixlen; __u32 data; }` of the kernel's Documentation/bpf/map_lpm_trie.rst.
  const named = /ip(v)?4/i.test(structName) ? 'ipv4' : /ip(v)?6/i.test(structName) ? 'ipv6' : undefined;
  if (named !== undefined && layout.size === (named === 'ipv4' ? 4 : 16)) return named;
  return layout.kind === 'int' && layout.size === 4 && layout.bigEndian ? 'ipv4' : undefined;
}

/** `10.0.0.0/8`, as the bytes of a key say it. */
export function formatPrefix(prefix: PrefixKey, key: Uint8Array): string {
  const length = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const address = key.subarray(prefix.offset, prefix.offset + prefix.addressBytes);
  return `${prefix.family === 'ipv4' ? formatIpv4(address) : formatIpv6(address)}/${length}`;
}

/** An address with its length; alone it is the whole address. undefined when it is none of this family, or too long. */
export function parsePrefix(
  family: 'ipv4' | 'ipv6',
  text: string,
): { address: Uint8Array; length: number } | undefined {
  const match = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const address = family === 'ipv4' ? parseIpv4(match?.[1] ?? '') : parseIpv6(match?.[1] ?? '');
  if (match === null || address === undefined) return undefined;
  const length = match[2] === undefined ? 8 * address.length : Number(match[2]);
  return length <= 8 * address.length ? { address, length } : undefined;
}

/** The bytes of a key for `10.0.0.0/8`; bits behind the length are kept, as the kernel keeps them. */
export function encodePrefix(prefix: PrefixKey, keySize: number, text: string): Uint8Array | undefined {
  const parsed = parsePrefix(prefix.family, text);
  if (parsed === undefined || keySize < prefix.offset + prefix.addressBytes) return undefined;
  const key = new Uint8Array(keySize);
  new DataView(key.buffer).setUint32(0, parsed.length, true);
  key.set(parsed.address, prefix.offset);
  return key;
}

/** Do the first `bits` of both agree? */
export function samePrefix(a: Uint8Array, aAt: number, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[aAt + i] !== b[i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = 0xff00 >> rest;
  return (((a[aAt + whole] ?? 0) ^ (b[whole] ?? 0)) & mask & 0xff) === 0;
}
