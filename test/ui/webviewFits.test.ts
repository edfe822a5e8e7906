import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';

describe('the webviews', () => {
  it('have room for every text in both languages, in a side bar and in an editor', function () {
    // Half a minute for fifty pages, and a machine may be busy.
    this.timeout(300_000);
    const harness = path.join(root, 'test/ui/webviewHarness.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [harness, 'fits'], { encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /^\d\d pages checked, 0 problems$/m);
  });
});
