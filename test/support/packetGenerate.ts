/** Packets made from a seed, across all layers: the same ones on every run. */
import type { Layer } from '../../extension/core/packet/model.ts';
import {
  dhcp,
  dns,
  geneveOptions,
  ipv4,
  ipv4Options,
  ipv6,
  ipv6Options,
  layerOf,
  mac,
  Random,
  tcpOptions,
  unicastMac,
} from './packetGenerateParts.ts';

export { Random };

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

class Generator {
  readonly #random: Random;
  readonly #wrong: boolean;

  constructor(random: Random, wrong: boolean) {
    this.#random = random;
    this.#wrong = wrong;
  }

  packet(): Layer[] {
    const layers = [...this.#link(), ...this.#network(2)];
    // tshark takes padding behind PPPoE for a wrong length.
    if (this.#random.chance(0.15) && !layers.some(({ name }) => name.startsWith('PPPoE')))
      layers.push({ name: 'Padding', fields: { load: new Uint8Array(1 + this.#random.below(20)) } });
    return layers;
  }

  #link(): Layer[] {
    const random = this.#random;
    const layers: Layer[] = [{ name: 'Ether', fields: { dst: unicastMac(random), src: unicastMac(random) } }];
    const tag = (name: string): Layer => layerOf(this.#random, name, { prio: 3, id: 1, vlan: 12 });
    const roll = random.below(10);
    if (roll === 0) layers.push(tag('Dot1Q'));
    if (roll === 1) layers.push(tag('Dot1AD'), tag('Dot1Q'));
    return layers;
  }

  /** A layer with some of these unsigned fields given at random. */
  #network(tunnels: number): Layer[] {
    const roll = this.#random.below(22);
    if (roll === 0) return [this.#arp()];
    if (roll === 20 && tunnels > 0) return this.#mpls(tunnels - 1);
    if (roll === 21 && tunnels > 0) return this.#pppoe(tunnels - 1);
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
    const ip = layerOf(this.#random, 'IP', { tos: 8, id: 16 }, { src: ipv4(random), dst: ipv4(random) });
    if (random.chance(0.5)) ip.fields['ttl'] = 1 + random.below(255);
    if (random.chance(0.3)) ip.fields['flags'] = random.pick(['DF', 2, 0]);
    if (random.chance(0.2)) ip.fields['options'] = ipv4Options(this.#random);
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
      return [
        layerOf(
          this.#random,
          'IGMP',
          { mrcode: 8 },
          { type: random.pick([0x11, 0x12, 0x16, 0x17]), gaddr: '224.1.2.3' },
        ),
      ];
    if (roll < 17) return this.#sctp();
    if (roll === 19) return random.chance(0.5) ? this.#ipsec() : this.#plain();
    if (tunnels === 0) return this.#plain();
    if (roll === 17) return this.#gre(tunnels - 1);
    return random.chance(0.5) ? this.#ipv4(tunnels - 1) : this.#ipv6(tunnels - 1);
  }

  #ipv6(tunnels: number): Layer[] {
    const random = this.#random;
    const layers = [
      layerOf(this.#random, 'IPv6', { tc: 8, fl: 20, hlim: 8 }, { src: ipv6(random), dst: ipv6(random) }),
    ];
    if (random.chance(0.15))
      layers.push({ name: 'IPv6ExtHdrHopByHop', fields: { options: ipv6Options(this.#random) } });
    if (random.chance(0.1)) layers.push({ name: 'IPv6ExtHdrDestOpt', fields: { options: ipv6Options(this.#random) } });
    const routing = random.below(20);
    if (routing === 0) {
      layers.push({
        name: 'IPv6ExtHdrSegmentRouting',
        fields: { addresses: Array.from({ length: 2 + random.below(2) }, () => ipv6(random)), tag: random.uint(16) },
      });
    } else if (routing === 1) {
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
    const layer = layerOf(this.#random, 'TCP', { sport: 16, dport: 16, seq: 32, ack: 32, window: 16, urgptr: 16 });
    if (!this.#wrong)
      Object.assign(layer.fields, { sport: 49200 + random.below(100), dport: 49300 + random.below(100) });
    if (random.chance(0.7)) layer.fields['flags'] = random.pick(['S', 'SA', 'A', 'FA', 'R', 'PA', 0x1ff, 'SEC', 0]);
    if (random.chance(0.5)) layer.fields['options'] = tcpOptions(this.#random);
    if (this.#wrong && random.chance(0.1)) layer.fields['chksum'] = random.uint(16);
    if (this.#wrong && random.chance(0.05)) layer.fields['dataofs'] = random.uint(4);
    return layer;
  }

  #mpls(tunnels: number): Layer[] {
    const random = this.#random;
    const label = (): Layer =>
      layerOf(this.#random, 'MPLS', { cos: 3, ttl: 8 }, { label: 16 + random.below(1_000_000) });
    return [
      ...Array.from({ length: 1 + random.below(3) }, label),
      ...(random.chance(0.5) ? this.#ipv4(tunnels) : this.#ipv6(tunnels)),
    ];
  }

  #pppoe(tunnels: number): Layer[] {
    const random = this.#random;
    if (random.chance(0.3)) {
      const tag = (): Layer => ({
        name: 'PPPoETag',
        fields: { tag_type: random.pick([0x101, 0x102, 0x103]), tag_value: random.bytes(1 + random.below(8)) },
      });
      return [
        { name: 'PPPoED', fields: { code: random.pick([0x07, 0x09, 0x19]) } },
        { name: 'PPPoED_Tags', fields: { tag_list: Array.from({ length: 1 + random.below(3) }, tag) } },
      ];
    }
    return [
      layerOf(this.#random, 'PPPoE', { sessionid: 16 }),
      { name: 'PPP', fields: {} },
      ...(random.chance(0.5) ? this.#ipv4(tunnels) : this.#ipv6(tunnels)),
    ];
  }

  /** What is carried in UDP and recognised by its port. */
  #overUdp(tunnels: number): Layer[] {
    const random = this.#random;
    const inside = (): Layer[] => (random.chance(0.5) ? this.#ipv4(tunnels) : this.#ipv6(tunnels));
    const high = 49152 + random.below(1000);
    switch (random.below(6)) {
      case 0:
        return [
          { name: 'UDP', fields: { sport: high, dport: 6081 } },
          layerOf(
            this.#random,
            'GENEVE',
            { vni: 24 },
            random.chance(0.5) ? { options: geneveOptions(this.#random) } : {},
          ),
          ...(random.chance(0.5) ? [...this.#link(), ...this.#network(tunnels)] : inside()),
        ];
      case 1:
        return [
          { name: 'UDP', fields: { sport: 2152, dport: 2152 } },
          layerOf(this.#random, 'GTP_U_Header', { teid: 32 }, random.chance(0.3) ? { S: 1, seq: random.uint(16) } : {}),
          ...(random.chance(0.5)
            ? [{ name: 'GTPPDUSessionContainer', fields: { type: random.below(2), QFI: random.uint(6) } }]
            : []),
          ...inside(),
        ];
      case 2:
      case 3:
        return [{ name: 'UDP', fields: { sport: high, dport: 53 } }, dns(this.#random)];
      case 4:
        return dhcp(this.#random);
      default:
        return [
          { name: 'UDP', fields: { sport: high, dport: 4789 } },
          { name: 'VXLAN', fields: { flags: 8, vni: random.uint(24) } },
          ...this.#link(),
          ...this.#network(tunnels),
        ];
    }
  }

  #ipsec(): Layer[] {
    const random = this.#random;
    if (random.chance(0.5)) return [layerOf(this.#random, 'ESP', { seq: 32 }, { spi: 0x1000, data: random.bytes(32) })];
    return [
      layerOf(this.#random, 'AH', { seq: 32 }, { spi: 0x1000, icv: random.bytes(12) }),
      this.#tcp(),
      ...this.#payload(),
    ];
  }

  #udp(tunnels: number): Layer[] {
    const random = this.#random;
    if (tunnels > 0 && random.chance(0.3)) return this.#overUdp(tunnels - 1);
    // Not 53 and the like: tshark would see DNS in random bytes.
    const layer = layerOf(
      this.#random,
      'UDP',
      {},
      { sport: 49200 + random.below(100), dport: 49300 + random.below(100) },
    );
    if (this.#wrong && random.chance(0.1)) layer.fields['chksum'] = random.uint(16);
    if (this.#wrong && random.chance(0.1)) layer.fields['len'] = random.uint(16);
    return [layer, ...this.#payload()];
  }

  #icmp(): Layer[] {
    const random = this.#random;
    switch (random.below(4)) {
      case 0:
        return [
          layerOf(this.#random, 'ICMP', { id: 16, seq: 16 }, { type: random.pick([0, 8, 'echo-reply']) }),
          ...this.#payload(),
        ];
      case 1:
        return [{ name: 'ICMP', fields: { type: 3, code: 4, nexthopmtu: random.uint(16) } }, ...this.#quoted()];
      case 2:
        return [{ name: 'ICMP', fields: { type: 11 } }, ...this.#quoted()];
      default:
        return [layerOf(this.#random, 'ICMP', { id: 16, seq: 16, ts_ori: 32 }, { type: 13 })];
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
        return [
          layerOf(this.#random, 'ICMPv6EchoRequest', { id: 16, seq: 16 }, { data: random.bytes(random.below(40)) }),
        ];
      case 1:
        return [
          layerOf(this.#random, 'ICMPv6EchoReply', { id: 16, seq: 16 }, { data: random.bytes(random.below(40)) }),
        ];
      case 2:
        return [
          { name: 'ICMPv6ND_NS', fields: { tgt: ipv6(random) } },
          { name: 'ICMPv6NDOptSrcLLAddr', fields: { lladdr: mac6 } },
        ];
      case 3:
        return [
          layerOf(this.#random, 'ICMPv6ND_NA', { R: 1, S: 1, O: 1 }, { tgt: ipv6(random) }),
          { name: 'ICMPv6NDOptDstLLAddr', fields: { lladdr: mac6 } },
        ];
      case 4:
        return [
          layerOf(this.#random, 'ICMPv6ND_RA', {
            chlim: 8,
            M: 1,
            O: 1,
            routerlifetime: 16,
            reachabletime: 32,
            retranstimer: 32,
          }),
          { name: 'ICMPv6NDOptMTU', fields: { mtu: 1280 + random.below(9000) } },
          { name: 'ICMPv6NDOptPrefixInfo', fields: { prefix: '2001:db8:1::', prefixlen: 64 } },
          { name: 'ICMPv6NDOptSrcLLAddr', fields: { lladdr: mac6 } },
        ];
      case 5:
        return [
          layerOf(this.#random, 'ICMPv6PacketTooBig', {}, { mtu: 1280 + random.below(1000) }),
          { name: 'IPv6', fields: { src: ipv6(random), dst: ipv6(random) } },
          { name: 'UDP', fields: { sport: 49200, dport: 49300 } },
        ];
      default:
        return [layerOf(this.#random, 'ICMPv6MLReport', {}, { mladdr: 'ff02::1:3' })];
    }
  }

  #sctp(): Layer[] {
    const random = this.#random;
    const sctp = layerOf(this.#random, 'SCTP', { tag: 32 }, { sport: 49200, dport: 49300 });
    switch (random.below(3)) {
      case 0:
        return [
          sctp,
          layerOf(
            this.#random,
            'SCTPChunkData',
            { tsn: 32, stream_id: 16, stream_seq: 16, unordered: 1 },
            { beginning: 1, ending: 1, data: random.bytes(1 + random.below(30)) },
          ),
        ];
      case 1:
        return [
          sctp,
          layerOf(
            this.#random,
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
    if (random.chance(0.2)) return [gre, ...this.#link(), ...this.#network(tunnels)];
    return [gre, ...(random.chance(0.5) ? this.#ipv4(tunnels) : this.#ipv6(tunnels))];
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
