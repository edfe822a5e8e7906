/** How long a keystroke in a field takes to the bytes, in the packet panel and in the editor of test files. */
import { launchChromium, serve } from './webviewHarnessServer.mjs';

const pages = [
  { name: 'packet panel', view: 'packet', scene: 'packetPass' },
  { name: 'editor of packet tests', view: 'packetTests', scene: 'tests' },
];

/** @returns {Promise<{ name: string, medianMs: number, p95Ms: number, keys: number }[]>} */
export async function measureKeystrokes() {
  const server = await serve(0);
  const browser = await launchChromium();
  try {
    const { port } = server.address();
    const results = [];
    for (const { name, view, scene } of pages) {
      const tab = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
      await tab.goto(`http://127.0.0.1:${port}/${view}.html?scene=${scene}&theme=dark`);
      await tab.locator('xdp-layer-form[data-layer="IP"] xdp-field-input[data-field="ttl"] input').waitFor();
      const times = await tab.evaluate(typeAndWait, 300);
      const sorted = times.slice(20).sort((left, right) => left - right);
      const at = (share) => sorted[Math.floor(sorted.length * share)];
      results.push({ name, medianMs: at(0.5), p95Ms: at(0.95), keys: sorted.length });
    }
    return results;
  } finally {
    await browser.close();
    server.close();
  }
}

/** In the page: from the input event to the byte in the DOM, both by its clock. */
async function typeAndWait(keys) {
  const deep = (selector, root = document) => {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const element of root.querySelectorAll('*')) {
      const inner = element.shadowRoot ? deep(selector, element.shadowRoot) : null;
      if (inner) return inner;
    }
    return null;
  };
  const form = deep('xdp-layer-form[data-layer="IP"]');
  const input = deep('xdp-field-input[data-field="ttl"]', form.shadowRoot).shadowRoot.querySelector('input');
  const pane = deep('xdp-hex-pane').shadowRoot;
  const times = [];
  for (let key = 0; key < keys; key++) {
    const value = 1 + (key % 250);
    const wanted = value.toString(16).padStart(2, '0');
    const started = performance.now();
    input.value = String(value);
    input.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }));
    // The time to live is byte 22 of Ethernet and IPv4.
    while (pane.querySelector('#b22').textContent.trim() !== wanted) {
      if (performance.now() - started > 5000) throw new Error('the byte does not follow');
      await Promise.resolve();
    }
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return times;
}
