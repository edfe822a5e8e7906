import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDebugInfo } from '../../extension/core/dwarf/debugInfo.ts';
import { present } from '../../extension/core/debugger/present.ts';
import type { Inspector } from '../../extension/core/debugger/inspector.ts';
import { type CType, sizeOfType, typeText } from '../../extension/core/dwarf/types.ts';
import { readElf } from '../../extension/core/elf/readElf.ts';
import { XdpError } from '../../extension/core/errors.ts';
import { DapClient } from '../support/dapClient.ts';
import { project } from '../support/toolchain.ts';

/** Every kind of type that C has, in each other. */
const source = `
typedef unsigned int u32;
struct node {
  struct node *next;
  u32 x;
  union { int a; const char b[4]; };
  struct { int c; int d; };
  int (*fn)(struct node *, int (*)(struct node *, u32));
};
static __attribute__((noinline)) int inner(struct node *n, int (*f)(struct node *, int (*)(struct node *, u32)))
{
  volatile u32 k = n->x;
  return k + (f != 0);
}
__attribute__((section("xdp"))) int prog(void *ctx)
{
  struct node n = {0};
  enum { A, B } e = A;
  int m[2][3] = {0};
  struct node many[2] = {0};
  return inner(&n, n.fn) + e + m[1][2] + many[1].x + 2;
}
char _license[] __attribute__((section("license"))) = "GPL";
`;

/** Objects whose debug information has every reference changed to one entry, each in turn; and each reference to where it stands. */
function hostileObjects(): { what: string; file: string }[] {
  const folder = project({ 'x.c': source });
  const clang = (...args: string[]): unknown =>
    execFileSync('clang', ['-g', '-O0', '-target', 'bpf', ...args], { cwd: folder });
  clang('-S', 'x.c', '-o', 'x.s');
  const text = readFileSync(join(folder, 'x.s'), 'utf8');
  // What the assembler's comments say: "Abbrev [5] 0x89:0xb DW_TAG_formal_parameter".
  const entries = [...text.matchAll(/\] (0x[0-9a-f]+):0x[0-9a-f]+ (DW_TAG_\w+)/g)];
  expect(entries.length).toBeGreaterThan(30);
  return [undefined, ...entries].map((entry, index) => {
    let own = 0;
    const lines = text.split('\n').map((line) => {
      own = Number(/\] (0x[0-9a-f]+):/.exec(line)?.[1] ?? own);
      const isReference = /# DW_AT_(?:type|abstract_origin|specification|import|sibling)$/.test(line);
      return isReference ? line.replace(/\.long\s+\d+/, `.long ${entry?.[1] ?? own}`) : line;
    });
    const file = join(folder, `x${index}.o`);
    writeFileSync(join(folder, 'changed.s'), lines.join('\n'));
    clang('-c', 'changed.s', '-o', file);
    return { what: entry?.[2] ?? 'itself', file };
  });
}

/** A reader that follows them without a bound takes minutes, and its test's time is over. */
test('types, scopes and origins that refer to themselves end, also in the debugger', async () => {
  const objects = hostileObjects();
  let steps = 0;
  for (const { what, file } of objects) {
    try {
      const info = readDebugInfo(readElf(readFileSync(file)));
      for (const { address } of info?.lines ?? []) {
        for (const { variables } of info?.scopesAt(address) ?? []) {
          for (const { type } of variables) {
            expect(typeText(type).length, what).toBeLessThan(20_000);
            expect(sizeOfType(type), what).toBeGreaterThanOrEqual(0);
          }
        }
      }
    } catch (error) {
      expect(error, what).toBeInstanceOf(XdpError);
    }
    steps += await debugged(file, what);
  }
  // Most of them can be debugged all the same.
  expect(steps).toBeGreaterThan(objects.length);
});

/** Steps that were made. */
async function debugged(file: string, what: string): Promise<number> {
  const client = new DapClient();
  let steps = 0;
  try {
    let stop = await client.launch({ program: file, packet: 'Ether()/IP()/UDP()' });
    for (; steps < 6 && stop.reason !== 'terminated'; steps++) {
      for (const { variablesReference } of await client.variables(['Locals'])) {
        if (variablesReference === 0) continue;
        for (const child of await client.list(variablesReference))
          if (child.variablesReference !== 0) await client.list(child.variablesReference);
      }
      for (const expression of ['n.missing', 'n.a', 'm[1][1]', 'many', '*&n'])
        await client.evaluate(expression).catch((error: unknown) => expect(error, what).toBeInstanceOf(Error));
      stop = await client.moved('stepIn');
    }
  } catch (error) {
    // Refused in words, not broken down.
    expect(String(error), what).not.toMatch(/RangeError|TypeError|Maximum call stack|Invalid string length|undefined/);
  } finally {
    await client.close();
  }
  return steps;
}

test('a value that contains itself is spelled out to a depth', () => {
  const array: CType = {
    kind: 'array',
    count: 8,
    get element() {
      return array;
    },
  };
  const many = (element: CType): CType => ({ kind: 'array', count: 8, element });
  const struct: CType = {
    kind: 'struct',
    name: 'matryoshka',
    size: 64,
    incomplete: false,
    get members() {
      return ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => ({
        name,
        type: many(struct),
        bitOffset: 0,
        bitSize: undefined,
      }));
    },
  };
  // Its bytes are at hand: nothing is read of a machine.
  const inspector = {} as Inspector;
  for (const type of [array, struct, many(struct)]) {
    const shown = present({ type, storage: { kind: 'bytes', bytes: new Uint8Array(4096) } }, 'x', inspector);
    expect(shown.text).toContain('…');
    expect(shown.children().length).toBe(8);
  }
});
