import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';

describe('the webviews', () => {
  it('show HTML in names, messages, logs and maps as the text that it is', () => {
    const harness = path.join(root, 'test/ui/webviewHarness.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [harness, 'hostile'], { encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /^\d pages checked, 0 problems$/m);
  });
});
