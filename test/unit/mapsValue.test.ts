import { expect, test } from 'vitest';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { readElf, sectionNamed } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { isAddressName } from '../../extension/core/maps/fieldNames.ts';
import { type Layout, layoutOf } from '../../extension/core/maps/layout.ts';
import { toHex } from '../../extension/core/maps/text.ts';
import { decodeValue, encodeValue, parseValueText, type Value } from '../../extension/core/maps/value.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { bpfPrelude, compileBpf, seeded } from '../support/bpfFixture.ts';
import { buildBtf } from '../support/bpfFixtureBtf.ts';

/** The oracle is the compiler: it writes the initialised variables into `.data`, and we must read them as the source says. */
const declarations = `
enum verdict { DROPPED = 1, PASSED = 2, LARGE = 0x7fffffff };
typedef __be32 ipv4_addr_t;
struct bits { __u32 low : 3; __s32 negative : 5; enum verdict verdict : 2; bool flag : 1; __u64 wide : 40; __u8 after; };
union number { __u32 whole; __u8 bytes[4]; struct { __u16 low, high; }; };
struct anonymous { __u8 tag; union { __u32 id; struct { __u16 port, vlan; }; }; struct { __u8 deep; }; };
struct tree { struct bits bits[2]; struct { __u64 count; char label[6]; } named; __u8 matrix[2][3]; };
struct addresses { __be32 saddr; __u32 src_ip; __be32 mark; __u8 dst_addr[4]; __u8 data[4]; __be32 v6_addr[4]; __u8 ip6[16];
  struct in6_addr host; __u8 mac[6]; unsigned char h_dest[6]; __u8 raw[6]; __be32 ips[2]; __u16 ip_len; __u32 ip_proto; ipv4_addr_t peer; };
struct text { char name[8]; char full[4]; char binary[4]; char empty[4]; char utf8[8]; unsigned char numbers[3]; };
struct lpm { __u32 prefixlen; __be32 addr; };
`;

interface Sample {
  /** \`type name\` or \`type name[n]\`. */
  declaration: string;
  initialiser: string;
  value: Value;
}

const samples: Sample[] = [
  { declaration: '__u8 u8', initialiser: '200', value: 200 },
  { declaration: '__s8 s8', initialiser: '-100', value: -100 },
  { declaration: '__u16 u16', initialiser: '0xbeef', value: 0xbeef },
  { declaration: 'short s16', initialiser: '-2', value: -2 },
  { declaration: '__u32 u32', initialiser: '4294967295u', value: 4294967295 },
  { declaration: 'int s32', initialiser: '-2147483647 - 1', value: -2147483648 },
  { declaration: '__u64 u64', initialiser: '18446744073709551615ull', value: '18446744073709551615' },
  { declaration: 'long long s64', initialiser: '-9223372036854775807ll - 1', value: '-9223372036854775808' },
  {
    declaration: 'unsigned __int128 u128',
    initialiser: '((unsigned __int128)1 << 127) + 5',
    value: '170141183460469231731687303715884105733',
  },
  { declaration: '__int128 s128', initialiser: '-3', value: '-3' },
  { declaration: 'bool yes', initialiser: '1', value: true },
  { declaration: 'bool no', initialiser: '0', value: false },
  { declaration: 'enum verdict verdict', initialiser: 'PASSED', value: 'PASSED' },
  { declaration: 'enum verdict unknown_verdict', initialiser: '77', value: 77 },
  { declaration: '__be16 port', initialiser: '__builtin_bswap16(8080)', value: 8080 },
  { declaration: '__be32 mark', initialiser: '__builtin_bswap32(3000000000u)', value: 3000000000 },
  { declaration: '__be64 wide', initialiser: '__builtin_bswap64(0x0102030405060708)', value: '72623859790382856' },
  { declaration: 'ipv4_addr_t typed', initialiser: '__builtin_bswap32(0x0a000001)', value: '10.0.0.1' },
  { declaration: 'double d', initialiser: '-0.125', value: -0.125 },
  { declaration: 'float f', initialiser: '1.5', value: 1.5 },
  { declaration: 'double infinite', initialiser: '__builtin_inf()', value: 'Infinity' },
  { declaration: 'void *pointer', initialiser: '(void *)0xffff888012345678', value: '0xffff888012345678' },
  { declaration: 'void *null', initialiser: '(void *)0 + 0', value: '0x0' },
  { declaration: '__u16 list[3]', initialiser: '{ 1, 2, 3 }', value: [1, 2, 3] },
  { declaration: 'char word[8]', initialiser: '"xdp"', value: 'xdp' },
  {
    declaration: 'struct bits bits',
    initialiser: '{ 5, -9, PASSED, 1, 0xff00ff00ff, 7 }',
    value: { low: 5, negative: -9, verdict: 'PASSED', flag: true, wide: 0xff00ff00ff, after: 7 },
  },
  {
    declaration: 'union number number',
    initialiser: '{ 0x01020304 }',
    value: { whole: 0x01020304, bytes: [4, 3, 2, 1], low: 0x0304, high: 0x0102 },
  },
  {
    declaration: 'struct anonymous anonymous',
    initialiser: '{ .tag = 9, .id = 0x00640050, .deep = 3 }',
    value: { tag: 9, id: 0x00640050, port: 80, vlan: 100, deep: 3 },
  },
  {
    declaration: 'struct tree tree',
    initialiser:
      '{ .bits = { [1] = { .low = 1, .wide = 2 } }, .named = { 3, "four" }, .matrix = { { 1, 2, 3 }, { 4, 5, 6 } } }',
    value: {
      bits: [
        { low: 0, negative: 0, verdict: 0, flag: false, wide: 0, after: 0 },
        { low: 1, negative: 0, verdict: 0, flag: false, wide: 2, after: 0 },
      ],
      named: { count: '3', label: 'four' },
      matrix: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
  },
  {
    declaration: 'struct addresses addresses',
    initialiser: `{ .saddr = __builtin_bswap32(0xc0a80001), .src_ip = __builtin_bswap32(0x0a000042), .mark = __builtin_bswap32(7),
      .dst_addr = { 1, 2, 3, 4 }, .data = { 10, 0, 0, 0 }, .v6_addr = { __builtin_bswap32(0x20010db8), 0, 0, __builtin_bswap32(1) },
      .ip6 = { 0xfe, 0x80, [15] = 9 }, .host = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } } }, .mac = { 2, 0, 0, 0, 0, 0xfe }, .h_dest = { 255, 255, 255, 255, 255, 255 },
      .raw = { 1, 2, 3, 4, 5, 6 }, .ips = { __builtin_bswap32(0x01010101), 0 }, .ip_len = 20, .ip_proto = 17, .peer = __builtin_bswap32(0x7f000001) }`,
    value: {
      saddr: '192.168.0.1',
      src_ip: '10.0.0.66',
      mark: 7,
      dst_addr: '1.2.3.4',
      data: [10, 0, 0, 0],
      v6_addr: '2001:db8::1',
      ip6: 'fe80::9',
      host: '::ffff:192.0.2.1',
      mac: '02:00:00:00:00:fe',
      h_dest: 'ff:ff:ff:ff:ff:ff',
      raw: [1, 2, 3, 4, 5, 6],
      ips: ['1.1.1.1', '0.0.0.0'],
      ip_len: 20,
      ip_proto: 17,
      peer: '127.0.0.1',
    },
  },
  {
    declaration: 'struct text text',
    initialiser: `{ "eth0\\0xy", "full", { 0xff, 1, 0, 2 }, "", "\u00e9\u20ac", { 65, 66, 67 } }`,
    value: { name: 'eth0', full: 'full', binary: 'ff010002', empty: '', utf8: '\u00e9\u20ac', numbers: [65, 66, 67] },
  },
  {
    declaration: 'struct lpm lpm',
    initialiser: '{ 24, __builtin_bswap32(0x0a010200) }',
    value: { prefixlen: 24, addr: '10.1.2.0' },
  },
  {
    declaration: 'struct ethhdr eth',
    initialiser: '{ .h_source = { 2, 1, 2, 3, 4, 5 }, .h_proto = __builtin_bswap16(0x86dd) }',
    value: { h_dest: '00:00:00:00:00:00', h_source: '02:01:02:03:04:05', h_proto: 0x86dd },
  },
];

const source = `${bpfPrelude}${declarations}
${samples.map(({ declaration, initialiser }) => `${declaration.replace(/(\w+)(\[.*)?$/, 'v_$1$2')} SEC(".data.samples") = ${initialiser};`).join('\n')}
SEC("xdp") int program(struct xdp_md *ctx) { return 2; }
`;

const nameOf = (sample: Sample): string => `v_${/(\w+)(\[.*)?$/.exec(sample.declaration)?.[1]}`;

function readSamples(): Map<string, { layout: Layout | undefined; bytes: Uint8Array }> {
  const object = compileBpf(source);
  const { btf } = parseObject(object);
  const data = sectionNamed(readElf(object), '.data.samples')?.data ?? new Uint8Array(0);
  const section = btf?.types.find((type) => type.kind === 'datasec' && type.name === '.data.samples');
  if (btf === undefined || section?.kind !== 'datasec') throw new Error('no samples');
  return new Map(
    section.vars.map(({ type, offset, size }) => {
      const variable = btf.types[type];
      if (variable?.kind !== 'var') throw new Error('no variable');
      // The variable's own type: a map's key or value has no variable name either.
      return [variable.name, { layout: layoutOf(btf, variable.type), bytes: data.slice(offset, offset + size) }];
    }),
  );
}

const compiled = readSamples();

test.each(samples)('$declaration decodes to what the source says, and back', (sample) => {
  const { layout, bytes } = compiled.get(nameOf(sample)) ?? {};
  if (layout === undefined || bytes === undefined) throw new Error('no layout');
  expect(layout.size).toBe(bytes.length);
  expect(decodeValue(layout, bytes)).toEqual(sample.value);
  expect(encodeValue(layout, bytes.length, sample.value, { previous: bytes })).toEqual(bytes);
  const anew = encodeValue(layout, bytes.length, sample.value);
  expect(decodeValue(layout, anew)).toEqual(sample.value);
  // JSON carries it without loss.
  expect(JSON.parse(JSON.stringify(decodeValue(layout, bytes)))).toEqual(sample.value);
});

test('any bytes at all come back the same: decode, then encode over them', () => {
  const random = seeded(77);
  for (const [name, { layout, bytes }] of compiled) {
    for (let round = 0; round < 60; round++) {
      const noise = Uint8Array.from(bytes, () => (random(3) === 0 ? random(256) : 0));
      const value = decodeValue(layout, noise);
      expect([name, encodeValue(layout, noise.length, value, { previous: noise })]).toEqual([name, noise]);
      // Without the old bytes only padding and what follows a NUL may differ, and neither is visible.
      expect([name, decodeValue(layout, encodeValue(layout, noise.length, value))]).toEqual([name, value]);
    }
  }
});

const layoutNamed = (name: string): Layout => {
  const layout = compiled.get(`v_${name}`)?.layout;
  if (layout === undefined) throw new Error(`no ${name}`);
  return layout;
};

test('one changed field leaves all other bytes alone, in unions too', () => {
  const { layout, bytes } = compiled.get('v_anonymous') ?? {};
  if (layout === undefined || bytes === undefined) throw new Error('no layout');
  bytes[1] = 0xaa; // padding
  const edited = { ...(decodeValue(layout, bytes) as Record<string, Value>), port: 443 };
  const written = encodeValue(layout, bytes.length, edited, { previous: bytes });
  expect(decodeValue(layout, written)).toEqual({ tag: 9, id: 0x006401bb, port: 443, vlan: 100, deep: 3 });
  expect(written[1]).toBe(0xaa);
  expect(decodeValue(layout, encodeValue(layout, bytes.length, { tag: 1 }, { previous: bytes }))).toMatchObject({
    tag: 1,
    vlan: 100,
  });
});

test('people may write more than one form', () => {
  const check = (name: string, value: Value, hex: string): void => {
    const layout = layoutNamed(name);
    expect([name, toHex(encodeValue(layout, layout.size, value))]).toEqual([name, hex]);
  };
  check('u64', 7, '0700000000000000');
  check('u64', '0x10', '1000000000000000');
  check('u32', '7', '07000000');
  check('u32', '10.0.0.1', '0a000001');
  check('typed', 0x0a000001, '0a000001');
  check('port', '8080', '1f90');
  check('yes', 1, '01');
  check('verdict', 2, '02000000');
  check('verdict', '2', '02000000');
  check('pointer', '0xff', 'ff00000000000000');
  check('pointer', 255, 'ff00000000000000');
  check('word', 'hex:0102030405060708', '0102030405060708');
  check('lpm', { prefixlen: 8, addr: '10.0.0.0' }, '080000000a000000');
});

test('what does not fit is refused with the field and what was expected', () => {
  const check = (name: string, value: Value, message: RegExp): void => {
    const layout = layoutNamed(name);
    const encode = (): Uint8Array => encodeValue(layout, layout.size, value, { complete: true, name: 'the key' });
    expect(encode, name).toThrow(message);
    expect(encode).toThrow(XdpError);
  };
  check('u8', 256, /the key does not fit: expected an unsigned 8-bit integer \(0 to 255\), got 256/);
  check('u8', -1, /unsigned 8-bit/);
  check('s8', 128, /-128 to 127/);
  check('u16', 1.5, /16-bit/);
  check('u64', 2 ** 60, /written as a string/);
  check('u64', '18446744073709551616', /unsigned 64-bit/);
  check('u64', 'many', /unsigned 64-bit/);
  check('u32', null, /got null/);
  check('yes', 'yes', /true or false/);
  check('verdict', 'DROP', /one of DROPPED, PASSED, LARGE, or a number/);
  check('list', [1, 2], /array of 3 elements, not 2/);
  check('list', [1, 2, 65536], /the key\[2\] does not fit/);
  check('word', 'much too long', /at most 8 bytes, not 13/);
  check('typed', '10.0.0.256', /IPv4 address/);
  check('lpm', { prefixlen: 8 }, /addr is missing/);
  check('lpm', { prefixlen: 8, adr: '10.0.0.0' }, /adr is no field: expected one of the fields prefixlen, addr/);
  check('lpm', [8], /an object with the fields prefixlen, addr/);
  check(
    'tree',
    { bits: [{ low: 8 }, {}] },
    /bits\[0\]\.low does not fit: expected an unsigned 3-bit integer \(0 to 7\)/,
  );
  check('bits', { negative: -17 }, /low is missing/);
  check('eth', { h_dest: '1:2:3', h_source: '02:00:00:00:00:01', h_proto: 1 }, /h_dest .* MAC address/);
  check('addresses', { host: 'fe80:::1' }, /saddr is missing/);
});

test('without a type: hex of the bytes, and hex back', () => {
  const bytes = Uint8Array.of(0xde, 0xad, 0x00, 0xef);
  expect(decodeValue(undefined, bytes)).toBe('dead00ef');
  expect(encodeValue(undefined, 4, 'dead00ef')).toEqual(bytes);
  expect(() => encodeValue(undefined, 4, 'dead')).toThrow(/8 hex digits/);
  expect(() => encodeValue(undefined, 4, 7)).toThrow(/as hex/);
  expect(decodeValue(layoutNamed('u64'), bytes)).toBe('dead00ef');
});

test('a flexible array reaches to the end of the value', () => {
  const int = { kind: 1, name: 'unsigned int', word: 4, rest: [32] };
  const char = { kind: 1, name: 'char', word: 1, rest: [0x01000008] };
  const btf = readBtf(
    buildBtf([
      int,
      char,
      { kind: 3, rest: [2, 1, 0] },
      { kind: 4, name: 'event', count: 2, word: 4, rest: ['length', 1, 0, 'text', 3, 32] },
      { kind: 3, rest: [1, 1, 0] },
      { kind: 4, name: 'list', count: 2, word: 4, rest: ['length', 1, 0, 'items', 5, 32] },
    ]),
  );
  const bytes = Uint8Array.of(5, 0, 0, 0, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0, 0, 0);
  expect(decodeValue(layoutOf(btf, 4), bytes)).toEqual({ length: 5, text: 'hello' });
  expect(encodeValue(layoutOf(btf, 4), 12, { length: 5, text: 'hello' })).toEqual(bytes);
  expect(() => encodeValue(layoutOf(btf, 4), 12, { length: 5, text: 'hello world' })).toThrow(/at most 8 bytes/);
  expect(decodeValue(layoutOf(btf, 6), bytes)).toEqual({ length: 5, items: [0x6c6c6568, 0x6f] });
  expect(encodeValue(layoutOf(btf, 6), 12, { length: 5, items: [0x6c6c6568, 0x6f] })).toEqual(bytes);
});

test('64-bit enums, duplicate names, __proto__ and big-endian bit-fields', () => {
  const types = [
    { kind: 19, name: 'big', count: 2, flag: true, word: 8, rest: ['LOW', 0xffffffff, 0xffffffff, 'HIGH', 1, 0x10] },
    { kind: 1, name: 'unsigned int', word: 4, rest: [32] },
    {
      kind: 4,
      name: 'odd',
      count: 3,
      flag: true,
      word: 4,
      rest: ['__proto__', 2, 0x04000000, 'b', 2, 0x0c000004, 'c', 2, 0x10000010],
    },
  ];
  const big = layoutOf(readBtf(buildBtf(types)), 1);
  expect(decodeValue(big, new Uint8Array(8).fill(0xff))).toBe('LOW');
  expect(decodeValue(big, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0x80))).toBe('-9223372036854775806');
  expect(toHex(encodeValue(big, 8, 'HIGH'))).toBe('0100000010000000');
  const fields = (bytes: Uint8Array, littleEndian: boolean): unknown => {
    const layout = layoutOf(readBtf(buildBtf(types, littleEndian)), 3);
    const value = decodeValue(layout, bytes);
    expect(encodeValue(layout, 4, value)).toEqual(bytes);
    return Object.entries(value as object);
  };
  // As a C compiler lays bit-fields out: from the low end of the word, or from the high end on big-endian machines.
  expect(fields(Uint8Array.of(0x35, 0x12, 0x78, 0x56), true)).toEqual([
    ['__proto__', 5],
    ['b', 0x123],
    ['c', 0x5678],
  ]);
  expect(fields(Uint8Array.of(0x51, 0x23, 0x56, 0x78), false)).toEqual([
    ['__proto__', 5],
    ['b', 0x123],
    ['c', 0x5678],
  ]);
});

test.each([
  [
    'saddr daddr addr src_ip srcIp ip ip_src ip_dst ipv4_addr ipv4 ip4 ip6 sip dip vip client_ip clientip src_ip4 s_addr nexthop_ip blocked_ip',
    true,
  ],
  [
    'ipproto ip_proto ipv ip_len ip_id ip_ttl zip skip description tip addr_len addrlen ip_count ip_blocked chip ip_port src_port script ship',
    false,
  ],
])('%s: an address? %s', (names, answer) => {
  expect(names.split(' ').filter((name) => isAddressName(name) !== answer)).toEqual([]);
});

test('hostile types have no layout or a bounded one', () => {
  const int = { kind: 1, name: 'u8', word: 1, rest: [8] };
  const check = (types: Parameters<typeof buildBtf>[0], id: number): Layout | undefined => {
    const layout = layoutOf(readBtf(buildBtf(types)), id);
    if (layout !== undefined) decodeValue(layout, new Uint8Array(64));
    return layout;
  };
  expect(check([{ kind: 8, name: 'loop', word: 1 }], 1)).toBeUndefined();
  expect(check([{ kind: 4, name: 'self', count: 1, word: 8, rest: ['x', 1, 0] }], 1)).toBeUndefined();
  expect(check([{ kind: 3, rest: [1, 1, 0xffffffff] }], 1)).toBeUndefined();
  expect(check([int, { kind: 3, rest: [1, 1, 0xffffffff] }, { kind: 3, rest: [2, 1, 0xffffffff] }], 3)).toBeUndefined();
  // 2^30 members over one byte, by unions that hold two unions each.
  const unions = Array.from({ length: 30 }, (_, i) => ({
    kind: 5,
    name: `u${i}`,
    count: 2,
    word: 1,
    rest: ['a', i + 1, 0, 'b', i + 1, 0],
  }));
  expect(check([int, ...unions], 31)).toBeUndefined();
  const nested = Array.from({ length: 60 }, (_, i) => ({ kind: 3, rest: [i + 1, 1, 1] }));
  expect(check([int, ...nested], 61)?.size).toBe(1);
  expect(check([int, { kind: 4, name: 'outside', count: 1, word: 4, rest: ['x', 1, 64] }], 2)).toBeUndefined();
  expect(
    check(
      [
        { kind: 4, name: 'empty', word: 0 },
        { kind: 3, rest: [1, 1, 0xffffffff] },
      ],
      2,
    )?.size,
  ).toBe(0);
});

test('command line text', () => {
  expect(parseValueText('7')).toBe(7);
  expect(parseValueText(' "10.0.0.1" ')).toBe('10.0.0.1');
  expect(parseValueText('10.0.0.1')).toBe('10.0.0.1');
  expect(parseValueText('XDP_DROP')).toBe('XDP_DROP');
  expect(parseValueText('18446744073709551615')).toBe('18446744073709551615');
  expect(
    parseValueText('{"a": [12345678901234567890, "9 12345678901234567890", 1.5e3, 0.1250000000000000000000]}'),
  ).toEqual({
    a: ['12345678901234567890', '9 12345678901234567890', 1500, 0.125],
  });
  expect(parseValueText('hex:0a 00:00-01')).toEqual(Uint8Array.of(10, 0, 0, 1));
  for (const bad of ['hex:0', 'hex:zz', '{"a":', '[1,', '"open', ''])
    expect(() => parseValueText(bad), bad).toThrow(XdpError);
});
