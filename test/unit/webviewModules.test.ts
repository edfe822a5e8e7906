import { build } from 'rolldown';
import { expect, test } from 'vitest';
import { webviewEntries, webviewModules, webviewParts } from '../../extension/build/webviewModules.mjs';

const { output } = await build({ ...webviewModules({ sourcemap: false }), write: false });
const chunks = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file]] : [])));

/** The files that are loaded before the first line of this one runs, itself first. */
function filesOf(file: string): string[] {
  const reached = new Set([file]);
  // A set is walked with what is added on the way.
  for (const name of reached) for (const imported of chunks.get(name)?.imports ?? []) reached.add(imported);
  return [...reached];
}

// A page names these parts in its HTML: one too few costs a second round of requests, one too many is loaded for nothing.
test.each(Object.keys(webviewEntries))('the page of %s imports the parts that it names, and nothing else', (page) => {
  const named = Object.entries(webviewParts).filter(([, pages]) => pages.includes(page));
  const [, ...imported] = filesOf(`${page}.js`);
  expect(imported.sort()).toEqual(named.map(([part]) => `chunks/${part}.js`).sort());
});

// uPlot and VS Code's controls are later's, which the packet panel shares; its builder of packets is twice the size of the view.
test('the map view loads little before its first rows, and nothing of the packet builder after them', () => {
  const atOnce = filesOf('maps.js');
  expect(atOnce.reduce((sum, file) => sum + (chunks.get(file)?.code.length ?? 0), 0)).toBeLessThan(170 * 1024);
  const later = atOnce.flatMap((file) => chunks.get(file)?.dynamicImports ?? []).flatMap(filesOf);
  expect(later).toContain('chunks/controls.js');
  expect(later).not.toContain('chunks/builder.js');
});
