/**
 * Headers as their RFCs draw them, 32 bits in a row, with the names that the kernel's structures give the fields:
 * include/uapi/linux/{if_ether,if_arp,ip,ipv6,tcp,udp,icmp,icmpv6}.h, include/linux/{if_vlan,sctp}.h.
 */
export interface HeaderPicture {
  /** What the structure is called by those who wrote the RFC. */
  title: string;
  /** As `core/packet/references.ts` reads it. */
  cited: string;
  /** On the wire, first bit first. */
  fields: readonly (readonly [name: string, bits: number])[];
}

const rowBits = 32;

export const headerPictures: ReadonlyMap<string, HeaderPicture> = new Map<string, HeaderPicture>([
  [
    'ethhdr',
    {
      title: 'Ethernet',
      cited: 'RFC 894',
      fields: [
        ['h_dest', 48],
        ['h_source', 48],
        ['h_proto', 16],
      ],
    },
  ],
  ['vlan_hdr', vlan('h_vlan_TCI', 'h_vlan_encapsulated_proto')],
  ['xdp_vlan_hdr', vlan('tci', 'proto')],
  [
    'arphdr',
    {
      title: 'ARP',
      cited: 'RFC 826',
      fields: [
        ['ar_hrd', 16],
        ['ar_pro', 16],
        ['ar_hln', 8],
        ['ar_pln', 8],
        ['ar_op', 16],
      ],
    },
  ],
  [
    'iphdr',
    {
      title: 'IPv4',
      cited: 'RFC 791 §3.1',
      fields: [
        ['version', 4],
        ['ihl', 4],
        ['tos', 8],
        ['tot_len', 16],
        ['id', 16],
        // Three flags and thirteen bits of offset in one.
        ['frag_off', 16],
        ['ttl', 8],
        ['protocol', 8],
        ['check', 16],
        ['saddr', 32],
        ['daddr', 32],
      ],
    },
  ],
  [
    'ipv6hdr',
    {
      title: 'IPv6',
      cited: 'RFC 8200 §3',
      fields: [
        ['version', 4],
        // The traffic class is this and the first four bits of flow_lbl.
        ['priority', 4],
        ['flow_lbl', 24],
        ['payload_len', 16],
        ['nexthdr', 8],
        ['hop_limit', 8],
        ['saddr', 128],
        ['daddr', 128],
      ],
    },
  ],
  [
    'tcphdr',
    {
      title: 'TCP',
      cited: 'RFC 9293 §3.1',
      fields: [
        ['source', 16],
        ['dest', 16],
        ['seq', 32],
        ['ack_seq', 32],
        ['doff', 4],
        ['res1', 4],
        // cwr, ece, urg, ack, psh, rst, syn, fin.
        ...'CEUAPRSF'.split('').map((flag) => [flag, 1] as const),
        ['window', 16],
        ['check', 16],
        ['urg_ptr', 16],
      ],
    },
  ],
  [
    'udphdr',
    {
      title: 'UDP',
      cited: 'RFC 768',
      fields: [
        ['source', 16],
        ['dest', 16],
        ['len', 16],
        ['check', 16],
      ],
    },
  ],
  [
    'sctphdr',
    {
      title: 'SCTP',
      cited: 'RFC 9260 §3.1',
      fields: [
        ['source', 16],
        ['dest', 16],
        ['vtag', 32],
        ['checksum', 32],
      ],
    },
  ],
  [
    'icmphdr',
    {
      title: 'ICMP',
      cited: 'RFC 792',
      fields: [
        ['type', 8],
        ['code', 8],
        ['checksum', 16],
        ['un', 32],
      ],
    },
  ],
  [
    'icmp6hdr',
    {
      title: 'ICMPv6',
      cited: 'RFC 4443 §2.1',
      fields: [
        ['icmp6_type', 8],
        ['icmp6_code', 8],
        ['icmp6_cksum', 16],
        ['icmp6_dataun', 32],
      ],
    },
  ],
]);

function vlan(tci: string, proto: string): HeaderPicture {
  return {
    title: '802.1Q',
    cited: 'IEEE 802.1Q §9.6',
    fields: [
      [tci, 16],
      [proto, 16],
    ],
  };
}

/** Plain text, 65 characters wide. A row that is not full ends where its last field does. */
export function drawHeader({ fields }: Pick<HeaderPicture, 'fields'>): string {
  // The field of each bit.
  const bits = fields.flatMap(([, length], field) => Array.from({ length }, () => field));
  const rows = Array.from({ length: Math.ceil(bits.length / rowBits) }, (_, row) =>
    bits.slice(row * rowBits, (row + 1) * rowBits),
  );
  const named = new Set<number>();
  const lines = rows.flatMap((row, at) => [border(rows[at - 1], row), cells(row, fields, named)]);
  return [...ruler, ...lines, border(rows.at(-1), undefined)].join('\n');
}

const ruler = [
  ` ${Array.from({ length: rowBits }, (_, bit) => (bit % 10 === 0 ? String(bit / 10) : ' ')).join(' ')}`.trimEnd(),
  ` ${Array.from({ length: rowBits }, (_, bit) => String(bit % 10)).join(' ')}`,
];

/** `+-+-+`, and blank where a field goes on from the row above. */
function border(above: readonly number[] | undefined, below: readonly number[] | undefined): string {
  const length = Math.max(above?.length ?? 0, below?.length ?? 0);
  const open = Array.from({ length }, (_, bit) => above !== undefined && above[bit] === below?.[bit]);
  const corner = (bit: number): string => (open[bit - 1] === true && open[bit] === true ? ' ' : '+');
  return `${open.map((isOpen, bit) => corner(bit) + (isOpen ? ' ' : '-')).join('')}+`;
}

/** A field's name stands in its first row. */
function cells(row: readonly number[], fields: HeaderPicture['fields'], named: Set<number>): string {
  let line = '|';
  for (let bit = 0; bit < row.length; ) {
    const field = row[bit] ?? 0;
    const end = row.lastIndexOf(field) + 1;
    const width = 2 * (end - bit) - 1;
    const name = fields[field]?.[0] ?? '';
    const shown = named.has(field) ? '' : name.length > width ? `${name.slice(0, width - 1)}…` : name;
    named.add(field);
    const left = (width - shown.length) >> 1;
    line += `${' '.repeat(left)}${shown}${' '.repeat(width - left - shown.length)}|`;
    bit = end;
  }
  return line;
}
