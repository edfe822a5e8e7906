#!/usr/bin/env node
/** What `npm test` needs beyond the checkout: system packages, npm packages, a VS Code, BPF sources. Done once, looked at each time. */
import { pathToFileURL } from 'node:url';
import { ensureCorpus } from './corpus.mjs';
import { ensureNpmPackages } from './npmPackages.mjs';
import { productRequirements, serverRequirements, testRequirements } from './requirements.mjs';
import { ensureSystemPackages } from './systemPackages.mjs';
import { runMain } from './terminal.mjs';
import { ensureVSCodeServer } from './vscodeInstall.mjs';

export async function setUpTests() {
  const yes = process.env.CI === 'true';
  await ensureSystemPackages([...productRequirements, ...serverRequirements, ...testRequirements], { yes });
  await ensureNpmPackages();
  await ensureVSCodeServer();
  await ensureCorpus();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await runMain(setUpTests);
