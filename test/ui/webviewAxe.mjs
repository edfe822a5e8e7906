/** axe-core on every scene of the harness, in every theme; violations are printed with where they are. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { launchChromium, root, serve } from './webviewHarnessServer.mjs';
import { shots } from './webviewHarnessShots.mjs';

/**
 * @param {string} filter parts of the names of shots, separated by commas
 * @param {readonly string[]} themes
 * @returns {Promise<{ checked: number, violations: string[] }>}
 */
export async function axeShots(filter, themes) {
  const wanted = filter.split(',');
  const axe = readFileSync(path.join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
  const server = await serve(0);
  const browser = await launchChromium();
  /** @type {string[]} */
  const violations = [];
  let checked = 0;
  try {
    const { port } = server.address();
    for (const shot of shots.filter(({ name }) => wanted.some((part) => name.includes(part)))) {
      for (const theme of themes) {
        // The page's policy allows no script but its own; axe is not part of the page.
        const context = await browser.newContext({ viewport: shot.size, bypassCSP: true });
        const tab = await context.newPage();
        await tab.goto(`http://127.0.0.1:${port}/${shot.view}.html?scene=${shot.scene}&theme=${theme}`);
        await tab.waitForTimeout(shot.waitMs ?? 700);
        await shot.act?.(tab);
        await tab.evaluate(axe);
        // A webview is a part of a page: landmarks and headings are VS Code's.
        const found = await tab.evaluate(() =>
          window.axe.run(document, {
            rules: {
              region: { enabled: false },
              'page-has-heading-one': { enabled: false },
              'landmark-one-main': { enabled: false },
              'document-title': { enabled: false },
            },
          }),
        );
        checked++;
        for (const { id, help, nodes } of found.violations) {
          for (const { target, failureSummary } of nodes.slice(0, 3)) {
            violations.push(
              `${shot.name} (${theme}): ${id}: ${help}: ${target.flat().join(' ')}\n    ${failureSummary.replaceAll('\n', '\n    ')}`,
            );
          }
        }
        await context.close();
      }
    }
  } finally {
    await browser.close();
    server.close();
  }
  return { checked, violations };
}
