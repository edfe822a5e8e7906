import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findHeader } from '../../extension/toolchain/headers.ts';
import { kernelVmlinux } from '../../extension/toolchain/vmlinux.ts';
import { compileFile, describeDiagnostics, project } from '../support/toolchain.ts';

/** Looks for `header` from `src/prog.c` of a project with these files; paths are relative to it. */
async function check(header: string, files: readonly string[], expected: string | readonly string[] | undefined) {
  const root = project(Object.fromEntries(['.git/HEAD', 'src/prog.c', ...files].map((name) => [name, ''])));
  const found = await findHeader({ header, file: join(root, 'src/prog.c'), workspaceRoots: [] });
  switch (found.kind) {
    case 'found':
      expect(found.dir).toBe(join(root, typeof expected === 'string' ? expected : 'something else'));
      return;
    case 'ambiguous':
      expect(found.candidates).toEqual([expected].flat().map((path) => join(root, path ?? 'nothing')));
      return;
    case 'none':
      expect(expected).toBeUndefined();
  }
}

test('a header below the project is found by the folder that makes its path right', async () => {
  await check('common/parse.h', ['include/common/parse.h'], 'include');
  await check('parse.h', ['include/common/parse.h'], 'include/common');
  await check('parse.h', ['lib/deep/er/parse.h', 'include/parse.h'], 'include');
});

test('what is nearer to the file comes first', async () => {
  await check('parse.h', ['src/inc/parse.h', 'include/parse.h'], 'src/inc');
  await check('parse.h', ['src/prog.d/a/parse.h', 'src/b/parse.h', 'parse.h'], 'src/b');
});

test('two equally near are not guessed between', async () => {
  await check('parse.h', ['a/parse.h', 'b/parse.h'], ['a/parse.h', 'b/parse.h']);
  await check('arch.h', ['arch/arm64/arch.h', 'arch/x86/arch.h', 'arch/riscv/arch.h'], archDir());
});

function archDir(): string {
  return `arch/${process.arch === 'x64' ? 'x86' : process.arch}`;
}

test('folders of packages and hidden ones are not searched, nor a folder that is named like the header', async () => {
  await check('parse.h', ['node_modules/x/parse.h', '.cache/parse.h', 'target/parse.h'], undefined);
  await check('parse.h', ['parse.h/readme'], undefined);
  await check('../parse.h', ['src/parse.h'], undefined);
  await check('/etc/passwd', [], undefined);
});

test('the search ends at the root of the project', async () => {
  const root = project({ 'outside/parse.h': '', 'inside/.git/HEAD': '', 'inside/src/prog.c': '' });
  const file = join(root, 'inside/src/prog.c');
  expect(await findHeader({ header: 'parse.h', file, workspaceRoots: [] })).toEqual({ kind: 'none' });
  expect(await findHeader({ header: 'parse.h', file, workspaceRoots: [join(root, 'inside/src')] })).toEqual({
    kind: 'none',
  });
  expect(await findHeader({ header: 'parse.h', file, workspaceRoots: [root] })).toMatchObject({
    kind: 'found',
    dir: join(root, 'outside'),
  });
});

test('a tree without end does not hold the search up', async () => {
  const root = project({ '.git/HEAD': '', 'src/prog.c': '' });
  let folder = join(root, 'deep');
  for (let i = 0; i < 12; i++) folder = join(folder, 'deeper');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'parse.h'), '');
  for (let i = 0; i < 5000; i++) mkdirSync(join(root, 'wide', String(i)), { recursive: true });
  writeFileSync(join(root, 'wide/4999/late.h'), '');
  const file = join(root, 'src/prog.c');
  expect(await findHeader({ header: 'parse.h', file, workspaceRoots: [] })).toEqual({ kind: 'none' });
});

test('a program whose headers lie all over the project compiles, with the reason for each folder', async () => {
  const root = project({
    '.git/HEAD': '',
    'src/bpf/prog.c': '#include "shared/a.h"\n#include <b.h>\nint x = A + B;\n',
    'include/shared/a.h': '#define A 1\n',
    'lib/b.h': '#define B 1\n',
  });
  const result = await compileFile(join(root, 'src/bpf/prog.c'));
  expect(describeDiagnostics(result)).toEqual([]);
  expect(result.resolved.includes.slice(0, 2)).toEqual([join(root, 'include'), join(root, 'lib')]);
  expect(result.resolved.reasons[join(root, 'lib')]).toContain('b.h');

  // The second compile knows the folders, and notices when a header has moved.
  rmSync(join(root, 'lib/b.h'));
  mkdirSync(join(root, 'other'));
  writeFileSync(join(root, 'other/b.h'), '#define B 2\n');
  const again = await compileFile(join(root, 'src/bpf/prog.c'));
  expect(again.ok).toBe(true);
  expect(again.resolved.includes.slice(0, 2)).toEqual([join(root, 'include'), join(root, 'other')]);
});

test('a warning in a header of the project is shown, since the header is the user’s', async () => {
  const root = project({
    '.git/HEAD': '',
    'src/prog.c': '#include "a.h"\nint g(void) { return f(); }\n',
    'include/a.h': 'static int f(void) { int unused_here; return 1; }\n',
  });
  const result = await compileFile(join(root, 'src/prog.c'));
  expect(describeDiagnostics(result, 'prog.c')).toEqual([
    "a.h:1:26 warning: unused variable 'unused_here' [-Wunused-variable]",
    `1:1 warning: in the included ${join(root, 'include/a.h')}, line 1: unused variable 'unused_here' [-Wunused-variable]`,
  ]);
});

test('several candidates are named', async () => {
  const root = project({ '.git/HEAD': '', 'src/prog.c': '#include "a.h"\n', 'x/a.h': 'int x;', 'y/a.h': '' });
  const result = await compileFile(join(root, 'src/prog.c'));
  expect(describeDiagnostics(result, 'prog.c')).toEqual([
    "1:10 error: 'a.h' file not found",
    expect.stringContaining(`there are several: ${join(root, 'x/a.h')}, ${join(root, 'y/a.h')}`),
  ]);
});

test('bpf_helpers.h without its folder is found where libbpf keeps it', async () => {
  const root = project({ 'prog.c': '#include <linux/types.h>\n#include "bpf_helpers.h"\nint x;\n' });
  expect(await compileFile(join(root, 'prog.c'))).toMatchObject({ ok: true });
});

const usesVmlinux =
  '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int f(struct xdp_md *c) { return XDP_PASS; }\n';

test('vmlinux.h is made from the running kernel once, and again for another kernel only', async () => {
  const root = project({ 'a.c': usesVmlinux, 'b.c': usesVmlinux });
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache') };
  const first = await compileFile(join(root, 'a.c'), { env });
  expect(describeDiagnostics(first, 'a.c')).toEqual([]);
  const path = first.resolved.vmlinux ?? '';
  expect(path.startsWith(join(root, 'cache/xdp-vscode/vmlinux-'))).toBe(true);
  expect(statSync(join(root, 'cache/xdp-vscode')).mode & 0o777).toBe(0o700);
  utimesSync(path, 1, 1);
  const second = await compileFile(join(root, 'b.c'), { env });
  expect(second.resolved.vmlinux).toBe(path);
  expect(statSync(path).mtimeMs).toBe(1000);
  expect(readdirSync(join(path, '..'))).toEqual(['vmlinux.h']);
});

test("the project's own vmlinux.h wins over the running kernel's", async () => {
  const own = '#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\ntypedef int own_type;\n#endif\n';
  const root = project({ '.git/HEAD': '', 'src/a.c': '#include "vmlinux.h"\nown_type x;\n', 'vmlinux/vmlinux.h': own });
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache') };
  const result = await compileFile(join(root, 'src/a.c'), { env });
  expect(result).toMatchObject({ ok: true, resolved: { vmlinux: join(root, 'vmlinux/vmlinux.h') } });
  expect(existsSync(join(root, 'cache'))).toBe(false);
});

test('what keeps vmlinux.h from being made is said on the #include', async () => {
  const root = project({ 'a.c': usesVmlinux, 'cache-file': '' });
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache-file') };
  const result = await compileFile(join(root, 'a.c'), { env });
  expect(describeDiagnostics(result, 'a.c')).toEqual([
    "1:10 error: 'vmlinux.h' file not found",
    expect.stringMatching(
      /^1:10 note: vmlinux\.h is not in the project, and could not be made: it could not be written/,
    ),
  ]);
});

test('no BTF, and BTF that is damaged, are told apart', async () => {
  const root = project({ btf: 'not BTF' });
  const cache = join(root, 'cache');
  const env = { XDG_CACHE_HOME: cache };
  expect(await kernelVmlinux({ env, btf: join(root, 'none') })).toMatchObject({
    kind: 'unavailable',
    fix: expect.stringContaining('CONFIG_DEBUG_INFO_BTF'),
  });
  expect(await kernelVmlinux({ env, btf: join(root, 'btf') })).toMatchObject({
    kind: 'unavailable',
    why: expect.stringContaining('damaged'),
    fix: expect.stringContaining('vmlinux.h'),
  });
});
