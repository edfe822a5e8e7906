import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clangs, compileFile, describeDiagnostics, project, repository } from '../support/toolchain.ts';

const folder = join(repository, 'bpf/examples');
const examples = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

test.each(examples)('%s has a README, a licence and sources that compile without a warning', async (name) => {
  const files = readdirSync(join(folder, name));
  expect(files).toContain('README.md');
  const sources = files.filter((file) => file.endsWith('.bpf.c'));
  expect(sources.length).toBeGreaterThan(0);
  for (const source of sources) {
    const text = readFileSync(join(folder, name, source), 'utf8');
    expect(text.startsWith('/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n')).toBe(true);
    for (const clangPath of clangs) {
      const output = join(project(), 'out.o');
      const result = await compileFile(join(folder, name, source), { clangPath, output });
      expect(describeDiagnostics(result, source), clangPath).toEqual([]);
      expect(result).toMatchObject({ ok: true, resolved: { vmlinux: null } });
    }
  }
});
