import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { formatC } from '../../extension/core/btf/formatC.ts';
import { readBtf } from '../../extension/core/btf/readBtf.ts';
import type { Btf, BtfType } from '../../extension/core/btf/types.ts';
import { readElf, sectionNamed } from '../../extension/core/elf/readElf.ts';
import { compileBpf } from '../support/bpfFixture.ts';
import { buildBtf } from '../support/bpfFixtureBtf.ts';

const dir = mkdtempSync(join(tmpdir(), 'xdp-format-c-'));
afterAll(() => rmSync(dir, { recursive: true }));

type Composite = Extract<BtfType, { kind: 'struct' | 'union' }>;
const isComposite = (type: BtfType): type is Composite => type.kind === 'struct' || type.kind === 'union';

/** Compiles C beside the header and returns the object. Warnings are errors. */
function compileWith(header: string, source: string, ...flags: string[]): Uint8Array {
  writeFileSync(join(dir, 'vmlinux.h'), header);
  writeFileSync(join(dir, 'use.c'), `#include "vmlinux.h"\n${source}`);
  const args = [
    '-target',
    'bpf',
    '-g',
    '-O2',
    '-Wall',
    '-Werror',
    '-Wno-unused-function',
    ...flags,
    '-c',
    'use.c',
    '-o',
    'use.o',
  ];
  execFileSync('clang', args, { cwd: dir, stdio: 'pipe' });
  return new Uint8Array(readFileSync(join(dir, 'use.o')));
}

function btfOf(object: Uint8Array): Btf {
  return readBtf(sectionNamed(readElf(object), '.BTF')?.data ?? new Uint8Array(0));
}

/** Named records that stand alone under their name. */
function singles(btf: Btf): Composite[] {
  const count = new Map<string, number>();
  for (const type of btf.types) {
    if (isComposite(type) || type.kind === 'enum') count.set(type.name, (count.get(type.name) ?? 0) + 1);
  }
  return btf.types.filter(isComposite).filter((type) => type.name !== '' && count.get(type.name) === 1);
}

/** The named members; `__size` is what widens a union. */
function shapeOf(type: Composite): unknown {
  const members = type.members.filter((member) => member.name !== '' && member.name !== '__size');
  return [type.kind, type.name, type.size, members.map(({ name, bitOffset, bitSize }) => [name, bitOffset, bitSize])];
}

/** Compiles one variable of each record and reads the compiler's BTF back. */
function shapesAfter(header: string, types: readonly Composite[]): unknown[] {
  const variables = types.map((type, index) => `${type.kind} ${type.name} variable_${index};`).join('\n');
  const again = btfOf(compileWith(header, variables, '-DBPF_NO_PRESERVE_ACCESS_INDEX'));
  const byName = new Map(again.types.filter(isComposite).map((type) => [type.name, type]));
  return types.map((type) => {
    const found = byName.get(type.name);
    return found === undefined ? [type.name, 'missing'] : shapeOf(found);
  });
}

const vmlinux = '/sys/kernel/btf/vmlinux';

test.skipIf(!existsSync(vmlinux))(
  'the running kernel: compiles without a warning, and every record has its size and offsets',
  { timeout: 60_000 },
  () => {
    const btf = readBtf(new Uint8Array(readFileSync(vmlinux)));
    const header = formatC(btf);
    const program = `#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_endian.h>\n#include <bpf/bpf_core_read.h>
SEC("xdp") int program(struct xdp_md *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, pid) + bpf_htons(ctx->rx_queue_index);
}
char _license[] SEC("license") = "GPL";
`;
    expect(compileWith(header, program).length).toBeGreaterThan(1000);

    const types = singles(btf);
    const asserts = types.flatMap((type) => {
      const name = `${type.kind} ${type.name}`;
      const members = type.members.filter((member) => member.name !== '' && member.bitSize === 0);
      return [
        `_Static_assert(sizeof(${name}) == ${type.size}, "");`,
        ...members.map(
          (member) => `_Static_assert(__builtin_offsetof(${name}, ${member.name}) == ${member.bitOffset / 8}, "");`,
        ),
      ];
    });
    expect(asserts.length).toBeGreaterThan(5000);
    compileWith(header, asserts.join('\n'), '-DBPF_NO_PRESERVE_ACCESS_INDEX');

    const withBits = types.filter((type) => type.members.some((member) => member.bitSize > 0));
    expect(withBits.length).toBeGreaterThan(100);
    expect(shapesAfter(header, withBits)).toEqual(withBits.map(shapeOf));
  },
);

test('awkward records come back from the compiler as they went in', () => {
  const source = `
typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long long u64;
enum small { SMALL_A, SMALL_B } __attribute__((packed));
enum { LONELY = 5 };
struct gaps { u8 a; u64 b __attribute__((aligned(32))); u8 c; } __attribute__((aligned(64)));
struct packed { u8 a; u64 b; u32 c : 3; u32 d : 30; } __attribute__((packed));
struct bits { u32 a : 3; u32 : 0; u32 b : 5; u64 c : 40; u8 d : 1; u8 : 4; u8 e : 2; int f : 31; _Bool g : 1; };
struct straddle { u32 a : 20, b : 20, c : 24; } __attribute__((packed));
struct nested { struct packed p; struct { u8 x; union { u32 y; u8 z[3]; }; } inner; struct gaps *pointer; enum small s; };
union mixed { struct bits bits; u8 raw[17]; struct { u64 w; } *far; };
union wide { u8 a; } __attribute__((aligned(16)));
struct list { struct list *next, **back; int (*call)(struct list *, int (*)(void), ...); const char *const names[2]; u8 tail[]; };
struct empty {};
struct holder { struct empty e; struct { int q; } *anonymous; volatile const u32 *vc; int grid[2][3]; int (*rows)[4]; enum { IN_A = -1, IN_B } kind; };
typedef struct { u32 only; } alias_t; typedef int callback_t(alias_t *, u8); struct user { alias_t a; callback_t *cb; struct undefined *u; };
`;
  const kinds = ['gaps', 'packed', 'bits', 'straddle', 'nested', 'list', 'holder', 'user'];
  const variables = [
    ...kinds.map((name) => `struct ${name} v_${name};`),
    'union mixed v_mixed;',
    'union wide v_wide;',
    'enum small v_small;',
  ];
  const before = btfOf(compileBpf(`${source}${variables.join('\n')}`));
  const header = formatC(before);
  const types = singles(before).filter((type) => [...kinds, 'mixed', 'wide'].includes(type.name));
  expect(types).toHaveLength(10);
  expect(shapesAfter(header, types)).toEqual(types.map(shapeOf));
});

test('two types of one name both stay, in a form that CO-RE takes for the same', () => {
  const int = { kind: 1, name: 'int', word: 4, rest: [0x01000020] };
  const record = (
    member: string,
  ): { kind: number; name: string; count: number; word: number; rest: (string | number)[] } => ({
    kind: 4,
    name: 'twin',
    count: 1,
    word: 4,
    rest: [member, 1, 0],
  });
  const types = [
    int,
    record('first'),
    record('second'),
    { kind: 8, name: 'name_t', word: 2 },
    { kind: 8, name: 'name_t', word: 3 },
    { kind: 6, name: 'one', count: 1, word: 4, rest: ['SAME', 1] },
    { kind: 6, name: 'two', count: 1, word: 4, rest: ['SAME', 2] },
    { kind: 7, name: 'twin', flag: true },
    { kind: 19, name: 'wide', count: 2, flag: true, word: 8, rest: ['LOWEST', 0, 0x80000000, 'HIGH', 0, 1] },
  ];
  const header = formatC(readBtf(buildBtf(types)));
  const source = `int f(name_t *a, name_t___2 *b, struct twin *c, struct twin___2 *d, union twin___3 *e) { return a->first + b->second + c->first + d->second; }
_Static_assert(SAME == 1 && SAME___2 == 2, ""); _Static_assert(sizeof(enum wide) == 8 && HIGH == 4294967296LL, "");`;
  expect(compileWith(header, source).length).toBeGreaterThan(100);
});

test('types that contain themselves end', () => {
  const loop = [
    { kind: 4, name: 'loop', count: 1, word: 8, rest: ['x', 1, 0] },
    { kind: 4, count: 2, word: 8, rest: ['x', 2, 0, 'y', 2, 0] },
    { kind: 8, name: 'round', word: 3 },
    { kind: 13, count: 2, word: 5, rest: ['p', 5, 'q', 5] },
    { kind: 2, word: 4 },
  ];
  expect(formatC(readBtf(buildBtf(loop))).length).toBeLessThan(5_000_000);
});
