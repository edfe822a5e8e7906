#!/usr/bin/env node
/**
 * `npm run test:electron`: the same tests as `npm run test:host`, in a desktop VS Code that @vscode/test-electron
 * downloads. For networks that reach it; needs a screen (or `xvfb-run`).
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { root } from '../../extension/build/paths.mjs';
import { runMain, UserError } from '../../extension/build/terminal.mjs';
import { conclude } from '../support/vscodeRun.mjs';
import { bundleHostTests, consumer } from './harness/bundle.mjs';

await runMain(async () => {
  const { entry, results } = await bundleHostTests();
  const home = mkdtempSync(path.join(tmpdir(), 'xdp-electron-test-'));
  try {
    const folder = path.join(home, 'examples');
    // Without the packet tests: a workspace that has some activates the extension, and tests look at that themselves.
    cpSync(path.join(root, 'bpf/examples'), folder, {
      recursive: true,
      filter: (file) => !file.endsWith('.xdptest.json'),
    });
    await runTests({
      version: process.env.XDP_TEST_VSCODE_VERSION ?? 'stable',
      extensionDevelopmentPath: [root, consumer.folder],
      extensionTestsPath: entry,
      launchArgs: [
        folder,
        `--user-data-dir=${path.join(home, 'data')}`,
        `--extensions-dir=${path.join(home, 'extensions')}`,
        '--disable-workspace-trust',
        '--skip-welcome',
        '--disable-gpu',
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ],
    }).catch((error) => {
      // The results file says what failed. This is for when VS Code itself could not be had.
      if (/ENOTFOUND|ECONN|EAI_AGAIN|ETIMEDOUT|fetch|request/i.test(String(error)))
        throw new UserError(`VS Code could not be downloaded: ${String(error)}\nUse \`npm run test:host\` instead.`);
    });
    conclude('electron', results);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
