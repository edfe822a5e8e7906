import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readBtfExt } from '../../extension/core/btf/btfExt.ts';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import { alignOf, sizeOf } from '../../extension/core/btf/resolve.ts';
import { typeName } from '../../extension/core/btf/typeName.ts';
import type { Btf, BtfType } from '../../extension/core/btf/types.ts';
import { readElf, sectionNamed } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { askTool, bpfPrelude, compileBpf } from '../support/bpfFixture.ts';
import { buildBtf } from '../support/bpfFixtureBtf.ts';

/** A type in the words of `bpftool -j btf dump`. */
function asBpftool(type: BtfType, id: number): Record<string, unknown> {
  const name = type.name === '' ? '(anon)' : type.name;
  const anonymous = (text: string): string => (text === '' ? '(anon)' : text);
  const base = (kind: string): Record<string, unknown> => ({ id, kind, name });
  switch (type.kind) {
    case 'void':
      return {};
    case 'int': {
      const encoding = type.bool ? 'BOOL' : type.char ? 'CHAR' : type.signed ? 'SIGNED' : '(none)';
      return { ...base('INT'), size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding };
    }
    case 'array':
      return { ...base('ARRAY'), type_id: type.type, index_type_id: type.indexType, nr_elems: type.nelems };
    case 'struct':
    case 'union': {
      const members = type.members.map((member) => ({
        name: anonymous(member.name),
        type_id: member.type,
        bits_offset: member.bitOffset,
        ...(member.bitSize === 0 ? {} : { bitfield_size: member.bitSize }),
      }));
      return { ...base(type.kind.toUpperCase()), size: type.size, vlen: members.length, members };
    }
    case 'enum': {
      // The bits: bpftool extends the sign of unsigned enums too.
      const values = type.values.map((value) => ({
        name: value.name,
        val: BigInt.asUintN(8 * type.size, value.value).toString(),
      }));
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { ...base('ENUM'), encoding, size: type.size, vlen: values.length, values };
    }
    case 'fwd':
      return { ...base('FWD'), fwd_kind: type.union ? 'union' : 'struct' };
    case 'func':
      return { ...base('FUNC'), type_id: type.type, linkage: type.linkage };
    case 'func_proto': {
      const params = type.params.map((param) => ({ name: anonymous(param.name), type_id: param.type }));
      return { ...base('FUNC_PROTO'), ret_type_id: type.returnType, vlen: params.length, params };
    }
    case 'var':
      return { ...base('VAR'), type_id: type.type, linkage: type.linkage };
    case 'datasec': {
      const vars = type.vars.map((variable) => ({
        type_id: variable.type,
        offset: variable.offset,
        size: variable.size,
      }));
      return { ...base('DATASEC'), size: type.size, vlen: vars.length, vars };
    }
    case 'float':
      return { ...base('FLOAT'), size: type.size };
    case 'decl_tag':
      return { ...base('DECL_TAG'), type_id: type.type, component_idx: type.componentIndex };
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return { ...base(type.kind.toUpperCase()), type_id: type.type };
  }
}

interface Dump {
  types: Record<string, unknown>[];
}

function parseDump(text: string): Dump {
  // Values of enums as text: JSON.parse would round what is beyond 2^53.
  const dump = JSON.parse(text.replace(/"val":(-?\d+)/g, '"val":"$1"')) as Dump;
  for (const type of dump.types) {
    if (type['kind'] === 'ENUM64') type['kind'] = 'ENUM';
    if (type['kind'] !== 'ENUM') continue;
    for (const value of type['values'] as { val: string }[]) {
      value.val = BigInt.asUintN(8 * Number(type['size']), BigInt(value.val)).toString();
    }
  }
  return dump;
}

/** Compares as text, type by type: a whole-array comparison of 100,000 types would take minutes to print. */
function expectSame(btf: Btf, dump: Dump): void {
  expect(btf.types.length - 1).toBe(dump.types.length);
  const different = dump.types.filter((theirs, index) => {
    const type = btf.types[index + 1];
    return type === undefined || JSON.stringify(asBpftool(type, index + 1)) !== JSON.stringify(theirs);
  });
  expect(different.slice(0, 3)).toEqual([]);
}

const vmlinux = '/sys/kernel/btf/vmlinux';

test.skipIf(!existsSync(vmlinux))('every type of the running kernel is what bpftool reads', () => {
  const text = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', vmlinux], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const bytes = new Uint8Array(readFileSync(vmlinux));
  const btf = readBtf(bytes);
  expectSame(btf, parseDump(text));
  expect(btf.types.length).toBeGreaterThan(10_000);
});

const source = `${bpfPrelude}
#define __tag(x) __attribute__((btf_type_tag(x)))
enum color { RED = 1, GREEN = 2, MINUS = -7 };
struct inner { __u32 a : 3; __s32 b : 12; enum color c : 4; __u64 wide; };
union both { struct inner in; char text[16]; double real; };
struct node { struct node *next; const char *name; int (*call)(struct node *, int, ...); struct hidden *gone; union both both;
  void * const *table[3]; int grid[2][3]; volatile unsigned long __tag("user") *tagged; } __attribute__((btf_decl_tag("mine")));
struct node node = {};
static volatile const int fixed[4] = { 1, 2, 3, 4 };
int (*matrix)[5];
int __attribute__((noinline)) global_function(struct node *n) { return n ? n->both.in.b : fixed[1]; }
SEC("xdp") int program(struct xdp_md *ctx) { return global_function(&node) + fixed[ctx->rx_queue_index & 3]; }
char _license[] SEC("license") = "GPL";
`;

function btfOf(object: Uint8Array): { bytes: Uint8Array; btf: Btf } {
  const bytes = sectionNamed(readElf(object), '.BTF')?.data ?? new Uint8Array(0);
  return { bytes, btf: readBtf(bytes) };
}

for (const target of ['bpfel', 'bpfeb'] as const) {
  test(`every type of a compiled ${target} object is what bpftool reads`, () => {
    const object = compileBpf(source, { target });
    const { btf } = btfOf(object);
    expect(btf.bigEndian === true).toBe(target === 'bpfeb');
    // bpftool completes data sections with offsets from the symbols; the reader gives what is written.
    const plain = (type: Record<string, unknown>): boolean => type['kind'] !== 'DATASEC';
    const dump = parseDump(askTool('bpftool', ['-j', 'btf', 'dump', 'file', '@'], object));
    const ours = btf.types.map(asBpftool);
    for (const theirs of dump.types.filter(plain)) expect(ours[Number(theirs['id'])]).toEqual(theirs);
    expect(dump.types.length).toBe(btf.types.length - 1);
  });
}

test('kinds that this compiler does not emit, in both byte orders', () => {
  for (const littleEndian of [true, false]) {
    const bytes = buildBtf(
      [
        {
          kind: 19,
          name: 'big',
          count: 2,
          flag: true,
          word: 8,
          rest: ['LOW', 0xffffffff, 0xffffffff, 'HIGH', 1, 0x10],
        },
        { kind: 19, name: 'flags', count: 1, word: 8, rest: ['ALL', 0xffffffff, 0xffffffff] },
        { kind: 6, name: 'small', count: 1, flag: true, word: 4, rest: ['NEGATIVE', 0xfffffffe] },
        { kind: 16, name: 'double', word: 8 },
        { kind: 7, name: 'later', flag: true },
        { kind: 17, name: 'note', word: 3, rest: [0xffffffff] },
        { kind: 18, name: 'rcu', word: 4 },
        { kind: 12, name: 'kfunc', count: 2, word: 9 },
        { kind: 13, count: 2, rest: ['first', 1, '', 0] },
        { kind: 11, word: 11 },
        { kind: 2, word: 4 },
      ],
      littleEndian,
    );
    const btf = readBtf(bytes);
    expect(btf.types.slice(1)).toEqual([
      {
        kind: 'enum',
        name: 'big',
        size: 8,
        signed: true,
        values: [
          { name: 'LOW', value: -1n },
          { name: 'HIGH', value: 0x10_0000_0001n },
        ],
      },
      { kind: 'enum', name: 'flags', size: 8, signed: false, values: [{ name: 'ALL', value: 0xffff_ffff_ffff_ffffn }] },
      { kind: 'enum', name: 'small', size: 4, signed: true, values: [{ name: 'NEGATIVE', value: -2n }] },
      { kind: 'float', name: 'double', size: 8 },
      { kind: 'fwd', name: 'later', union: true },
      { kind: 'decl_tag', name: 'note', type: 3, componentIndex: -1 },
      { kind: 'type_tag', name: 'rcu', type: 4 },
      { kind: 'func', name: 'kfunc', type: 9, linkage: 'extern' },
      {
        kind: 'func_proto',
        name: '',
        returnType: 0,
        params: [
          { name: 'first', type: 1 },
          { name: '', type: 0 },
        ],
      },
      { kind: 'restrict', name: '', type: 11 },
      { kind: 'ptr', name: '', type: 4 },
    ]);
  }
});

test('types are spelled as C does', () => {
  const { btf } = btfOf(compileBpf(source));
  const node = btf.types.find((type) => type.kind === 'struct' && type.name === 'node');
  if (node?.kind !== 'struct') throw new Error('no struct node');
  expect(Object.fromEntries(node.members.map((member) => [member.name, typeName(btf, member.type)]))).toEqual({
    next: 'struct node *',
    name: 'const char *',
    call: 'int (*)(struct node *, int, ...)',
    gone: 'struct hidden *',
    both: 'union both',
    table: 'void *const *[3]',
    grid: 'int[2][3]',
    tagged: 'volatile unsigned long *',
  });
  const variable = (name: string): string => {
    const found = btf.types.find((type) => type.kind === 'var' && type.name === name);
    return found?.kind === 'var' ? typeName(btf, found.type) : 'missing';
  };
  expect(variable('matrix')).toBe('int (*)[5]');
  expect(variable('_license')).toBe('char[4]');
  expect(variable('fixed')).toBe('const volatile int[4]');
});

test('sizes and alignments are the compiler’s', () => {
  const types = [
    'struct node',
    'union both',
    'struct inner',
    'enum color',
    'int[2][3]',
    'struct iphdr',
    'struct bpf_fib_lookup',
  ];
  const probes = types.map(
    (type, i) => `typeof(${type.replace(/(\[.*)/, '')}${type.includes('[') ? '[2][3]' : ''}) probe${i};`,
  );
  const answers = types.map((_, i) => `int size${i} SEC(".answers") = sizeof(probe${i}) * 100 + _Alignof(probe${i});`);
  const object = compileBpf(
    `${source}\n${probes.join('\n').replace(/typeof\(int\[2\]\[3\]\)/, 'typeof(int[2][3])')}\n${answers.join('\n')}`,
  );
  const data = sectionNamed(readElf(object), '.answers')?.data ?? new Uint8Array(0);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { btf } = btfOf(object);
  types.forEach((type, i) => {
    const found = btf.types.find((candidate) => candidate.kind === 'var' && candidate.name === `probe${i}`);
    if (found?.kind !== 'var') throw new Error(`no probe of ${type}`);
    expect([type, (sizeOf(btf, found.type) ?? 0) * 100 + alignOf(btf, found.type)]).toEqual([
      type,
      view.getInt32(4 * i, true),
    ]);
  });
});

test('function and line info name the functions and lines of the source', () => {
  const object = compileBpf(source);
  const { bytes, btf } = btfOf(object);
  const ext = readBtfExt(sectionNamed(readElf(object), '.BTF.ext')?.data ?? new Uint8Array(0), bytes);
  expect(ext.funcs.map(({ section, offset, typeId }) => [section, offset, btf.types[typeId]?.name])).toEqual([
    ['.text', 0, 'global_function'],
    ['xdp', 0, 'program'],
  ]);
  const lines = source.split('\n');
  const written = ext.lines.filter((line) => line.line > 0);
  expect(written.length).toBeGreaterThan(5);
  for (const { file, text, line } of written) {
    expect(file.endsWith('fixture.bpf.c')).toBe(true);
    expect(lines[line - 1]).toBe(text);
  }
  // The oracle: llvm-objdump prints the line of each instruction that starts a new one.
  const dump = askTool('llvm-objdump', ['-d', '-l', '--section=xdp', '@'], object);
  const theirs = [...dump.matchAll(/fixture\.bpf\.c:(\d+)/g)].map((match) => Number(match[1]));
  expect(new Set(written.filter(({ section }) => section === 'xdp').map(({ line }) => line))).toEqual(new Set(theirs));
});

test('cycles and depth end', () => {
  const loops = readBtf(
    buildBtf([
      { kind: 8, name: 'a', word: 2 },
      { kind: 10, word: 1 },
      { kind: 3, word: 0, rest: [3, 3, 2] },
      { kind: 4, name: 's', count: 2, word: 16, rest: ['x', 4, 0, 'y', 4, 64] },
      { kind: 13, count: 2, word: 5, rest: ['p', 5, 'q', 5] },
      { kind: 2, word: 6 },
    ]),
  );
  for (let id = 0; id < loops.types.length; id++) {
    expect(typeName(loops, id).length).toBeLessThan(5000);
    expect(sizeOf(loops, id) ?? 0).toBeLessThan(17);
    expect(alignOf(loops, id)).toBeLessThan(9);
  }
});

test.each<[string, (bytes: Uint8Array) => Uint8Array, RegExp]>([
  ['an empty section', () => new Uint8Array(0), /shorter than its header/],
  ['a wrong magic', (bytes) => bytes.fill(0, 0, 2), /magic/],
  ['another version', (bytes) => bytes.fill(7, 2, 3), /version 7/],
  ['a cut section', (bytes) => bytes.subarray(0, bytes.length - 9), /beyond their section/],
  ['strings without end', (bytes) => bytes.fill(65, bytes.length - 1), /NUL/],
  ['an unknown kind', (bytes) => bytes.fill(31, 31, 32), /kind 31/],
  ['a type beyond the last', (bytes) => bytes.fill(0x7f, 32, 33), /refers to type 127/],
  ['a name beyond the strings', (bytes) => bytes.fill(0x7f, 24, 25), /name at 127/],
])('damaged BTF, %s: says so', (_name, damage, message) => {
  const bytes = damage(
    buildBtf([
      { kind: 2, word: 0 },
      { kind: 8, name: 'u32', word: 1 },
    ]),
  );
  const read = (): Btf => readBtf(bytes);
  expect(read).toThrow(XdpError);
  expect(read).toThrow(message);
});
