import { xdpActions } from '../../xdp.ts';
import { baseTypes, integerValue, type TypedValue } from '../values.ts';
import { ExpressionError } from './lex.ts';

/** Macros that programs compare with and that debug information does not hold: linux/if_ether.h, linux/in.h. */
export const constants: Readonly<Record<string, number>> = {
  ...Object.fromEntries(xdpActions.map((name, value) => [name, value])),
  NULL: 0,
  true: 1,
  false: 0,
  ETH_P_IP: 0x0800,
  ETH_P_ARP: 0x0806,
  ETH_P_8021Q: 0x8100,
  ETH_P_8021AD: 0x88a8,
  ETH_P_IPV6: 0x86dd,
  ETH_ALEN: 6,
  IPPROTO_ICMP: 1,
  IPPROTO_IGMP: 2,
  IPPROTO_IPIP: 4,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_GRE: 47,
  IPPROTO_ESP: 50,
  IPPROTO_AH: 51,
  IPPROTO_ICMPV6: 58,
  IPPROTO_SCTP: 132,
};

/** Byte order, which is the same work in both directions on a little-endian machine. */
const swaps: Readonly<Record<string, 2 | 4 | 8>> = {
  bpf_ntohs: 2,
  bpf_htons: 2,
  ntohs: 2,
  htons: 2,
  __builtin_bswap16: 2,
  bpf_ntohl: 4,
  bpf_htonl: 4,
  ntohl: 4,
  htonl: 4,
  __builtin_bswap32: 4,
  bpf_be64_to_cpu: 8,
  bpf_cpu_to_be64: 8,
  __builtin_bswap64: 8,
};
const types = { 2: baseTypes.short, 4: baseTypes.unsigned, 8: baseTypes.unsignedLong } as const;

/** The functions that an expression may call: only those without effects. */
export function callFunction(name: string, operands: readonly bigint[]): TypedValue {
  const size = swaps[name];
  if (size === undefined) {
    throw new ExpressionError(`${name}() cannot be called here: only bpf_ntohs() and its like can`);
  }
  const [operand] = operands;
  if (operand === undefined || operands.length !== 1) throw new ExpressionError(`${name}() takes one operand`);
  let swapped = 0n;
  for (let byte = 0; byte < size; byte++) swapped = (swapped << 8n) | ((operand >> BigInt(8 * byte)) & 0xffn);
  return integerValue(swapped, types[size]);
}
