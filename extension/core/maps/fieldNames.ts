/**
 * What a field's or typedef's name says about its bytes. The rules look at words (`src_ip`, `srcIp`, `srcip`), never at bare
 * substrings: `zip`, `skip`, `description` and `ip_proto` are no addresses.
 */

/** Words that make `ip_…` or `addr_…` a property of a packet or an address and not the address itself. */
const properties =
  /^(proto|protocol|p|len|length|size|id|ttl|tos|dscp|ecn|hl|ihl|v|ver|version|off|offset|flags?|frags?|fragment|csum|checksum|check|sum|summed|count|counter|cnt|num|nr|total|tot|type|family|af|state|hits?|hash|packets?|pkts?|bytes|rate|index|idx|hdr|header|options?|opts?|dropped|drops?|errors?|seen|time|ts|ns|ms|sec|port|sport|dport|prefix|prefixlen|plen|bits|enabled?|valid|mode|passed|processed|received|matched|requests|limit|max|min|found|missing)$/;

const before =
  's|d|v|src|dst|source|dest|destination|client|server|local|remote|peer|host|nat|snat|dnat|gw|gateway|lan|wan|ext|int|internal|external|inner|outer|public|private|user|msg|tun|tunnel|node|pod|svc|service|backend|frontend|real|target|orig|origin|old|new|my|our|dns|next|nexthop|router|blocked|allowed|banned|from|to';
const after = 'src|dst|source|dest|destination|client|server|local|remote|peer|host|gw|gateway|net|mask|key';
const ipWord = new RegExp(`^(${before})?ip(v?[46])?(${after})?s?$`);
/** `blocked_ip` is an address, `ip_blocked` counts. */
const countingEnd = /^(blocked|allowed|banned)$/;

export function isAddressName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  return words.some(isAddressWord) && !words.some((word) => properties.test(word)) && !countingEnd.test(last);
}

/** `ips`, `addrs`, `addresses`: an array of them is a list of addresses, not one long address. */
export function isAddressListName(name: string): boolean {
  return (
    isAddressName(name) && wordsOf(name).some((word) => isAddressWord(word) && /(ips|addrs|addresses)$/.test(word))
  );
}

/** For six bytes, which are hardly ever anything else: `h_source`, `dmac`, `eth_addr`, `src`. */
export function isMacName(name: string): boolean {
  if (/mac|addr/i.test(name)) return true;
  return wordsOf(name).some((word) => /^(eth|ether|ethernet|hw|ll|h?(source|dest|src|dst)|sha|tha|bssid)$/.test(word));
}

/** Members that only fill a hole. */
export function isPaddingName(name: string): boolean {
  return /^_*(pad|padding|unused|reserved|rsvd|resv)_*\d*$/.test(name);
}

function isAddressWord(word: string): boolean {
  if (ipWord.test(word)) return true;
  const at = word.indexOf('addr');
  return at >= 0 && !properties.test(word.slice(at + 4));
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}
