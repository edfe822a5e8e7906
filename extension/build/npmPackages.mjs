import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './paths.mjs';
import { run } from './processes.mjs';
import { say } from './terminal.mjs';

/** `npm ci`, unless what package-lock.json asks for is there already. */
export async function ensureNpmPackages() {
  if (isInstalled()) return;
  say('Installing the npm packages (npm ci) …');
  await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root });
}

function isInstalled() {
  const wanted = readPackages('package-lock.json');
  // npm's own record of what it installed.
  const installed = readPackages('node_modules/.package-lock.json');
  return (
    wanted !== undefined &&
    installed !== undefined &&
    Object.entries(wanted).every(
      // Optional ones are for other systems; the root itself is not in npm's record.
      ([name, { version, optional }]) => name === '' || optional || installed[name]?.version === version,
    )
  );
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}
