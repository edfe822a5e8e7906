/**
 * The webviews outside VS Code: bundles them to .cache/webviewHarness, serves them on 127.0.0.1 under the extension's
 * strict CSP with a simulated host, and takes screenshots into .cache/shots.
 *
 *   node test/ui/webviewHarness.mjs serve [PORT]     open /maps.html?scene=counter&theme=dark in a browser
 *   node test/ui/webviewHarness.mjs shots [FILTER]   every shot whose name contains FILTER
 *   node test/ui/webviewHarness.mjs axe [FILTER[,FILTER…]] [THEME]  accessibility of the same pages, by axe-core, in all themes
 *   node test/ui/webviewHarness.mjs fits [VIEW]      whether every text has room, in both languages and three widths
 *   node test/ui/webviewHarness.mjs hostile          whether HTML in what others wrote is shown as text
 *   node test/ui/webviewHarness.mjs plot             whether a plot of map rows is used by the keyboard alone
 *   node test/ui/webviewHarness.mjs keys             how long a keystroke in a packet takes to its bytes
 *   node test/ui/webviewHarness.mjs trace            what 100,000 rows on 128 CPUs cost at 10 Hz, by Chromium's trace
 *
 * Needs clang (for the types of the simulated maps) and Chromium.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { build, launchChromium, root, serve } from './webviewHarnessServer.mjs';
import { themes } from './webviewHarnessThemes.mjs';
import { shots } from './webviewHarnessShots.mjs';
import { axeShots } from './webviewAxe.mjs';
import { fitsEverywhere } from './webviewFits.mjs';
import { hostileEverywhere } from './webviewHostile.mjs';
import { plotByKeys } from './webviewPlotKeys.mjs';
import { measureKeystrokes } from './webviewKeystroke.mjs';
import { traceMaps } from './webviewTrace.mjs';

const shotFolder = path.join(root, '.cache/shots');

async function takeShots(filter) {
  mkdirSync(shotFolder, { recursive: true });
  const server = await serve(0);
  const browser = await launchChromium();
  let complaints = 0;
  try {
    for (const shot of shots.filter(({ name }) => name.includes(filter))) {
      const context = await browser.newContext({ viewport: shot.size, deviceScaleFactor: shot.scale ?? 1 });
      const tab = await context.newPage();
      const complain = (text) => {
        complaints++;
        console.error(`${shot.name}: ${text}`);
      };
      tab.on('console', (message) => message.type() === 'error' && complain(message.text()));
      tab.on('pageerror', (error) => complain(error.stack ?? String(error)));
      const { port } = server.address();
      await tab.goto(
        `http://127.0.0.1:${port}/${shot.view}.html?scene=${shot.scene}&theme=${shot.theme ?? 'dark'}&lang=${shot.lang ?? 'en'}`,
      );
      await tab.waitForTimeout(shot.waitMs ?? 700);
      await shot.act?.(tab);
      await tab.screenshot({ path: path.join(shotFolder, `${shot.name}.png`) });
      console.log(`${shot.name}.png`);
      await context.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
  if (complaints > 0) process.exitCode = 1;
}

const [command, argument = '', theme] = process.argv.slice(2);
await build();
if (command === 'shots') await takeShots(argument);
else if (command === 'keys') console.log(JSON.stringify(await measureKeystrokes(), null, 2));
else if (command === 'plot') await plotByKeys();
else if (command === 'axe') {
  const { checked, violations } = await axeShots(argument, theme === undefined ? Object.keys(themes) : [theme]);
  console.log([...violations, `${checked} pages checked, ${violations.length} violations`].join('\n'));
  if (violations.length > 0) process.exitCode = 1;
} else if (command === 'fits') {
  const { checked, problems } = await fitsEverywhere(argument);
  console.log([...problems, `${checked} pages checked, ${problems.length} problems`].join('\n'));
  if (problems.length > 0) process.exitCode = 1;
} else if (command === 'hostile') {
  const { checked, problems } = await hostileEverywhere();
  console.log([...problems, `${checked} pages checked, ${problems.length} problems`].join('\n'));
  if (problems.length > 0) process.exitCode = 1;
} else if (command === 'trace') console.log(JSON.stringify(await traceMaps(), null, 2));
else {
  const server = await serve(Number(argument || 0));
  console.log(`http://127.0.0.1:${server.address().port}/maps.html?scene=counter&theme=dark`);
}
