import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import {
  bundledInclude,
  clangs,
  compileFile,
  compileText,
  describeDiagnostics,
  project,
  script,
} from '../support/toolchain.ts';

const pass = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int prog(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";
`;

async function failure(promise: Promise<unknown>): Promise<XdpError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(XdpError);
  return error as XdpError;
}

test('a good program becomes an object beside it, and the command can be repeated', async () => {
  const root = project({ 'my prog.bpf.c': pass });
  const result = await compileFile(join(root, 'my prog.bpf.c'));
  expect(result).toMatchObject({ ok: true, object: join(root, 'my prog.bpf.o'), diagnostics: [] });
  expect(readFileSync(join(root, 'my prog.bpf.o')).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  expect(result.command.slice(-2)).toEqual(['-o', join(root, 'my prog.bpf.o')]);
  expect(result.command).toContain('-D__TARGET_ARCH_x86');
  expect(result.resolved.includes.at(-1)).toBe(bundledInclude);
  expect(Object.keys(result.resolved.reasons).toSorted()).toEqual(result.resolved.includes.toSorted());
  expect(result.resolved.vmlinux).toBeNull();
  expect(result.durationMs).toBeGreaterThan(0);
  expect(readdirSync(root).toSorted()).toEqual(['my prog.bpf.c', 'my prog.bpf.o']);
});

test.each(clangs)('%s: errors, warnings and notes stand where they belong, with ranges', async (clangPath) => {
  const text = `#include <linux/bpf.h>
int f(struct xdp_md *ctx)
{
	int unused;
	return "abc" * ctx;
}
/* größer */ int g = nowhere;
#define TWICE(x) ((x) + missing)
int h(void) { return TWICE(1); }
`;
  const result = await compileText(text, { clangPath });
  expect(result).toMatchObject({ ok: false, object: null });
  expect(describeDiagnostics(result).filter((line) => !line.includes('unused'))).toEqual([
    "5:15 error: invalid operands to binary expression ('char[4]' and 'struct xdp_md *')",
    "7:22 error: use of undeclared identifier 'nowhere'",
    "9:22 error: use of undeclared identifier 'missing'",
    "8:25 note: expanded from macro 'TWICE'",
  ]);
});

test('a range that holds the caret gives the end', async () => {
  const result = await compileText('#include <linux/bpf.h>\nint f(struct xdp_md *c) { return c->nofield; }\n');
  expect(describeDiagnostics(result)).toEqual(["2:37 error: no member named 'nofield' in 'struct xdp_md'"]);
  const call = await compileText('int g(int);\nint f(void) { return g(1, 2); }\n');
  expect(call.diagnostics[0]).toMatchObject({ line: 2, column: 27, endColumn: 28 });
});

test('trouble in a header is also shown on the line that includes it, once', async () => {
  const root = project({
    'prog.bpf.c': '#include <linux/bpf.h>\n\n#include "outer.h"\nint x;\n',
    'outer.h': 'int before;\n#include "inner.h"\nint also = unknown_in_outer;\n',
    'inner.h': 'int y = unknown_in_inner;\nint z = again_in_inner;\n',
  });
  const result = await compileFile(join(root, 'prog.bpf.c'));
  expect(result.diagnostics.map((one) => one.file)).toEqual([
    join(root, 'inner.h'),
    join(root, 'inner.h'),
    join(root, 'outer.h'),
    join(root, 'prog.bpf.c'),
  ]);
  expect(describeDiagnostics(result)).toEqual([
    "inner.h:1:9 error: use of undeclared identifier 'unknown_in_inner'",
    "inner.h:2:9 error: use of undeclared identifier 'again_in_inner'",
    "outer.h:3:12 error: use of undeclared identifier 'unknown_in_outer'",
    `3:1 error: in the included ${join(root, 'inner.h')}, line 1: use of undeclared identifier 'unknown_in_inner' (and 2 more)`,
  ]);
});

test('the words do not depend on the locale, and colours are off', async () => {
  const result = await compileText('int x = y;\n', {
    env: { ...process.env, LANG: 'de_DE.UTF-8', CLICOLOR_FORCE: '1' },
  });
  expect(describeDiagnostics(result)).toEqual(["1:9 error: use of undeclared identifier 'y'"]);
});

test('a failed compile leaves the former object and nothing else', async () => {
  const root = project({ 'a.c': 'int x = y;\n', 'a.o': 'former' });
  const result = await compileFile(join(root, 'a.c'));
  expect(result).toMatchObject({ ok: false, object: null });
  expect(readFileSync(join(root, 'a.o'), 'utf8')).toBe('former');
  expect(readdirSync(root).toSorted()).toEqual(['a.c', 'a.o']);
});

test.each(clangs)('%s: what the back end refuses has a line and an explanation', async (clangPath) => {
  const result = await compileText(
    `#include <linux/bpf.h>
int f(struct xdp_md *ctx)
{
	volatile char large[600];
	large[ctx->data & 511] = 1;
	return large[0];
}
`,
    { clangPath },
  );
  expect(result.ok).toBe(false);
  const [first, second] = result.diagnostics;
  // Where in the function differs from clang to clang.
  expect(first?.line).toSatisfy((line: number) => line >= 2 && line <= 6);
  expect(first).toMatchObject({ severity: 'error', message: expect.stringContaining('stack limit') });
  expect(second).toMatchObject({
    line: first?.line,
    severity: 'note',
    message: expect.stringContaining('per-CPU array'),
  });
});

test('calling an undeclared function is an error with every clang, and names the header', async () => {
  const text = 'int f(int x) { return bpf_htons(x); }\n';
  for (const clangPath of clangs) {
    const result = await compileText(text, { clangPath });
    expect(result.ok, clangPath).toBe(false);
    expect(result.diagnostics[1]).toMatchObject({
      severity: 'note',
      message: expect.stringContaining('<bpf/bpf_endian.h>'),
    });
  }
});

test('headers of the C library compile: linux/icmp.h, stdint.h with 8-byte pointers', async () => {
  const result = await compileText(
    `#include <stdint.h>
#include <linux/icmp.h>
#include <netinet/in.h>
_Static_assert(sizeof(uintptr_t) == 8, "pointers have 8 bytes");
struct icmphdr h;
`,
  );
  expect(describeDiagnostics(result)).toEqual([]);
});

test("the project's own header wins over the bundled one", async () => {
  const root = project({ 'a.c': '#include "xdp_maps.h"\nint x = OWN;\n', 'xdp_maps.h': '#define OWN 1\n' });
  expect(await compileFile(join(root, 'a.c'))).toMatchObject({ ok: true });
  const apart = project({ 'a.c': '#include <xdp_maps.h>\nint x = OWN;\n', 'inc/xdp_maps.h': '#define OWN 1\n' });
  expect(await compileFile(join(apart, 'a.c'), { includeDirs: [join(apart, 'inc')] })).toMatchObject({ ok: true });
});

test.each([
  ['missing', 'nowhere.c', undefined, 'file-not-found', 'does not exist'],
  ['a folder', 'folder.c', 'folder', 'not-c', 'it is a folder'],
  ['an object', 'a.o', Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), 'not-c', 'it is an object file'],
  ['an object named .c', 'a.c', Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), 'not-c', 'it is an object file'],
  ['binary data', 'a.c', Buffer.from([1, 2, 0, 3]), 'not-c', 'it holds binary data'],
  ['UTF-16', 'a.c', Buffer.from('\ufeffint x;', 'utf16le'), 'not-c', 'UTF-16'],
  ['another language', 'a.py', 'print(1)\n', 'not-c', 'its name ends in .py'],
] as const)('%s is not compiled', async (_, name, content, code, words) => {
  const root = project(content === undefined ? {} : content === 'folder' ? { 'folder.c/x': '' } : { [name]: content });
  const error = await failure(compileFile(join(root, name)));
  expect(error).toMatchObject({ code, message: expect.stringContaining(words), fix: expect.any(String) });
  expect(error.message).toContain(join(root, name));
});

test('an empty file and one without an ending are C', async () => {
  const root = project({ 'empty.c': '', noending: 'int x;\n' });
  expect(await compileFile(join(root, 'empty.c'))).toMatchObject({ ok: true });
  expect(await compileFile(join(root, 'noending'))).toMatchObject({ ok: true, object: join(root, 'noending.o') });
});

test('places that cannot hold an object are refused before anything is written', async () => {
  const root = project({ 'a.c': pass, 'folder/x': '' });
  const file = join(root, 'a.c');
  for (const output of [root, file, '/dev/null', join(root, 'no/such/a.o')]) {
    expect(await failure(compileFile(file, { output })), output).toMatchObject({ code: 'usage' });
  }
  expect(readFileSync(file, 'utf8')).toBe(pass);
  symlinkSync('folder/real.o', join(root, 'link.o'));
  await compileFile(file, { output: join(root, 'folder/real.o') });
  const linked = await compileFile(file, { output: join(root, 'link.o') });
  expect(linked.object).toBe(join(root, 'folder/real.o'));
});

test('a clang that is killed or breaks down is not mistaken for an error in the program', async () => {
  const root = project({ 'a.c': pass });
  const identity = `case "$1" in --version) echo "clang version 17.0.1"; exit;; -print-targets) echo "    bpf - BPF"; exit;; esac`;
  const cases: [string, string][] = [
    ['kill -SEGV $$', 'SIGSEGV'],
    ['echo "fatal error: error in backend: Cannot select: 0x1" >&2; exit 70', 'Cannot select'],
    ['echo "some wrapper is broken" >&2; exit 1', 'exit code 1'],
  ];
  for (const [index, [body, words]] of cases.entries()) {
    const clangPath = script(root, `clang-${index}`, `${identity}\n${body}`);
    const error = await failure(compileFile(join(root, 'a.c'), { clangPath }));
    expect(error).toMatchObject({ code: 'compile-failed', message: expect.stringContaining(words) });
  }
  expect(readdirSync(root).filter((name) => name.includes('.tmp'))).toEqual([]);
});

test('abort ends clang and everything that it started', async () => {
  const root = project({ 'a.c': pass });
  const clangPath = script(
    root,
    'clang',
    `case "$1" in --version) echo "clang version 17.0.1"; exit;; -print-targets) echo "    bpf - BPF"; exit;; esac
sleep 60 & echo $! > ${root}/pid; wait`,
  );
  const controller = new AbortController();
  const compiling = failure(compileFile(join(root, 'a.c'), { clangPath, signal: controller.signal }));
  await expect
    .poll(() => existsSync(join(root, 'pid')) && readFileSync(join(root, 'pid'), 'utf8').trim())
    .toMatch(/^\d+$/);
  controller.abort();
  expect(await compiling).toMatchObject({ code: 'cancelled' });
  const pid = Number(readFileSync(join(root, 'pid'), 'utf8'));
  await expect.poll(() => isRunning(pid)).toBe(false);
  expect(readdirSync(root).toSorted()).toEqual(['a.c', 'clang', 'pid']);
});

function isRunning(pid: number): boolean {
  try {
    // A zombie that nobody has waited for yet is not running any more.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
