import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { editorFlags, pathBelow, withClangdFlags, withCppProperties } from '../../extension/session/editorFlags.ts';
import { compileFile, project } from '../support/toolchain.ts';

const source =
  '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include "own.h"\nSEC("xdp") int f(struct xdp_md *c) { return OWN; }\n';

async function compiled(): Promise<{ root: string; command: string[] }> {
  const root = project({ '.git/HEAD': '', 'src/a b.bpf.c': source, 'include/own.h': '#define OWN XDP_PASS\n' });
  const result = await compileFile(join(root, 'src/a b.bpf.c'));
  expect(result.ok).toBe(true);
  return { root, command: result.command };
}

test('with the flags that are handed on, clang sees the file as the compile did', async () => {
  const { root, command } = await compiled();
  const flags = editorFlags(command);
  expect(flags).not.toContain('-c');
  execFileSync(command[0] ?? '', [...flags, '-fsyntax-only', '-Werror', join(root, 'src/a b.bpf.c')]);
});

test("clangd's fragment is put beside what is there, and replaced the next time", async () => {
  const { root, command } = await compiled();
  const file = pathBelow(root, join(root, 'src/a b.bpf.c')) ?? '';
  const before = 'CompileFlags:\n  Add: -Wall\n';
  const once = withClangdFlags(before, { file, command });
  expect(once.startsWith(`${before}---\n# XDP for VS Code: src/a b.bpf.c\n`)).toBe(true);
  expect(once).toContain(String.raw`PathMatch: "src/a b\\.bpf\\.c"`);
  expect(withClangdFlags(once, { file, command })).toBe(once);
  const two = withClangdFlags(once, { file: 'src/other.c', command });
  expect(two.match(/^# XDP for VS Code/gm)).toHaveLength(2);
  // A YAML reader that we did not write takes it for what it is.
  writeFileSync(join(root, '.clangd'), two);
  const script = 'import sys,yaml,json; print(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1]))]))';
  const documents = JSON.parse(
    execFileSync('python3', ['-c', script, join(root, '.clangd')], { encoding: 'utf8' }),
  ) as unknown[];
  expect(documents).toMatchObject([
    {},
    { CompileFlags: { Add: editorFlags(command) } },
    { If: { PathMatch: String.raw`src/other\.c` } },
  ]);
});

test("the C/C++ extension's configuration keeps the others, and text that is not JSON is left alone", async () => {
  const { root, command } = await compiled();
  const before = JSON.stringify({
    version: 4,
    env: { x: 'y' },
    configurations: [{ name: 'Linux' }, { name: 'XDP', defines: ['OLD'] }],
  });
  const after = JSON.parse(withCppProperties(before, { file: 'x', command })) as { configurations: { name: string }[] };
  expect(after).toMatchObject({
    env: { x: 'y' },
    configurations: [{ name: 'Linux' }, { name: 'XDP', includePath: expect.arrayContaining([join(root, 'include')]) }],
  });
  expect(() => withCppProperties('{ // comment\n}', { file: 'x', command })).toThrow(/not plain JSON/);
});
