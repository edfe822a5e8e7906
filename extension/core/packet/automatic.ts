/** What an automatic field has to be, given the rest of the packet. One answer for building and for judging. */
import { finishSum, sctpChecksum, sumWords } from './checksum.ts';
import type { CompiledField } from './compile.ts';
import { fieldOf, type Laid, numberOf } from './laid.ts';
import type { AutoRule } from './headers/spec.ts';
import type { BuiltField, FieldValue } from './model.ts';
import { addressBytes } from './value.ts';

/** A computed field that is no checksum. `end`: where the message ends without padding. May be too large for the field. */
export function computedNumber(laid: Laid, rule: AutoRule, end: number): number {
  const { offset, length } = laid.layer;
  switch (rule.kind) {
    case 'headerLength':
      return Math.max(0, Math.ceil((length - (rule.minus ?? 0)) / rule.unit));
    case 'length':
      return Math.max(0, end - offset - (rule.of === 'message' ? 0 : length) - (rule.minus ?? 0));
    case 'fieldLength': {
      const field = fieldOf(laid, rule.field);
      if (field === undefined) return rule.plus ?? 0;
      // The padding that follows a value of variable length does not count.
      const bytes = field.value instanceof Uint8Array ? field.value.length : field.bitLength / 8;
      return Math.floor(bytes / (rule.unit ?? 1)) + (rule.plus ?? 0);
    }
    case 'tail': {
      const field = fieldOf(laid, rule.after);
      return field === undefined ? 0 : offset + length - (field.bitOffset + field.bitLength) / 8;
    }
    case 'count': {
      const value = fieldOf(laid, rule.field)?.value;
      return Math.max(0, (Array.isArray(value) ? value.length : 0) + (rule.plus ?? 0));
    }
    case 'next':
    case 'checksum':
      return 0;
  }
}

/** How long the pseudo header says that the message is. */
export type PseudoLength =
  /** As long as it is. */
  | 'actual'
  /** As long as an IPv4 total length says that was given by hand: Scapy 2.5, in4_pseudoheader(). */
  | 'asGiven';

/**
 * The checksum that `bytes` call for in `field` of `stack[index]`, over the message up to `end`. Zero where the layer
 * below gives no pseudo header that it needs.
 */
export function computedChecksum(
  bytes: Uint8Array,
  stack: readonly Laid[],
  index: number,
  spec: CompiledField,
  field: BuiltField,
  end: number,
  pseudoLength: PseudoLength,
): number {
  const laid = stack[index];
  const rule = spec.spec.auto;
  if (laid === undefined || rule?.kind !== 'checksum') return 0;
  if (spec.ruleWhen !== undefined && !spec.ruleWhen(laid.numbers)) return 0;
  const start = laid.layer.offset;
  const last = rule.over === 'header' ? start + laid.layer.length : end;
  const at = field.bitOffset >>> 3;
  if (rule.algorithm === 'crc32c') return sctpChecksum(bytes, start, last, at);
  const own = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (rule.pseudo === undefined) return finishSum(sumWords(bytes, start, last) - own);
  const pseudo = pseudoSum(bytes, stack, index, rule.pseudo, last - start, pseudoLength);
  if (pseudo === undefined) return 0;
  const value = finishSum(sumWords(bytes, start, last, pseudo) - own);
  return value === 0 ? (rule.zeroAs ?? 0) : value;
}

/** The sum of the pseudo header's words, or undefined where no IP header is below. */
function pseudoSum(
  bytes: Uint8Array,
  stack: readonly Laid[],
  index: number,
  protocol: number,
  length: number,
  pseudoLength: PseudoLength,
): number | undefined {
  let network = index - 1;
  while (stack[network]?.header.spec.role === 'extension') network--;
  const below = stack[network];
  const direct = network === index - 1;
  if (below?.header.spec.pseudo === 'ipv4') {
    // ICMPv6 is defined over IPv6 only; of the extension headers, only AH stands over IPv4 too.
    if (protocol === 58 || !(direct || stack[index - 1]?.header.spec.name === 'AH')) return undefined;
    const { offset } = below.layer;
    const addresses =
      sumWords(bytes, offset + 12, offset + 16) +
      (below.layer.parts === undefined ? sumWords(bytes, offset + 16, offset + 20) : finalIpv4Sum(bytes, below));
    const said = direct && pseudoLength === 'asGiven' ? givenIpv4Length(below, length) : length;
    return addresses + protocol + (said >>> 16) + (said & 0xffff);
  }
  if (below?.header.spec.pseudo !== 'ipv6') return undefined;
  const addresses = direct ? undefined : extendedAddresses(stack, network, index);
  const { offset } = below.layer;
  const source = addresses?.source;
  const destination = addresses?.destination;
  return (
    (source === undefined ? sumWords(bytes, offset + 8, offset + 24) : sumAddress(source)) +
    (destination === undefined ? sumWords(bytes, offset + 24, offset + 40) : sumAddress(destination)) +
    protocol +
    (length >>> 16) +
    (length & 0xffff)
  );
}

function givenIpv4Length(ipv4: Laid, actual: number): number {
  const total = fieldOf(ipv4, 'len');
  if (total === undefined || total.auto || typeof total.value !== 'number') return actual;
  return Math.max(0, total.value - 4 * numberOf(ipv4, 'ihl'));
}

/** With one source route, the final destination is its last address (RFC 791 §3.1). */
function finalIpv4Sum(bytes: Uint8Array, ipv4: Laid): number {
  const routes = (ipv4.layer.parts ?? []).filter(
    (part) => part.name === 'IPOption_LSRR' || part.name === 'IPOption_SSRR',
  );
  const routers = routes[0]?.fields.find((field) => field.name === 'routers')?.value;
  const last = routes.length === 1 && Array.isArray(routers) ? routers.at(-1) : undefined;
  if (typeof last === 'string') {
    return sumWords(addressBytes('ipv4', 'routers', last, { layer: 'IPOption', layerIndex: 0 }), 0, 4);
  }
  return sumWords(bytes, ipv4.layer.offset + 16, ipv4.layer.offset + 20);
}

function sumAddress(address: string): number {
  return sumWords(addressBytes('ipv6', 'addresses', address, { layer: 'IPv6', layerIndex: 0 }), 0, 16);
}

/** RFC 8200 §8.1 and RFC 6275 §6.3: the final destination of a routing header, and the home address of a mobile node. */
function extendedAddresses(
  stack: readonly Laid[],
  network: number,
  index: number,
): { source: string | undefined; destination: string | undefined } {
  let source: string | undefined;
  let destination: string | undefined;
  for (let i = index - 1; i > network; i--) {
    const laid = stack[i];
    if (laid === undefined) continue;
    const name = laid.header.spec.name;
    const addresses = fieldOf(laid, 'addresses')?.value;
    if (destination === undefined && Array.isArray(addresses) && numberOf(laid, 'segleft') !== 0) {
      const final: FieldValue | undefined = name === 'IPv6ExtHdrSegmentRouting' ? addresses[0] : addresses.at(-1);
      if (typeof final === 'string') destination = final;
    }
    const options = laid.layer.parts?.filter((part) => part.name !== 'PadN' && part.name !== 'Pad1') ?? [];
    if (name === 'IPv6ExtHdrDestOpt' && options.length === 1 && options[0]?.name === 'HAO') {
      const home = options[0].fields.find((field) => field.name === 'hoa')?.value;
      if (typeof home === 'string') source = home;
    }
  }
  return { source, destination };
}
