#!/usr/bin/env node
/**
 * `npm run pictures`: the pictures of the documents, as the browser tests of today see the product. Packages are made
 * before: `npm run build && npm run package`.
 */
import { copyFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { artifacts, root } from '../../extension/build/paths.mjs';
import { run } from '../../extension/build/processes.mjs';
import { runMain, say } from '../../extension/build/terminal.mjs';
import { pictures } from './pictureList.mjs';

await runMain(async () => {
  const files = [...new Set(pictures.map(({ test }) => test))].map((test) => `--file=${test}`);
  await run(process.execPath, ['test/ui/run.mjs', ...files], { cwd: root, env: { ...process.env, XDP_FILM: 'yes' } });
  for (const { picture, from } of pictures) {
    const target = path.join(root, 'docs/images', picture);
    copyFileSync(path.join(artifacts, from), target);
    say(`docs/images/${picture}  ${Math.round(statSync(target).size / 1024)} KB`);
  }
});
