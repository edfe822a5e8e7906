import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';

describe('a plot of map rows', () => {
  it('is zoomed, moved, paused and read by the keyboard alone', function () {
    this.timeout(180_000);
    const harness = path.join(root, 'test/ui/webviewHarness.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [harness, 'plot'], { encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
});
