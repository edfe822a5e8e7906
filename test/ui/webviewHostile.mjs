/** Do the webviews show as text what others wrote as HTML: names, messages, logs and what maps hold? */
import { launchChromium, serve } from './webviewHarnessServer.mjs';

/** Scenes of the simulated host, which with `hostile=1` has HTML in every word of somebody else's; those with `runs` show a result too. */
const scenes = [
  { view: 'maps', scene: 'counter' },
  { view: 'maps', scene: 'flows', cells: true },
  { view: 'packet', scene: 'packetPass', runs: true },
  { view: 'packet', scene: 'packetFailed', runs: true },
  { view: 'packetTests', scene: 'tests', own: true },
  { view: 'verifier', scene: 'verifierRejected' },
];

/** @returns {Promise<{ checked: number, problems: string[] }>} */
export async function hostileEverywhere() {
  const server = await serve(0);
  const browser = await launchChromium();
  /** @type {string[]} */
  const problems = [];
  try {
    const { port } = server.address();
    for (const { view, scene, runs, cells, own } of scenes) {
      const tab = await browser.newPage({ viewport: { width: 1240, height: 900 } });
      tab.on('pageerror', (error) => problems.push(`${view}/${scene}: ${String(error)}`));
      await tab.goto(`http://127.0.0.1:${port}/${view}.html?scene=${scene}&theme=dark&lang=en&hostile=1`);
      // Shown as text in the end; what is HTML was so from its first moment.
      const wanted = cells ? '<b>x</b>' : '<img src=x';
      // The test editor's texts are its own file's.
      if (!own && !(await tab.waitForFunction(shows, wanted, { timeout: 20_000 }).catch(() => undefined)))
        problems.push(`${view}/${scene}: ${wanted} is not shown`);
      if (runs) {
        await tab.keyboard.press('Control+Enter');
        await tab.waitForTimeout(1000);
      }
      const found = await tab.evaluate(foreignElements);
      problems.push(...found.map((problem) => `${view}/${scene}: ${problem}`));
      await tab.close();
    }
    problems.push(...(await sees(browser)));
  } finally {
    await browser.close();
    server.close();
  }
  return { checked: scenes.length, problems };
}

/** What there is to be found, so that nothing found means something. */
async function sees(browser) {
  const tab = await browser.newPage();
  await tab.setContent('<div><img src=x class=hostile></div><p><b>x</b></p>');
  const found = await tab.evaluate(foreignElements);
  await tab.close();
  return found.length === 2 ? [] : [`seen of two: ${found.join('; ')}`];
}

/** Runs in the page. */
function shows(wanted) {
  const textOf = (root) =>
    [...root.querySelectorAll('*')].some(
      (element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.data.includes(wanted)) ||
        (element.shadowRoot !== null && textOf(element.shadowRoot)),
    );
  return textOf(document);
}

/** Runs in the page. Elements that no view of ours has. */
function foreignElements() {
  const found = [];
  const look = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.localName === 'img' || element.matches('.hostile') || /^[xyz]$/.test(element.textContent ?? '')) {
        if (['img', 'b', 'i', 'u'].includes(element.localName) || element.matches('.hostile'))
          found.push(element.outerHTML.slice(0, 80));
      }
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  look(document);
  return found;
}
