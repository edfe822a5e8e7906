/** What the live map view costs, by Chromium's own trace: 100,000 rows on 128 CPUs, ten readings a second. */
import { launchChromium, serve } from './webviewHarnessServer.mjs';

/** What the page's main thread does for an update: script, style and layout. */
const scriptEvents = new Set([
  'EvaluateScript',
  'FunctionCall',
  'TimerFire',
  'FireAnimationFrame',
  'RunMicrotasks',
  'HandlePostMessage',
  'EventDispatch',
  'V8.GC_SCAVENGER',
  'MajorGC',
  'MinorGC',
]);
const layoutEvents = new Set(['UpdateLayoutTree', 'Layout', 'ScheduleStyleRecalculation', 'PrePaint']);

/** So many pages are opened one after the other, and the first of them is not counted: a panel opens in a browser that has long run. */
const openings = 10;

/**
 * So long the window is open before the page: until then Chromium loads what belongs to its window, on the same cores, and says nothing
 * when it has. A panel opens in a window that was there.
 */
const windowMs = 1000;

/**
 * Times are processor time of the page's main thread, but for those with wall in their names, the period and the first rows. The
 * host that the page talks to runs in another thread, so nothing of it is in there.
 *
 * @returns {Promise<{ updates: number, p50Ms: number, p95Ms: number, wallP50Ms: number, wallP95Ms: number, periodMs: number,
 *   longestScrollTaskMs: number, firstRowsMs: number, rowsInPage: number, cellsInPage: number }>}
 */
export async function traceMaps({ seconds = 8 } = {}) {
  const server = await serve(0);
  const browser = await launchChromium();
  try {
    const { port } = server.address();
    const origin = `http://127.0.0.1:${port}`;
    const first = [];
    for (let opening = 0; opening < openings; opening++) {
      const { context, firstRowsMs } = await openMaps(browser, origin);
      if (opening > 0) first.push(firstRowsMs);
      await context.close();
    }
    const { context, tab } = await openMaps(browser, origin);
    await tab.getByLabel('Read every').selectOption('100');
    await tab.waitForTimeout(1000);
    const live = await traced(context, tab, () => tab.waitForTimeout(seconds * 1000));
    const costs = perUpdate(live);
    const scrolling = await traced(context, tab, () => scroll(tab));
    const counts = await tab.evaluate(() => {
      const view = document.querySelector('xdp-maps-view')?.shadowRoot?.querySelector('xdp-live-maps')?.shadowRoot;
      const table = view?.querySelector('xdp-map-table')?.shadowRoot;
      return {
        rowsInPage: table?.querySelectorAll('tbody tr').length ?? 0,
        cellsInPage: table?.querySelectorAll('tbody td').length ?? 0,
      };
    });
    const share = (kind, part) => {
      const sorted = costs.map((cost) => cost[kind]).sort((a, b) => a - b);
      return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
    };
    return {
      updates: costs.length,
      p50Ms: share('costMs', 0.5),
      p95Ms: share('costMs', 0.95),
      wallP50Ms: share('wallMs', 0.5),
      wallP95Ms: share('wallMs', 0.95),
      periodMs: costs.reduce((sum, { periodMs }) => sum + periodMs, 0) / costs.length,
      longestScrollTaskMs: Math.max(0, ...mainTasks(scrolling).map(({ tdur = 0 }) => tdur / 1000)),
      firstRowsMs: first.sort((a, b) => a - b)[Math.floor(first.length / 2)],
      ...counts,
    };
  } finally {
    await browser.close();
    server.close();
  }
}

/**
 * A page of its own, with nothing of it in memory, and how long it took from its HTML to the first frame after the one that has rows
 * with their numbers. Its window and its host are there before it.
 */
async function openMaps(browser, origin) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  await (await context.newPage()).goto(`${origin}/host.html`);
  const tab = await context.newPage();
  await tab.addInitScript(() => {
    const look = () => {
      const view = document.querySelector('xdp-maps-view')?.shadowRoot?.querySelector('xdp-live-maps')?.shadowRoot;
      const cells = view?.querySelector('xdp-map-table')?.shadowRoot?.querySelectorAll('tbody td') ?? [];
      if (![...cells].some(({ textContent }) => textContent !== '')) return requestAnimationFrame(look);
      const [{ responseEnd }] = performance.getEntriesByType('navigation');
      console.debug(`xdp-first-rows ${performance.now() - responseEnd}`);
    };
    requestAnimationFrame(look);
  });
  await tab.waitForTimeout(windowMs);
  // Told by the page itself: asking it would run scripts of the asker in it meanwhile.
  const said = tab.waitForEvent('console', (message) => message.text().startsWith('xdp-first-rows'));
  await tab.goto(`${origin}/maps.html?scene=huge&theme=dark`);
  const firstRowsMs = Number((await said).text().split(' ')[1]);
  return { context, tab, firstRowsMs };
}

async function scroll(tab) {
  await tab.mouse.move(600, 400);
  for (let step = 0; step < 60; step++) {
    await tab.mouse.wheel(step % 10 === 9 ? 200 : 0, step < 40 ? 900 : -2400);
    await tab.waitForTimeout(30);
  }
}

async function traced(context, tab, work) {
  const session = await context.newCDPSession(tab);
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const done = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: [
        'devtools.timeline',
        'toplevel',
        'blink.user_timing',
        'disabled-by-default-devtools.timeline',
      ],
    },
  });
  await work();
  await session.send('Tracing.end');
  await done;
  await session.detach();
  return events;
}

/**
 * What was busy with script and layout between one reading and the next, on the thread that makes the marks: its processor time,
 * which other processes of the machine do not change, and beside it the time that went by.
 */
function perUpdate(events) {
  const marks = events.filter(({ name }) => name === 'xdp-update').sort((a, b) => a.ts - b.ts);
  const [{ pid, tid } = {}] = marks;
  const busy = events
    .filter((event) => event.pid === pid && event.tid === tid && event.dur > 0)
    .filter(({ name }) => scriptEvents.has(name) || layoutEvents.has(name))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const outer = [];
  for (const event of busy) {
    const last = outer.at(-1);
    // What happens inside of another one is counted with it.
    if (last === undefined || event.ts >= last.ts + last.dur) outer.push(event);
  }
  return marks.slice(0, -1).map(({ ts: from }, at) => {
    const to = marks[at + 1].ts;
    const own = outer.filter(({ ts }) => ts >= from && ts < to);
    const total = (kind) => own.reduce((sum, event) => sum + (event[kind] ?? 0), 0) / 1000;
    return { costMs: total('tdur'), wallMs: total('dur'), periodMs: (to - from) / 1000 };
  });
}

function mainTasks(events) {
  const [{ pid, tid } = {}] = events.filter(({ name }) => name === 'xdp-update');
  return events.filter((event) => event.pid === pid && event.tid === tid && event.name === 'RunTask' && event.dur > 0);
}
