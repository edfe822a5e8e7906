/** Name, view, scene of the simulated host, theme, size; `act` drives the page first. */

const side = { width: 300, height: 420 };
const panel = { width: 1240, height: 900 };
const wide = { width: 1200, height: 420 };
const beside = { width: 620, height: 860 };

export const shots = [
  { name: 'maps-side-dark', view: 'maps', scene: 'counter', theme: 'dark', size: side },
  { name: 'maps-side-light', view: 'maps', scene: 'counter', theme: 'light', size: side },
  { name: 'maps-wide-dark', view: 'maps', scene: 'counter', theme: 'dark', size: wide },
  { name: 'maps-wide-light', view: 'maps', scene: 'counter', theme: 'light', size: wide },
  { name: 'maps-many-folded', view: 'maps', scene: 'counter128', theme: 'dark', size: wide },
  { name: 'maps-many-shown', view: 'maps', scene: 'counter128', theme: 'dark', size: wide, act: showIdle },
  { name: 'maps-many-shown-right', view: 'maps', scene: 'counter128', theme: 'light', size: wide, act: showIdleRight },
  { name: 'maps-hash-side', view: 'maps', scene: 'flows', theme: 'dark', size: side, waitMs: 1500 },
  { name: 'maps-hash-wide', view: 'maps', scene: 'flows', theme: 'light', size: wide, waitMs: 1500 },
  { name: 'maps-hash-sorted', view: 'maps', scene: 'flows', theme: 'dark', size: wide, waitMs: 1500, act: sortByRate },
  { name: 'maps-hash-filter', view: 'maps', scene: 'flows', theme: 'dark', size: wide, waitMs: 1500, act: filterKeys },
  { name: 'maps-hash-end', view: 'maps', scene: 'flows', theme: 'dark', size: wide, waitMs: 1500, act: scrollDown },
  { name: 'maps-scalar-side', view: 'maps', scene: 'scalar', theme: 'dark', size: side },
  { name: 'maps-hex-side', view: 'maps', scene: 'hex', theme: 'dark', size: side },
  { name: 'maps-hex-wide', view: 'maps', scene: 'hex', theme: 'light', size: wide },
  { name: 'maps-huge', view: 'maps', scene: 'huge', theme: 'dark', size: wide, waitMs: 1500 },
  { name: 'maps-huge-end', view: 'maps', scene: 'huge', theme: 'light', size: wide, waitMs: 1500, act: scrollDown },
  { name: 'maps-unfolded', view: 'maps', scene: 'counter', theme: 'dark', size: wide, waitMs: 3000, act: unfold },
  { name: 'maps-unfolded-side', view: 'maps', scene: 'counter', theme: 'light', size: side, act: unfold },
  { name: 'maps-columns', view: 'maps', scene: 'counter', theme: 'light', size: wide, act: allColumns },
  { name: 'maps-filter-wrong', view: 'maps', scene: 'flows', theme: 'dark', size: wide, act: filterWrong },
  { name: 'maps-menu', view: 'maps', scene: 'counter', theme: 'dark', size: wide, act: openActions },
  { name: 'maps-plot', view: 'maps', scene: 'counter', theme: 'dark', size: wide, act: plotRows },
  {
    name: 'maps-plot-light',
    view: 'maps',
    scene: 'counter',
    theme: 'light',
    size: { width: 640, height: 460 },
    act: plotRows,
  },
  { name: 'maps-plot-keys', view: 'maps', scene: 'counter', theme: 'hcDark', size: wide, act: plotByKeys },
  { name: 'maps-plot-keys-light', view: 'maps', scene: 'counter', theme: 'hcLight', size: side, act: plotByKeys },
  { name: 'maps-plot-keys-side', view: 'maps', scene: 'counter', theme: 'light', size: side, act: plotByKeys },
  { name: 'maps-edit-form', view: 'maps', scene: 'counter', theme: 'dark', size: wide, act: editRow },
  { name: 'maps-edit-cell', view: 'maps', scene: 'counter', theme: 'light', size: wide, act: editCell },
  {
    name: 'maps-add',
    view: 'maps',
    scene: 'emptyHash',
    theme: 'dark',
    size: { width: 640, height: 420 },
    act: addEntry,
  },
  { name: 'maps-refused', view: 'maps', scene: 'flows', theme: 'dark', size: wide, waitMs: 1500, act: refusedEdit },
  { name: 'maps-events', view: 'maps', scene: 'events', theme: 'dark', size: wide, waitMs: 1200, act: asRecord },
  {
    name: 'maps-snapshots',
    view: 'maps',
    scene: 'counter',
    theme: 'dark',
    size: { width: 900, height: 560 },
    act: snapshots,
  },
  { name: 'maps-none', view: 'maps', scene: 'none', theme: 'dark', size: side },
  { name: 'maps-none-light', view: 'maps', scene: 'none', theme: 'light', size: side },
  { name: 'maps-empty', view: 'maps', scene: 'emptyHash', theme: 'dark', size: side },
  { name: 'maps-died', view: 'maps', scene: 'died', theme: 'dark', size: side, waitMs: 1200 },
  { name: 'maps-gone', view: 'maps', scene: 'gone', theme: 'light', size: side, waitMs: 1200 },
  { name: 'maps-unused', view: 'maps', scene: 'unused', theme: 'dark', size: wide },
  { name: 'maps-unused-side', view: 'maps', scene: 'unused', theme: 'light', size: side },
  { name: 'zh-maps-unused', view: 'maps', scene: 'unused', theme: 'hcLight', size: side, lang: 'zh-cn' },
  { name: 'maps-over', view: 'maps', scene: 'over', theme: 'dark', size: wide },
  { name: 'zh-maps-wide', view: 'maps', scene: 'counter', size: wide, lang: 'zh-cn' },
  { name: 'zh-maps-side', view: 'maps', scene: 'counter', theme: 'light', size: side, lang: 'zh-cn' },
  { name: 'zh-maps-none', view: 'maps', scene: 'none', size: side, lang: 'zh-cn' },
  { name: 'zh-packet', view: 'packet', scene: 'packetPass', size: panel, lang: 'zh-cn', act: run },
  { name: 'zh-packet-narrow', view: 'packet', scene: 'packetPass', theme: 'light', size: beside, lang: 'zh-cn' },
  { name: 'zh-tests', view: 'packetTests', scene: 'tests', size: { width: 1000, height: 900 }, lang: 'zh-cn' },
  { name: 'zh-verifier', view: 'verifier', scene: 'verifierAccepted', size: beside, lang: 'zh-cn' },
  { name: 'maps-hcdark', view: 'maps', scene: 'counter', theme: 'hcDark', size: wide },
  { name: 'maps-hclight', view: 'maps', scene: 'counter', theme: 'hcLight', size: wide },
  ...['dark', 'light'].flatMap((theme) => [
    { name: `packet-wide-${theme}`, view: 'packet', scene: 'packetPass', theme, size: panel, act: run },
    {
      name: `packet-narrow-${theme}`,
      view: 'packet',
      scene: 'packetPass',
      theme,
      size: { width: 420, height: 1500 },
      act: run,
    },
    { name: `packet-changed-${theme}`, view: 'packet', scene: 'packetChanged', theme, size: panel, act: run },
  ]),
  ...['dark', 'light', 'hcDark', 'hcLight'].flatMap((theme) => [
    { name: `tests-${theme}`, view: 'packetTests', scene: 'tests', theme, size: { width: 1400, height: 900 } },
    {
      name: `tests-picture-${theme}`,
      view: 'packetTests',
      scene: 'tests',
      theme,
      size: { width: 1400, height: 1100 },
      act: showPicture,
    },
  ]),
  {
    name: 'tests-sequence',
    view: 'packetTests',
    scene: 'tests',
    size: { width: 1200, height: 700 },
    act: chooseTest(3),
  },
  {
    name: 'tests-capture',
    view: 'packetTests',
    scene: 'tests',
    size: { width: 1200, height: 500 },
    act: chooseTest(4),
  },
  {
    name: 'tests-mistake',
    view: 'packetTests',
    scene: 'tests',
    size: { width: 1200, height: 500 },
    act: chooseTest(5),
  },
  { name: 'tests-narrow', view: 'packetTests', scene: 'tests', theme: 'light', size: { width: 700, height: 1100 } },
  { name: 'tests-empty', view: 'packetTests', scene: 'testsEmpty', size: { width: 1000, height: 400 } },
  { name: 'tests-damaged', view: 'packetTests', scene: 'testsDamaged', size: { width: 1000, height: 300 } },
  { name: 'tests-sweep', view: 'packetTests', scene: 'tests', size: { width: 1400, height: 800 }, act: makeSweep },
  {
    name: 'tests-paste',
    view: 'packetTests',
    scene: 'tests',
    theme: 'light',
    size: { width: 1400, height: 800 },
    act: openPaste,
  },
  {
    name: 'packet-beside',
    view: 'packet',
    scene: 'packetChanged',
    theme: 'dark',
    size: { width: 660, height: 860 },
    act: run,
  },
  {
    name: 'packet-beside-light',
    view: 'packet',
    scene: 'packetPass',
    theme: 'light',
    size: { width: 660, height: 860 },
  },
  { name: 'packet-start', view: 'packet', scene: 'packetPass', theme: 'dark', size: panel },
  {
    name: 'packet-noprogram',
    view: 'packet',
    scene: 'packetNoProgram',
    theme: 'dark',
    size: { width: 420, height: 700 },
  },
  { name: 'packet-running', view: 'packet', scene: 'packetRunning', theme: 'dark', size: panel, act: run },
  { name: 'packet-failed', view: 'packet', scene: 'packetFailed', theme: 'dark', size: panel, act: runAndOpenLog },
  { name: 'packet-popped', view: 'packet', scene: 'packetPopped', theme: 'dark', size: panel, act: runAndOpenOutput },
  { name: 'packet-edit', view: 'packet', scene: 'packetPass', theme: 'dark', size: panel, act: editByHand },
  { name: 'packet-ipv6', view: 'packet', scene: 'packetPass', theme: 'light', size: panel, act: ipv6 },
  { name: 'packet-short', view: 'packet', scene: 'packetPass', theme: 'dark', size: panel, act: shorten },
  ...['dark', 'light'].flatMap((theme) => [
    { name: `packet-attached-${theme}`, view: 'packet', scene: 'packetAttached', theme, size: panel, act: runAttached },
    { name: `packet-setup-${theme}`, view: 'packet', scene: 'packetPass', theme, size: panel, act: withMaps },
    { name: `packet-live-${theme}`, view: 'packet', scene: 'packetPass', theme, size: panel, act: runLive },
    { name: `packet-capture-${theme}`, view: 'packet', scene: 'packetPass', theme, size: panel, act: runCapture },
  ]),
  ...['dark', 'light', 'hcDark', 'hcLight'].flatMap((theme) => [
    { name: `verifier-${theme}`, view: 'verifier', scene: 'verifierStack', theme, size: beside, act: chooseSlot },
    { name: `verifier-rejected-${theme}`, view: 'verifier', scene: 'verifierRejected', theme, size: beside },
  ]),
  {
    name: 'verifier-calls',
    view: 'verifier',
    scene: 'verifierCalls',
    size: { width: 1100, height: 700 },
    act: insideCall,
  },
  { name: 'verifier-branch', view: 'verifier', scene: 'verifierAccepted', theme: 'light', size: beside, act: toBranch },
  { name: 'verifier-filter', view: 'verifier', scene: 'verifierAccepted', size: beside, act: filterSteps },
  { name: 'verifier-long', view: 'verifier', scene: 'verifierLong', size: beside, waitMs: 2500, act: toEnd },
  { name: 'verifier-loop', view: 'verifier', scene: 'verifierLoop', size: beside },
  { name: 'verifier-empty', view: 'verifier', scene: 'verifierEmpty', size: beside },
  { name: 'verifier-headless', view: 'verifier', scene: 'verifierHeadless', theme: 'light', size: beside },
  { name: 'verifier-narrow', view: 'verifier', scene: 'verifierRejected', size: { width: 400, height: 800 } },
  { name: 'packet-recorded', view: 'packet', scene: 'packetPass', theme: 'dark', size: panel, act: keepAsTest },
  { name: 'packet-hcdark', view: 'packet', scene: 'packetChanged', theme: 'hcDark', size: panel, act: run },
  { name: 'packet-hclight', view: 'packet', scene: 'packetChanged', theme: 'hcLight', size: panel, act: run },
];

/** The step that saves a value on the stack, and where the value came from. */
async function chooseSlot(tab) {
  await tab.getByRole('searchbox').fill('r10 -32');
  await tab.keyboard.press('Enter');
  await tab.getByRole('searchbox').fill('');
  await tab.waitForTimeout(200);
  await tab.locator('[data-place="0:fp-32"]').click();
  await tab.waitForTimeout(300);
}

async function insideCall(tab) {
  await tab
    .getByRole('option', { name: /r0 \*= 3/ })
    .last()
    .click();
  await tab.keyboard.press('0');
  await tab.waitForTimeout(300);
}

async function toBranch(tab) {
  await tab.keyboard.press('n');
  await tab.keyboard.press('n');
  await tab.waitForTimeout(300);
}

async function filterSteps(tab) {
  await tab.getByRole('searchbox').fill('r2');
  await tab.waitForTimeout(300);
}

async function toEnd(tab) {
  await tab.keyboard.press('End');
  await tab.waitForTimeout(300);
}

async function run(tab) {
  await tab.keyboard.press('Control+Enter');
  await tab.waitForTimeout(700);
}

async function runAttached(tab) {
  await tab.locator('[name=mode]').selectOption({ index: 1 });
  await run(tab);
}

async function runLive(tab) {
  await tab.locator('[name=mode]').selectOption('live');
  await tab.waitForTimeout(200);
  await run(tab);
}

async function runCapture(tab) {
  await tab.getByRole('button', { name: 'Run Capture…' }).click();
  await tab.waitForTimeout(700);
}

async function withMaps(tab) {
  await tab.getByText('Maps before the run').click();
  await tab.locator('[name=maps]').fill('{ "blocklist": [{ "key": 1 }] }');
  await tab.waitForTimeout(300);
}

async function keepAsTest(tab) {
  await run(tab);
  await tab.getByRole('button', { name: 'Keep as Test' }).click();
  await tab.waitForTimeout(400);
}

async function runAndOpenLog(tab) {
  await run(tab);
  await tab.getByText('Verifier log').click();
  await tab.waitForTimeout(200);
}

async function runAndOpenOutput(tab) {
  await run(tab);
  await tab.getByText('Output packet').click();
  await tab.waitForTimeout(200);
}

/** A checksum by hand, a value that does not fit, and a field that is pointed at. */
async function editByHand(tab) {
  await tab.getByLabel('Checksum', { exact: true }).first().fill('0xdead');
  await tab.getByLabel('Time to live', { exact: true }).fill('300');
  await tab.getByLabel('Total length', { exact: true }).focus();
  await tab.waitForTimeout(300);
}

async function ipv6(tab) {
  await tab.getByLabel('Templates').selectOption({ label: 'IPv6: TCP SYN to port 80' });
  await tab.getByRole('button', { name: /^Ethernet/ }).click();
  await tab.waitForTimeout(300);
}

async function shorten(tab) {
  await tab.getByLabel('Scapy expression').fill('Raw(b"hi")');
  await tab.locator('[name=rxQueue]').fill('2');
  await tab.locator('[name=metadata]').fill('010203');
  await tab.waitForTimeout(300);
}

async function showIdle(tab) {
  await tab
    .getByRole('button', { name: /idle CPUs/ })
    .first()
    .click();
  await tab.waitForTimeout(300);
}

async function showIdleRight(tab) {
  await showIdle(tab);
  await tab.locator('.scroller').evaluate((element) => element.scrollTo(9000, 0));
  await tab.waitForTimeout(300);
}

async function sortByRate(tab) {
  await tab.getByRole('button', { name: '/s' }).first().click();
  await tab.waitForTimeout(900);
}

async function filterKeys(tab) {
  await tab.getByRole('searchbox').fill('saddr == 10.0.3.77');
  await tab.waitForTimeout(700);
}

async function scrollDown(tab) {
  await tab.locator('.scroller').evaluate((element) => element.scrollTo(0, 1e9));
  await tab.waitForTimeout(700);
}

async function unfold(tab) {
  await tab.locator('tr[data-key="2 XDP_PASS"] .fold').click();
  await tab.waitForTimeout(600);
}

async function openActions(tab) {
  await tab.locator('tr[data-key="1 XDP_DROP"] th').click();
  await tab.getByRole('button', { name: 'More…' }).click();
  await tab.waitForTimeout(300);
}

/** Zoomed and paused by keys, with the ring around it. */
async function plotByKeys(tab) {
  await plotRows(tab);
  const plot = tab.getByRole('application');
  await plot.focus();
  for (const key of ['+', '+', '+', '+', 'ArrowLeft', 'Space']) await tab.keyboard.press(key);
  await tab.waitForTimeout(300);
}

async function plotRows(tab) {
  await tab.locator('tr[data-key="1 XDP_DROP"] th').click();
  await tab.keyboard.press('Space');
  await tab.keyboard.press('ArrowDown');
  await tab.keyboard.press('Space');
  await tab.waitForTimeout(4000);
}

async function editRow(tab) {
  await tab.locator('tr[data-key="1 XDP_DROP"] td[data-column=sum]').first().dblclick();
  await tab.waitForTimeout(300);
}

async function editCell(tab) {
  await tab.getByRole('button', { name: 'Pause' }).click();
  await tab.locator('tr[data-key="1 XDP_DROP"] td[data-cpu="0"]').first().dblclick();
  await tab.keyboard.type('many');
  await tab.keyboard.press('Enter');
  await tab.waitForTimeout(300);
}

async function addEntry(tab) {
  await tab.getByRole('button', { name: 'More…' }).click();
  await tab.getByRole('menuitem', { name: 'Add Entry…' }).click();
  await tab.getByLabel('saddr').fill('10.0.0.300');
  await tab.getByRole('button', { name: 'Add', exact: true }).click();
  await tab.waitForTimeout(300);
}

async function refusedEdit(tab) {
  await tab.locator('tbody td[data-column=value]').nth(0).dblclick();
  await tab.keyboard.type('7');
  await tab.keyboard.press('Enter');
  await tab.waitForTimeout(600);
}

async function allColumns(tab) {
  await tab.getByRole('button', { name: 'Columns' }).click();
  await tab.getByRole('menuitemcheckbox', { name: 'Change since' }).click();
  await tab.getByRole('menuitemcheckbox', { name: 'Min, max' }).click();
  await tab.waitForTimeout(1200);
}

async function filterWrong(tab) {
  await tab.getByRole('searchbox').fill('packets >');
  await tab.waitForTimeout(700);
}

async function showPicture(tab) {
  await tab.getByRole('button', { name: 'Header picture' }).click();
  await tab.getByRole('button', { name: /^Time to live/ }).click();
  await tab.waitForTimeout(300);
}

function chooseTest(at) {
  return async (tab) => {
    await tab.locator('xdp-test-list li').nth(at).click();
    await tab.waitForTimeout(300);
  };
}

async function makeSweep(tab) {
  await tab.getByRole('button', { name: 'Sweep…' }).click();
  await tab.getByRole('button', { name: /^Make 64/ }).click();
  await tab.waitForTimeout(300);
}

async function openPaste(tab) {
  await tab.getByRole('button', { name: 'Paste…' }).click();
  await tab.getByRole('textbox', { name: 'Packets as text' }).fill('0000  45 00 zz');
  await tab.getByRole('button', { name: 'Read' }).click();
  await tab.waitForTimeout(300);
}

async function asRecord(tab) {
  await tab.getByLabel('Show as').selectOption({ label: 'struct datarec (16 bytes)' });
  await tab.waitForTimeout(400);
}

async function snapshots(tab) {
  await tab.getByRole('button', { name: 'More…' }).click();
  await tab.getByRole('menuitem', { name: 'Take Snapshot' }).click();
  await tab.waitForTimeout(700);
  await tab.getByRole('button', { name: 'Take Snapshot' }).click();
  await tab.waitForTimeout(400);
}
