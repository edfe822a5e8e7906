import { t } from '../../text/language.ts';
import type { RegisterValue } from '../values.ts';

/** What the verifier knows of a number, in words. Source of the printed form: kernel/bpf/log.c, print_scalar_ranges(). */
export function numberWords({ args, constant }: RegisterValue): string {
  if (constant !== undefined) return constantWords(constant);
  const highest = toBigInt(args.get('smax') ?? args.get('smax_value'));
  if (highest !== undefined && signed(highest) === -1n && !args.has('smin')) return t('a negative number');
  const range = rangeWords(args);
  const multiple = multipleOf(args);
  if (range === undefined) return multiple === undefined ? t('any number') : t('any multiple of {0}', multiple);
  return multiple === undefined ? t('a number {0}', range) : t('a number {0}, a multiple of {1}', range, multiple);
}

/** The range of a number, or of what was added to a pointer; undefined where nothing is known of it. */
export function rangeWords(args: ReadonlyMap<string, string>): string | undefined {
  const at = (name: string): bigint | undefined => toBigInt(args.get(name) ?? args.get(`${name}_value`));
  const umin = at('umin');
  const umax = at('umax');
  const smin = at('smin');
  const smax = at('smax');
  // What is not printed is the widest that it can be.
  if (umax !== undefined) return between(umin ?? 0n, umax);
  if (smin !== undefined && smax !== undefined) return between(signed(smin), signed(smax));
  if (smin !== undefined && signed(smin) >= 0n) return t('of at least {0}', grouped(umin ?? signed(smin)));
  if (umin !== undefined && umin > 0n) return t('of at least {0} (unsigned)', grouped(umin));
  if (smax !== undefined) return t('of at most {0} (signed)', grouped(signed(smax)));
  if (smin !== undefined) return t('of at least {0} (signed)', grouped(signed(smin)));
  const umin32 = at('umin32');
  const umax32 = at('umax32');
  if (umax32 !== undefined) return t('whose lower 32 bits are {0}', between(umin32 ?? 0n, umax32));
  return undefined;
}

function between(low: bigint, high: bigint): string {
  return low === high ? grouped(low) : `${grouped(low)}…${grouped(high)}`;
}

/** Numbers from 2^63 on stand for negative ones where they are signed. */
function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

export function toBigInt(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?(?:0x[\da-f]{1,16}|\d{1,20})$/.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

/** Round numbers in hex are how people know them: 65535 is 0xffff. */
function grouped(value: bigint): string {
  if (value <= 0xffffn && value >= -0xffffn) return String(value);
  const text = value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
  return value <= 9_999_999n && value >= -9_999_999n ? `${value} (${text})` : text;
}

function constantWords(text: string): string {
  const value = toBigInt(text);
  if (value === undefined) return text;
  const unsigned = BigInt.asUintN(64, value);
  if (unsigned >= 0x8000_0000_0000_0000n) return `${BigInt.asIntN(64, value)} (0x${unsigned.toString(16)})`;
  if (unsigned >= 0x8000_0000n && unsigned <= 0xffff_ffffn)
    return t('{0} ({1} in 32 bits)', `0x${unsigned.toString(16)}`, String(BigInt.asIntN(32, value)));
  return unsigned < 10n ? String(unsigned) : `${unsigned} (0x${unsigned.toString(16)})`;
}

/** Lower bits that are known to be 0, from `var_off=(0x0; 0xfc)`: value and mask of what is not known. */
function multipleOf(args: ReadonlyMap<string, string>): number | undefined {
  const found = /^\((0x[\da-f]{1,16}); (0x[\da-f]{1,16})\)$/.exec(args.get('var_off') ?? '');
  if (found === null) return undefined;
  const bits = BigInt(found[1] ?? 0) | BigInt(found[2] ?? 0);
  let power = 0;
  while (power < 16 && (bits >> BigInt(power)) % 2n === 0n) power++;
  return power === 0 || bits === 0n ? undefined : 2 ** power;
}
