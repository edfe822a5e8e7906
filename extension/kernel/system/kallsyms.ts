import { readFileSync } from 'node:fs';

/**
 * The kernel's names of addresses, and addresses of names: /proc/kallsyms, which shows zeros without CAP_SYSLOG. A name of
 * several stands once with each of its addresses.
 */
export function kernelSymbols(
  addresses: readonly bigint[],
  names: readonly string[],
): { address: bigint; name: string }[] {
  // 16 hexadecimal digits, as the file writes them: comparing text spares a BigInt for each of two hundred thousand lines.
  const wanted = new Set(addresses.map((address) => BigInt.asUintN(64, address).toString(16).padStart(16, '0')));
  const wantedNames = new Set(names);
  const found: { address: bigint; name: string }[] = [];
  for (const line of readFileSync('/proc/kallsyms', 'latin1').split('\n')) {
    const address = line.slice(0, 16);
    const end = line.indexOf('\t', 19);
    const name = line.slice(19, end < 0 ? undefined : end);
    if (!wanted.has(address) && !wantedNames.has(name)) continue;
    const value = BigInt(`0x${address}`);
    if (value !== 0n) found.push({ address: value, name });
  }
  return found;
}
