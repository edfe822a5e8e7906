/** Is a plot of the map view used by the keyboard alone? Real keys, in the simulated host, whose counters rise by themselves. */
import assert from 'node:assert/strict';
import { launchChromium, serve } from './webviewHarnessServer.mjs';

/** Throws what is not as it should be. */
export async function plotByKeys() {
  const server = await serve(0);
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage({ viewport: { width: 900, height: 700 } });
    tab.setDefaultTimeout(20_000);
    await tab.goto(`http://127.0.0.1:${server.address().port}/maps.html?scene=counter&theme=dark&lang=en`);
    const press = async (...keys) => {
      for (const key of keys) await tab.keyboard.press(key);
    };
    await tab.getByRole('treegrid').focus();
    await press('Control+Home', 'ArrowDown', 'Space', 'ArrowDown', 'Space');
    const plot = tab.getByRole('application', { name: /^Plot of rx_packets over time, per second, rows: 2\./ });
    await plot.waitFor();

    // By Tab alone, with a ring around it.
    for (let tabs = 0; tabs < 20 && !(await plot.evaluate(isFocused)); tabs++) await press('Tab');
    assert.ok(await plot.evaluate(isFocused), 'the plot is not reached by Tab');
    assert.ok(await plot.evaluate((place) => place.matches(':focus-visible')));
    assert.notEqual(await plot.evaluate((place) => getComputedStyle(place).outlineStyle), 'none');

    const shown = () => tab.locator('xdp-plot-pane').evaluate(({ plot: { scales } }) => [scales.x.min, scales.x.max]);
    const widthIs = async (wanted) => {
      await eventually(`${wanted} s`, async () => {
        const [from, to] = await shown();
        return Math.abs(to - from - wanted) < 0.01;
      });
    };
    const movesOn = async () => {
      const [, before] = await shown();
      await eventually('newer readings', async () => (await shown())[1] > before);
    };
    /** Two readings of the map later. */
    const staysStill = async () => {
      const before = await shown();
      const sum = tab.locator('tr[data-key="1 XDP_DROP"] td[data-column=sum]').first();
      for (let reading = 0; reading < 2; reading++) {
        const text = await sum.textContent();
        await eventually('a reading', async () => (await sum.textContent()) !== text);
      }
      assert.deepEqual(await shown(), before);
    };

    await widthIs(60);
    await press('+', '+', '=', '+', '+');
    await widthIs(60 / 32);
    // What ends at the newest reading goes on to.
    await movesOn();
    await eventually('more than is shown', async () => {
      const times = await tab.locator('xdp-plot-pane').evaluate(({ data }) => data.columns('rate')[0]);
      return times.at(-1) - times[0] > 60 / 16;
    });
    await press('Home');
    await eventually('the oldest', async () => {
      const first = await tab.locator('xdp-plot-pane').evaluate(({ data }) => data.columns('rate')[0][0]);
      return Math.abs((await shown())[0] - first) < 0.01;
    });
    await staysStill();
    const [oldest] = await shown();
    await press('ArrowRight');
    await eventually('a quarter on', async () => Math.abs((await shown())[0] - oldest - 60 / 128) < 0.01);
    await press('ArrowLeft');
    await eventually('a quarter back', async () => Math.abs((await shown())[0] - oldest) < 0.01);
    await tab
      .getByRole('status')
      .filter({ hasText: /^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/ })
      .waitFor({ state: 'attached' });
    await press('End');
    await movesOn();

    await press('Space');
    await tab.getByRole('button', { name: 'Resume Plot' }).waitFor();
    await staysStill();
    // Paused, it is zoomed all the same.
    await press('0');
    await widthIs(60);
    await staysStill();
    await press('-');
    await press('Space');
    await tab.getByRole('button', { name: 'Pause Plot' }).waitFor();
    await movesOn();

    // In words, with what the rows count.
    await eventually('a summary', async () =>
      /1 XDP_DROP: now [\d.,]+, between [\d.,]+ and [\d.,]+\. 2 XDP_PASS: now/.test(
        await plot.getAttribute('aria-label'),
      ),
    );
    // Each button by its own key.
    await press('0');
    await widthIs(60);
    for (const [name, width] of [
      ['Zoom In', 30],
      ['Zoom In', 15],
      ['Zoom Out', 30],
      ['Reset Zoom', 60],
    ]) {
      await tab.getByRole('button', { name }).focus();
      await press('Enter');
      await widthIs(width);
    }
    await tab.getByRole('button', { name: 'Pause Plot' }).focus();
    await press('Space');
    await tab.getByRole('button', { name: 'Resume Plot' }).waitFor();
  } finally {
    await browser.close();
    server.close();
  }
}

/** Runs in the page. */
function isFocused(place) {
  return place.getRootNode().activeElement === place;
}

async function eventually(what, isSo) {
  const end = Date.now() + 20_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `not seen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
