/** What generated packets are made of: chance, addresses, options, messages. */
import type { FieldValue, Layer, NamedOption } from '../../extension/core/packet/model.ts';

/** mulberry32: small, fast, and the same everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  uint(bits: number): number {
    // Edges are where mistakes are.
    const roll = this.below(8);
    if (roll === 0) return 0;
    if (roll === 1) return 2 ** bits - 1;
    return Math.floor(this.next() * 2 ** bits);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

export const mac = (random: Random): string =>
  Array.from(random.bytes(6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
export const unicastMac = (random: Random): string => `02:${mac(random).slice(3)}`;
export const ipv4 = (random: Random): string => `10.${random.below(256)}.${random.below(256)}.${1 + random.below(254)}`;
export const ipv6 = (random: Random): string =>
  random.chance(0.3)
    ? `2001:db8::${(1 + random.below(65535)).toString(16)}`
    : `2001:db8:${hex4(random)}:${hex4(random)}:1:${hex4(random)}:2:3`;
const hex4 = (random: Random): string => (1 + random.below(65535)).toString(16);

export function layerOf(
  random: Random,
  name: string,
  widths: Record<string, number>,
  fixed: Record<string, FieldValue> = {},
): Layer {
  const fields: Layer['fields'] = { ...fixed };
  for (const [field, bits] of Object.entries(widths)) {
    if (random.chance(0.5)) fields[field] = random.uint(bits);
  }
  return { name, fields };
}

export function tcpOptions(random: Random): NamedOption[] {
  const makers: (() => NamedOption)[] = [
    () => ['MSS', random.uint(16)],
    () => ['WScale', random.below(15)],
    () => ['SAckOK', null],
    () => ['SAck', Array.from({ length: 2 * (1 + random.below(2)) }, () => random.uint(32))],
    () => ['Timestamp', [random.uint(32), random.uint(32)]],
    () => ['NOP', null],
    () => ['UTO', random.uint(16)],
    () => [253, random.bytes(1 + random.below(5))],
  ];
  const options: NamedOption[] = [];
  for (let size = 0, count = random.below(5); count > 0; count--) {
    const option = random.pick(makers)();
    size += 18;
    if (size > 38) break;
    options.push(option);
  }
  return options;
}

export function ipv4Options(random: Random): Layer[] {
  const makers: (() => Layer)[] = [
    () => ({ name: 'IPOption_NOP', fields: {} }),
    () => ({ name: 'IPOption_Router_Alert', fields: {} }),
    () => ({ name: 'IPOption_RR', fields: { routers: [ipv4(random), ipv4(random)] } }),
    () => ({ name: 'IPOption_Stream_Id', fields: { security: random.uint(16) } }),
    () => ({ name: 'IPOption', fields: { copy_flag: 1, option: 30, value: random.bytes(random.below(8)) } }),
  ];
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(makers)());
}

export function ipv6Options(random: Random): Layer[] {
  const makers: (() => Layer)[] = [
    () => ({ name: 'RouterAlert', fields: { value: random.below(3) } }),
    () => ({ name: 'PadN', fields: { optdata: new Uint8Array(random.below(5)) } }),
    () => ({ name: 'Pad1', fields: {} }),
    () => ({ name: 'HBHOptUnknown', fields: { otype: 0x1e, optdata: random.bytes(random.below(6)) } }),
  ];
  return Array.from({ length: random.below(3) }, () => random.pick(makers)());
}

export function geneveOptions(random: Random): Layer[] {
  // Scapy 2.5 counts options of 64 bytes and more wrongly.
  return Array.from({ length: 1 + random.below(3) }, () =>
    layerOf(random, 'GeneveOptions', { type: 8 }, { classid: 0xffff, data: random.bytes(4 * (1 + random.below(3))) }),
  );
}

function dnsName(random: Random): string {
  return random.pick(['example.com', 'www.example.net', 'a.b.c.example', 'x.test', 'UPPER.example.org']);
}

export function dns(random: Random): Layer {
  const question = (): Layer => ({
    name: 'DNSQR',
    fields: { qname: dnsName(random), qtype: random.pick([1, 28, 2, 16, 255]) },
  });
  const record = (): Layer => {
    const [type, rdata] = random.pick<() => [number, FieldValue]>([
      () => [1, ipv4(random)],
      () => [28, ipv6(random)],
      () => [5, dnsName(random)],
      () => [2, dnsName(random)],
      () => [16, ['v=spf1 -all', 'more text']],
    ])();
    return { name: 'DNSRR', fields: { rrname: dnsName(random), type, ttl: random.uint(31), rdata } };
  };
  const records = (): Layer[] => Array.from({ length: random.below(3) }, record);
  const answer = random.chance(0.5);
  return layerOf(
    random,
    'DNS',
    { id: 16, rd: 1 },
    answer
      ? { qr: 1, ra: 1, qd: [question()], an: records(), ns: records(), ar: random.chance(0.5) ? records() : [] }
      : { qd: [question()], ar: random.chance(0.3) ? [{ name: 'DNSRROPT', fields: { rclass: 1232 } }] : [] },
  );
}

export function dhcp(random: Random): Layer[] {
  const toServer = random.chance(0.5);
  return [
    { name: 'UDP', fields: toServer ? { sport: 68, dport: 67 } : { sport: 67, dport: 68 } },
    layerOf(random, 'BOOTP', { xid: 32, secs: 16 }, { op: toServer ? 1 : 2, chaddr: random.bytes(6) }),
    {
      name: 'DHCP',
      fields: {
        options: [
          ['message-type', toServer ? random.pick(['discover', 'request']) : random.pick(['offer', 'ack'])],
          ...(random.chance(0.5) ? [['requested_addr', ipv4(random)] as const] : []),
          ...(random.chance(0.5) ? [['router', [ipv4(random), ipv4(random)]] as const] : []),
          ...(random.chance(0.5) ? [['lease_time', random.uint(32)] as const] : []),
          ...(random.chance(0.5) ? [['hostname', Uint8Array.from([0x68, 0x6f, 0x73, 0x74])] as const] : []),
          ...(random.chance(0.5) ? [['param_req_list', [1, 3, 6, 15]] as const] : []),
          ['end', null],
        ],
      },
    },
  ];
}
