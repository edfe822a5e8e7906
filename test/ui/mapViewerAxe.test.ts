import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';

/** Scenes of the harness that between them show every part of the map view. */
const scenes = [
  'maps-unfolded-side',
  'maps-columns',
  'maps-plot-light',
  'maps-edit-form',
  'maps-add',
  'maps-refused',
  'maps-events',
  'maps-snapshots',
];

describe('the map view by axe-core', () => {
  for (const theme of ['dark', 'light', 'hcDark', 'hcLight']) {
    it(`has no violations in ${theme}`, () => {
      const harness = path.join(root, 'test/ui/webviewHarness.mjs');
      const { status, stdout, stderr } = spawnSync(process.execPath, [harness, 'axe', scenes.join(','), theme], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${stdout}\n${stderr}`);
      assert.match(stdout, new RegExp(`^${scenes.length} pages checked, 0 violations$`, 'm'));
    });
  }
});
