import { buildPacket } from '../packet/build.ts';
import { parseScapy } from '../packet/scapy.ts';
import { packetTemplates } from '../packet/templates.ts';
import { type Input, inputOf } from './input.ts';
import type { Target } from './target.ts';

const ethernetBytes = 14;

/** Stacks beyond the builder's templates: one of each kind that programs look for. */
const stacks = [
  'Ether()/Raw(b"\\x00\\x00")',
  'Ether()/IP(dst="192.0.2.2")/UDP(sport=49152,dport=4789)/VXLAN(vni=1)/Ether()/IP()/UDP()',
  'Ether()/Dot1AD(vlan=10)/Dot1Q(vlan=100)/IP()/UDP()',
  'Ether()/IP(options=[IPOption_NOP(),IPOption_NOP(),IPOption_NOP(),IPOption_EOL()])/TCP()',
  'Ether()/IP(flags="MF",frag=0)/UDP()/Raw(b"12345678")',
  'Ether()/IP(frag=100)/Raw(b"12345678")',
  'Ether()/IP()/GRE()/IP()/UDP()',
  'Ether()/IP()/IP()/TCP()',
  'Ether()/IP()/ICMP()/Raw(b"ping")',
  'Ether()/IP()/SCTP()',
  'Ether()/IPv6()/UDP()/Raw(b"hello")',
  'Ether()/IPv6()/IPv6ExtHdrHopByHop()/TCP()',
  'Ether()/IPv6()/IPv6ExtHdrFragment()/UDP()',
  'Ether()/IPv6()/ICMPv6EchoRequest()',
  'Ether()/IP(ttl=1)/TCP(flags="A")/Raw(b"GET / HTTP/1.1")',
];

/** What a search begins with. */
export function seedInputs({ linked, program }: Target): Input[] {
  const templates = packetTemplates.map(({ layers }) => buildPacket(layers).bytes);
  const others = stacks.map((text) => buildPacket(parseScapy(text)).bytes);
  const inputs = [new Uint8Array(14), ...templates, ...others].map(inputOf);
  if (linked.programs.get(program)?.frags !== true) return inputs;
  // In pieces, as drivers with multi-buffer give it.
  return [
    ...inputs,
    ...inputs.map((input) => ({ ...input, linearBytes: ethernetBytes })),
    inputOf(new Uint8Array(5000)),
  ];
}
