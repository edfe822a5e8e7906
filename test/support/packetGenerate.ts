/** Packets made from a seed, across all layers: the same ones on every run. */
import type { FieldValue, Layer, TcpOption } from '../../extension/core/packet/model.ts';

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

export interface GenerateOptions {
  /**
   * Also lengths and checksums made wrong by hand, any ports and any payload. Without it, ports and payloads are such
   * that nobody takes the payload for a protocol.
   */
  wrong?: boolean;
}

export function generatePacket(random: Random, { wrong = false }: GenerateOptions = {}): Layer[] {
  return new Generator(random, wrong).packet();
}

const mac = (random: Random): string =>
  Array.from(random.bytes(6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
const unicastMac = (random: Random): string => `02:${mac(random).slice(3)}`;
const ipv4 = (random: Random): string => `10.${random.below(256)}.${random.below(256)}.${1 + random.below(254)}`;
const ipv6 = (random: Random): string =>
  random.chance(0.3)
    ? `2001:db8::${(1 + random.below(65535)).toString(16)}`
    : `2001:db8:${hex4(random)}:${hex4(random)}:1:${hex4(random)}:2:3`;
const hex4 = (random: Random): string => (1 + random.below(65535)).toString(16);

class Generator {
  readonly #random: Random;
  readonly #wrong: boolean;

  constructor(random: Random, wrong: boolean) {
    this.#random = random;
    this.#wrong = wrong;
  }

  packet(): Layer[] {
    const layers = [...this.#link(), ...this.#network(2)];
    if (this.#random.chance(0.15))
      layers.push({ name: 'Padding', fields: { load: new Uint8Array(1 + this.#random.below(20)) } });
    return layers;
  }

  #link(): Layer[] {
    const random = this.#random;
    const layers: Layer[] = [{ name: 'Ether', fields: { dst: unicastMac(random), src: unicastMac(random) } }];
    const tag = (name: string): Layer => this.#layer(name, { prio: 3, id: 1, vlan: 12 });
    const roll = random.below(10);
    if (roll === 0) layers.push(tag('Dot1Q'));
    if (roll === 1) layers.push(tag('Dot1AD'), tag('Dot1Q'));
    return layers;
  }

  /** A layer with some of these unsigned fields given at random. */
  #layer(name: string, widths: Record<string, number>, fixed: Record<string, FieldValue> = {}): Layer {
    const fields: Layer['fields'] = { ...fixed };
    for (const [field, bits] of Object.entries(widths)) {
      if (this.#random.chance(0.5)) fields[field] = this.#random.uint(bits);
    }
    return { name, fields };
  }

  #network(tunnels: number): Layer[] {
    const roll = this.#random.below(20);
    if (roll === 0) return [this.#arp()];
    return roll < 12 ? this.#ipv4(tunnels) : this.#ipv6(tunnels);
  }

  #arp(): Layer {
    const random = this.#random;
    return {
      name: 'ARP',
      fields: {
        op: random.pick([1, 2, 'is-at', 'who-has']),
        hwsrc: unicastMac(random),
        psrc: ipv4(random),
        hwdst: mac(random),
        pdst: ipv4(random),
      },
    };
  }

  #ipv4(tunnels: number): Layer[] {
    const random = this.#random;
    const ip = this.#layer('IP', { tos: 8, id: 16 }, { src: ipv4(random), dst: ipv4(random) });
    if (random.chance(0.5)) ip.fields['ttl'] = 1 + random.below(255);
    if (random.chance(0.3)) ip.fields['flags'] = random.pick(['DF', 2, 0]);
    if (random.chance(0.2)) ip.fields['options'] = this.#ipv4Options();
    if (this.#wrong && random.chance(0.1)) ip.fields['chksum'] = random.uint(16);
    if (this.#wrong && random.chance(0.1)) ip.fields['len'] = random.uint(16);
    if (this.#wrong && random.chance(0.05)) ip.fields['ihl'] = random.uint(4);
    const inside = this.#inside4(tunnels);
    // 253: for experiments (RFC 3692). The default, 0, is an IPv6 header to tshark.
    if (inside[0]?.name === 'Raw') ip.fields['proto'] = 253;
    return [ip, ...inside];
  }

  #inside4(tunnels: number): Layer[] {
    const random = this.#random;
    const roll = random.below(20);
    if (roll < 7) return [this.#tcp(), ...this.#payload()];
    if (roll < 12) return this.#udp(tunnels);
    if (roll < 14) return this.#icmp();
    if (roll < 15)
      return [this.#layer('IGMP', { mrcode: 8 }, { type: random.pick([0x11, 0x12, 0x16, 0x17]), gaddr: '224.1.2.3' })];
    if (roll < 17) return this.#sctp();
    if (tunnels === 0 || roll === 19) return this.#plain();
    if (roll === 17) return this.#gre(tunnels - 1);
    return random.chance(0.5) ? this.#ipv4(tunnels - 1) : this.#ipv6(tunnels - 1);
  }

  #ipv6(tunnels: number): Layer[] {
    const random = this.#random;
    const layers = [this.#layer('IPv6', { tc: 8, fl: 20, hlim: 8 }, { src: ipv6(random), dst: ipv6(random) })];
    if (random.chance(0.15)) layers.push({ name: 'IPv6ExtHdrHopByHop', fields: { options: this.#ipv6Options() } });
    if (random.chance(0.1)) layers.push({ name: 'IPv6ExtHdrDestOpt', fields: { options: this.#ipv6Options() } });
    if (random.chance(0.05)) {
      layers.push({ name: 'IPv6ExtHdrRouting', fields: { type: 0, addresses: [ipv6(random), ipv6(random)] } });
    }
    const inside = this.#inside6(tunnels);
    const last = layers.at(-1);
    if (inside[0]?.name === 'Raw' && last !== undefined) last.fields['nh'] = 253;
    return [...layers, ...inside];
  }

  #inside6(tunnels: number): Layer[] {
    const random = this.#random;
    const roll = random.below(20);
    if (roll < 6) return [this.#tcp(), ...this.#payload()];
    if (roll < 11) return this.#udp(tunnels);
    if (roll < 15) return this.#icmpv6();
    if (roll < 17) return this.#sctp();
    if (tunnels === 0 || roll === 19) return this.#plain();
    if (roll === 17) return this.#gre(tunnels - 1);
    return random.chance(0.5) ? this.#ipv4(tunnels - 1) : this.#ipv6(tunnels - 1);
  }

  #tcp(): Layer {
    const random = this.#random;
    const layer = this.#layer('TCP', { sport: 16, dport: 16, seq: 32, ack: 32, window: 16, urgptr: 16 });
    if (!this.#wrong)
      Object.assign(layer.fields, { sport: 49200 + random.below(100), dport: 49300 + random.below(100) });
    if (random.chance(0.7)) layer.fields['flags'] = random.pick(['S', 'SA', 'A', 'FA', 'R', 'PA', 0x1ff, 'SEC', 0]);
    if (random.chance(0.5)) layer.fields['options'] = this.#tcpOptions();
    if (this.#wrong && random.chance(0.1)) layer.fields['chksum'] = random.uint(16);
    if (this.#wrong && random.chance(0.05)) layer.fields['dataofs'] = random.uint(4);
    return layer;
  }

  #tcpOptions(): TcpOption[] {
    const random = this.#random;
    const makers: (() => TcpOption)[] = [
      () => ['MSS', random.uint(16)],
      () => ['WScale', random.below(15)],
      () => ['SAckOK', null],
      () => ['SAck', Array.from({ length: 2 * (1 + random.below(2)) }, () => random.uint(32))],
      () => ['Timestamp', [random.uint(32), random.uint(32)]],
      () => ['NOP', null],
      () => ['UTO', random.uint(16)],
      () => [253, random.bytes(1 + random.below(5))],
    ];
    const options: TcpOption[] = [];
    for (let size = 0, count = random.below(5); count > 0; count--) {
      const option = random.pick(makers)();
      size += 18;
      if (size > 38) break;
      options.push(option);
    }
    return options;
  }

  #udp(tunnels: number): Layer[] {
    const random = this.#random;
    if (tunnels > 0 && random.chance(0.1)) {
      const vxlan: Layer = { name: 'VXLAN', fields: { flags: 8, vni: random.uint(24) } };
      return [
        { name: 'UDP', fields: { sport: 49152 + random.below(1000), dport: 4789 } },
        vxlan,
        ...this.#link(),
        ...this.#network(tunnels - 1),
      ];
    }
    // Not 53 and the like: tshark would see DNS in random bytes.
    const layer = this.#layer('UDP', {}, { sport: 49200 + random.below(100), dport: 49300 + random.below(100) });
    if (this.#wrong && random.chance(0.1)) layer.fields['chksum'] = random.uint(16);
    if (this.#wrong && random.chance(0.1)) layer.fields['len'] = random.uint(16);
    return [layer, ...this.#payload()];
  }

  #icmp(): Layer[] {
    const random = this.#random;
    switch (random.below(4)) {
      case 0:
        return [
          this.#layer('ICMP', { id: 16, seq: 16 }, { type: random.pick([0, 8, 'echo-reply']) }),
          ...this.#payload(),
        ];
      case 1:
        return [{ name: 'ICMP', fields: { type: 3, code: 4, nexthopmtu: random.uint(16) } }, ...this.#quoted()];
      case 2:
        return [{ name: 'ICMP', fields: { type: 11 } }, ...this.#quoted()];
      default:
        return [this.#layer('ICMP', { id: 16, seq: 16, ts_ori: 32 }, { type: 13 })];
    }
  }

  #quoted(): Layer[] {
    const random = this.#random;
    return [
      { name: 'IP', fields: { src: ipv4(random), dst: ipv4(random) } },
      { name: 'UDP', fields: { sport: 49200, dport: 49300 } },
    ];
  }

  #icmpv6(): Layer[] {
    const random = this.#random;
    const mac6 = unicastMac(random);
    switch (random.below(7)) {
      case 0:
        return [this.#layer('ICMPv6EchoRequest', { id: 16, seq: 16 }, { data: random.bytes(random.below(40)) })];
      case 1:
        return [this.#layer('ICMPv6EchoReply', { id: 16, seq: 16 }, { data: random.bytes(random.below(40)) })];
      case 2:
        return [
          { name: 'ICMPv6ND_NS', fields: { tgt: ipv6(random) } },
          { name: 'ICMPv6NDOptSrcLLAddr', fields: { lladdr: mac6 } },
        ];
      case 3:
        return [
          this.#layer('ICMPv6ND_NA', { R: 1, S: 1, O: 1 }, { tgt: ipv6(random) }),
          { name: 'ICMPv6NDOptDstLLAddr', fields: { lladdr: mac6 } },
        ];
      case 4:
        return [
          this.#layer('ICMPv6ND_RA', { chlim: 8, M: 1, O: 1, routerlifetime: 16, reachabletime: 32, retranstimer: 32 }),
          { name: 'ICMPv6NDOptMTU', fields: { mtu: 1280 + random.below(9000) } },
          { name: 'ICMPv6NDOptPrefixInfo', fields: { prefix: '2001:db8:1::', prefixlen: 64 } },
          { name: 'ICMPv6NDOptSrcLLAddr', fields: { lladdr: mac6 } },
        ];
      case 5:
        return [
          this.#layer('ICMPv6PacketTooBig', {}, { mtu: 1280 + random.below(1000) }),
          { name: 'IPv6', fields: { src: ipv6(random), dst: ipv6(random) } },
          { name: 'UDP', fields: { sport: 49200, dport: 49300 } },
        ];
      default:
        return [this.#layer('ICMPv6MLReport', {}, { mladdr: 'ff02::1:3' })];
    }
  }

  #sctp(): Layer[] {
    const random = this.#random;
    const sctp = this.#layer('SCTP', { tag: 32 }, { sport: 49200, dport: 49300 });
    switch (random.below(3)) {
      case 0:
        return [
          sctp,
          this.#layer(
            'SCTPChunkData',
            { tsn: 32, stream_id: 16, stream_seq: 16, unordered: 1 },
            { beginning: 1, ending: 1, data: random.bytes(1 + random.below(30)) },
          ),
        ];
      case 1:
        return [
          sctp,
          this.#layer(
            'SCTPChunkInit',
            { a_rwnd: 32, init_tsn: 32 },
            { init_tag: 1 + random.below(1000), n_out_streams: 1, n_in_streams: 1 },
          ),
        ];
      default:
        return [
          sctp,
          { name: 'SCTPChunkCookieEcho', fields: { cookie: random.bytes(random.below(20)) } },
          { name: 'SCTPChunkCookieAck', fields: {} },
        ];
    }
  }

  #gre(tunnels: number): Layer[] {
    const random = this.#random;
    const gre: Layer = { name: 'GRE', fields: {} };
    if (random.chance(0.4)) gre.fields['chksum_present'] = 1;
    if (random.chance(0.4)) Object.assign(gre.fields, { key_present: 1, key: random.uint(32) });
    if (random.chance(0.4)) Object.assign(gre.fields, { seqnum_present: 1, sequence_number: random.uint(32) });
    return [gre, ...(random.chance(0.2) ? this.#link() : []), ...this.#network(tunnels)];
  }

  #ipv4Options(): Layer[] {
    const random = this.#random;
    const makers: (() => Layer)[] = [
      () => ({ name: 'IPOption_NOP', fields: {} }),
      () => ({ name: 'IPOption_Router_Alert', fields: {} }),
      () => ({ name: 'IPOption_RR', fields: { routers: [ipv4(random), ipv4(random)] } }),
      () => ({ name: 'IPOption_Stream_Id', fields: { security: random.uint(16) } }),
      () => ({ name: 'IPOption', fields: { copy_flag: 1, option: 30, value: random.bytes(random.below(8)) } }),
    ];
    return Array.from({ length: 1 + random.below(3) }, () => random.pick(makers)());
  }

  #ipv6Options(): Layer[] {
    const random = this.#random;
    const makers: (() => Layer)[] = [
      () => ({ name: 'RouterAlert', fields: { value: random.below(3) } }),
      () => ({ name: 'PadN', fields: { optdata: new Uint8Array(random.below(5)) } }),
      () => ({ name: 'Pad1', fields: {} }),
      () => ({ name: 'HBHOptUnknown', fields: { otype: 0x1e, optdata: random.bytes(random.below(6)) } }),
    ];
    return Array.from({ length: random.below(3) }, () => random.pick(makers)());
  }

  #payload(): Layer[] {
    return this.#random.chance(0.3) ? [] : this.#plain();
  }

  #plain(): Layer[] {
    const random = this.#random;
    const length = 1 + random.below(64);
    return [{ name: 'Raw', fields: { load: this.#wrong ? random.bytes(length) : new Uint8Array(length).fill(0x78) } }];
  }
}
