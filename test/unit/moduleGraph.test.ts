import { build, type OutputChunk } from 'rolldown';
import { expect, test } from 'vitest';
import { processModules } from '../../extension/build/moduleGraph.mjs';

const { output } = await build({ ...processModules({ sourcemap: false }), write: false });
const chunks = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file]] : [])));

/** The files that an entry loads before its first line runs, or ever. */
function filesOf(entry: string, when: 'at once' | 'ever'): OutputChunk[] {
  const reached = new Set([entry]);
  // A set is walked with what is added on the way.
  for (const file of reached) {
    const { imports = [], dynamicImports = [] } = chunks.get(file) ?? {};
    for (const name of when === 'ever' ? [...imports, ...dynamicImports] : imports) reached.add(name);
  }
  return [...reached].flatMap((file) => chunks.get(file) ?? []);
}

// Every file costs VS Code 1 to 2 ms, since it resolves imports in another thread; every kilobyte is compiled.
test('activation loads few files, and little code', () => {
  const loaded = filesOf('extension.mjs', 'at once');
  expect(loaded.length).toBeLessThanOrEqual(5);
  expect(loaded.reduce((sum, { code }) => sum + code.length, 0)).toBeLessThan(300 * 1024);
});

test.each(['cli.mjs', 'debug.mjs', 'language.mjs', 'lab-traffic.mjs'])('%s has nothing that needs VS Code', (entry) => {
  for (const { imports, dynamicImports, fileName } of filesOf(entry, 'ever')) {
    expect([...imports, ...dynamicImports], fileName).not.toContain('vscode');
  }
});
