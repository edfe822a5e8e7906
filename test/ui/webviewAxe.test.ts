import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from '../../extension/build/paths.mjs';

/** Scenes of the harness that between them show every part of a view. */
const views: Record<string, string[]> = {
  'the map view': [
    'maps-unfolded-side',
    'maps-columns',
    'maps-plot-light',
    'maps-plot-keys-side',
    'maps-edit-form',
    'maps-add',
    'maps-refused',
    'maps-events',
    'maps-snapshots',
    'maps-unused-side',
  ],
  'the verifier view': [
    'verifier-dark',
    'verifier-rejected-light',
    'verifier-calls',
    'verifier-branch',
    'verifier-filter',
  ],
  'the packet panel': ['packet-wide-dark', 'packet-failed', 'packet-noprogram'],
  'the packet builder': ['tests-picture-dark', 'tests-mistake', 'tests-sweep', 'tests-paste'],
};

for (const [view, scenes] of Object.entries(views)) {
  describe(`${view} by axe-core`, () => {
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
}
