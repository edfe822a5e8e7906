/** Does every text of the webviews have room, in both languages, in a narrow side bar and beside an editor? */
import { launchChromium, serve } from './webviewHarnessServer.mjs';

/** CSS pixels: a narrow side bar, and an editor of its own. */
const widths = [320, 1240];
const languages = ['en', 'zh-cn'];

/** Scenes of the simulated host; those with `runs` show a result as well. */
const scenes = [
  { view: 'maps', scene: 'counter' },
  { view: 'maps', scene: 'flows' },
  { view: 'maps', scene: 'events' },
  { view: 'maps', scene: 'emptyHash' },
  { view: 'maps', scene: 'none' },
  { view: 'packet', scene: 'packetPass', runs: true },
  { view: 'packet', scene: 'packetChanged', runs: true },
  { view: 'packet', scene: 'packetFailed', runs: true },
  { view: 'packet', scene: 'packetNoProgram' },
  { view: 'packetTests', scene: 'tests' },
  { view: 'packetTests', scene: 'testsDamaged' },
  { view: 'verifier', scene: 'verifierAccepted' },
  { view: 'verifier', scene: 'verifierRejected' },
  { view: 'verifier', scene: 'verifierEmpty' },
];

/**
 * @param {string} filter part of a view's name
 * @returns {Promise<{ checked: number, problems: string[] }>}
 */
export async function fitsEverywhere(filter) {
  const server = await serve(0);
  const browser = await launchChromium();
  /** @type {string[]} */
  const problems = [];
  let checked = 0;
  try {
    problems.push(...(await sees(browser)));
    const { port } = server.address();
    const check = async ({ view, scene, runs }, language) => {
      const tab = await browser.newPage({ viewport: { width: 1240, height: 900 } });
      await tab.goto(`http://127.0.0.1:${port}/${view}.html?scene=${scene}&theme=dark&lang=${language}`);
      await tab.waitForTimeout(600);
      if (runs) {
        await tab.keyboard.press('Control+Enter');
        await tab.waitForTimeout(500);
      }
      for (const width of widths) {
        await tab.setViewportSize({ width, height: 900 });
        await tab.waitForTimeout(250);
        checked++;
        const found = await tab.evaluate(withoutRoom);
        problems.push(...found.map((problem) => `${view}/${scene} (${language}, ${width} px): ${problem}`));
      }
      await tab.close();
    };
    for (const scene of scenes.filter((each) => `${each.view}/${each.scene}`.includes(filter)))
      await Promise.all(languages.map((language) => check(scene, language)));
  } finally {
    await browser.close();
    server.close();
  }
  return { checked, problems };
}

/** What there is to be found, so that nothing found means something. Answers what was not. */
async function sees(browser) {
  const tab = await browser.newPage({ viewport: { width: 320, height: 400 } });
  await tab.setContent(`<body style="margin:0"><button style="width:40px;overflow:hidden">a long label</button>
    <div style="width:500px">wider than the page</div>
    <p style="position:relative">above<button>one</button><button style="position:absolute;left:20px;top:0">other</button></p>
    <p title="all of it" style="width:40px;overflow:hidden;white-space:nowrap">a text that says the whole in its title</p>
    <div style="height:10px;overflow:auto"><button style="margin-top:40px">scrolled out</button></div></body>`);
  const found = await tab.evaluate(withoutRoom);
  await tab.close();
  const expected = [
    /^the page is \d+ px wider/,
    /“a long label” is cut off/,
    /“wider than the page” sticks out/,
    /lie over each other/,
  ];
  const missed = expected.filter((each) => !found.some((problem) => each.test(problem)));
  return [
    ...missed.map((each) => `not seen: ${each}`),
    ...(found.length === expected.length ? [] : [`seen as well: ${found.join('; ')}`]),
  ];
}

/** Runs in the page. What is cut off, what sticks out of the page, and controls that lie over each other. */
function withoutRoom() {
  /** Rounding of fractions of a pixel. */
  const slack = 1.5;
  /** @type {string[]} */
  const problems = [];
  /** @type {Element[]} */
  const all = [];
  const collect = (root) => {
    for (const element of root.querySelectorAll('*')) {
      all.push(element);
      if (element.shadowRoot) collect(element.shadowRoot);
    }
  };
  collect(document);

  const parentOf = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const ancestors = (element) => {
    const found = [];
    for (let each = parentOf(element); each; each = parentOf(each)) found.push(each);
    return found;
  };
  const isShown = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    element.getClientRects().length > 0 &&
    !element.closest('[aria-hidden=true]');
  const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
  const isRead = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
  const nameOf = (element) => {
    const text = (element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `<${element.localName}${element.className ? `.${String(element.className).trim().replace(/\s+/g, '.')}` : ''}> “${text}”`;
  };

  const page = document.scrollingElement;
  if (page.scrollWidth > page.clientWidth + slack)
    problems.push(`the page is ${page.scrollWidth - page.clientWidth} px wider than its column`);

  for (const element of all.filter((each) => isShown(each) && isRead(each))) {
    const style = getComputedStyle(element);
    // Hidden for the eye, there for screen readers.
    const { width, height, left, right } = element.getBoundingClientRect();
    if (width <= 1 || height <= 1) continue;
    const inScroller = scrolls(element) || ancestors(element).some(scrolls);
    const cut = /hidden|clip/.test(style.overflowX) && element.scrollWidth > element.clientWidth + slack;
    const explained =
      element.closest('[title]') !== null || ancestors(element).some((each) => each.hasAttribute('title'));
    if (cut && !explained)
      problems.push(`${nameOf(element)} is cut off by ${element.scrollWidth - element.clientWidth} px`);
    if (!inScroller && (left < -slack || right > innerWidth + slack))
      problems.push(`${nameOf(element)} sticks out of the page`);
  }

  const controls = all.filter(
    (each) =>
      isShown(each) &&
      /^(?:button|input|select|textarea|summary|label|vscode-button|vscode-textfield|vscode-single-select)$/.test(
        each.localName,
      ) &&
      !ancestors(each).some(({ localName }) => /^(?:button|label|summary|vscode-\w+)$/.test(localName)),
  );
  // What is scrolled out of its pane is where it is not seen.
  const seen = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const box = { left, right, top, bottom };
    for (const each of ancestors(element).filter((around) => getComputedStyle(around).overflow !== 'visible')) {
      const pane = each.getBoundingClientRect();
      box.left = Math.max(box.left, pane.left);
      box.right = Math.min(box.right, pane.right);
      box.top = Math.max(box.top, pane.top);
      box.bottom = Math.min(box.bottom, pane.bottom);
    }
    return box;
  };
  const boxes = controls.map((element) => ({ element, box: seen(element) }));
  boxes.forEach(({ element, box }, index) => {
    for (const other of boxes.slice(index + 1)) {
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      const inside = element.contains(other.element) || other.element.contains(element);
      if (across > 3 && down > 3 && !inside)
        problems.push(`${nameOf(element)} and ${nameOf(other.element)} lie over each other`);
    }
  });
  return [...new Set(problems)];
}
