import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type App, launchApp } from './driver.ts';
import { until } from './driverWaits.ts';

describe('the lab', () => {
  let app: App;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'xdp-lab-'));
    writeFileSync(path.join(folder, 'notes.txt'), 'A folder without any program.\n');
    app = await launchApp({ folder });
    await app.theme('dark');
  });

  after(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts with a chosen topology, traffic and rate, and stops without a trace', async () => {
    const namespaces = (): string => execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    assert.doesNotMatch(namespaces(), /^xdp-lab/m, 'somebody else’s lab is up');
    await app.command('XDP: Start Lab…');
    await app.screenshot('lab-1-topology');
    await app.pick('Client – router – server');
    await app.screenshot('lab-2-traffic');
    await app.pick('Everything there is');
    await app.pick('1000 packets a second');
    await app.notification(/The lab is up: attach to xdplabr0 @ xdp-lab-router, where 1000 packets a second arrive/);
    await app.screenshot('lab-3-up');
    assert.match(namespaces(), /xdp-lab-router/);
    await app.command('XDP: Stop Lab');
    await until('its end', async () => (/^xdp-lab/m.test(namespaces()) ? undefined : true));
  });
});
