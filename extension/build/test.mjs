#!/usr/bin/env node
/**
 * `npm test`: its own set-up, then everything. All suites run even when one fails. The last line is
 * `N passed, N failed, N skipped`.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { artifacts, cache, root } from './paths.mjs';
import { capture, runStatus } from './processes.mjs';
import { setUpTests } from './setup.mjs';
import { heading, say, UserError } from './terminal.mjs';
import {
  checkOutcome,
  readOwnRows,
  readVitestRows,
  skippedOutcome,
  suiteOutcome,
  withoutSkips,
} from './testResults.mjs';

/** @typedef {import('./testResults.mjs').Outcome} Outcome */

const minute = 60_000;
const results = path.join(artifacts, 'results');
const bin = path.join(root, 'node_modules/.bin');

/** Each is one check. */
const checks = [
  { name: 'types', command: [path.join(bin, 'tsc'), '-b', '--pretty', 'false'] },
  {
    name: 'lint',
    command: [path.join(bin, 'oxlint'), '--type-aware', '--deny-warnings', 'extension', 'webview', 'test'],
  },
  { name: 'format', command: [path.join(bin, 'biome'), 'format'] },
  { name: 'build', command: [process.execPath, 'extension/build/bundle.mjs'] },
  { name: 'package', command: [process.execPath, 'extension/build/package.mjs', '--twice'] },
];

/** `privileged`: needs root, and leaves no excuse to skip where the machine is ours. */
const suites = [
  { name: 'unit', command: vitest('unit'), read: readVitestRows, privileged: false, limitMs: 16 * minute },
  { name: 'kernel', command: vitest('kernel'), read: readVitestRows, privileged: true, limitMs: 16 * minute },
  { name: 'host', command: ['test/host/run.mjs'], read: readOwnRows, privileged: true, limitMs: 10 * minute },
  { name: 'ui', command: ['test/ui/run.mjs'], read: readOwnRows, privileged: true, limitMs: 18 * minute },
];

/** @param {string} project */
function vitest(project) {
  const file = path.join(results, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  return ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...reporters];
}

async function main() {
  rmSync(artifacts, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  /** @type {Outcome[]} */
  const outcomes = [];
  heading('set-up');
  try {
    await setUpTests();
  } catch (error) {
    say(error instanceof UserError ? error.message : String(error instanceof Error ? error.stack : error));
    return conclude([checkOutcome('set-up', 1, 0)]);
  }
  for (const { name, command } of checks) outcomes.push(await runCheck(name, command));
  const prefix = await findPrivilege();
  for (const suite of suites) outcomes.push(await runSuite(suite, prefix));
  conclude(outcomes);
}

/**
 * @param {string} name
 * @param {readonly string[]} command
 */
async function runCheck(name, [file = '', ...args]) {
  heading(name);
  const startedMs = Date.now();
  const status = await runStatus(file, args, { cwd: root, timeoutMs: 5 * minute });
  return checkOutcome(name, status, Date.now() - startedMs);
}

/**
 * @param {typeof suites[number]} suite
 * @param {readonly string[] | undefined} prefix
 * @returns {Promise<Outcome>}
 */
async function runSuite({ name, command, read, privileged, limitMs }, prefix) {
  heading(name);
  if (privileged && prefix === undefined) {
    const reason = 'it needs root, and sudo would ask for a password';
    say(`Skipped: ${reason}.`);
    return strict(skippedOutcome(name, reason));
  }
  const [file = '', ...args] = [...(privileged ? (prefix ?? []) : []), process.execPath, ...command];
  const startedMs = Date.now();
  const status = await runStatus(file, args, { cwd: root, timeoutMs: limitMs });
  const tookMs = Date.now() - startedMs;
  if (privileged) await giveBack(prefix ?? []);
  const outcome = suiteOutcome(name, { status, tookMs, file: path.join(results, `${name}.json`), read });
  return privileged ? strict(outcome) : outcome;
}

/** @param {Outcome} outcome */
function strict(outcome) {
  return process.env.CI === 'true' ? withoutSkips(outcome) : outcome;
}

/**
 * What starts a command as root: nothing when this is root, undefined when it cannot be done without asking.
 * @returns {Promise<readonly string[] | undefined>}
 */
async function findPrivilege() {
  if (process.getuid?.() === 0) return [];
  if ((await capture('sudo', ['-n', '--', 'true'])).code !== 0) return undefined;
  const kept = ['PATH', 'HOME', 'CI', 'XDG_CACHE_HOME', 'XDP_VSCODE_CACHE', 'XDP_TEST_BROWSER'];
  const environment = kept.flatMap((name) => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`]));
  return ['sudo', '-n', '--', 'env', ...environment];
}

/**
 * Files that a suite wrote as root belong to whoever runs the tests.
 * @param {readonly string[]} prefix
 */
async function giveBack(prefix) {
  const [file, ...args] = prefix;
  const owner = `${process.getuid?.()}:${process.getgid?.()}`;
  if (file !== undefined) await capture(file, [...args, 'chown', '-R', owner, artifacts, cache]);
}

/** @param {readonly Outcome[]} outcomes */
function conclude(outcomes) {
  heading('summary');
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, passed, failed, skipped, tookMs } of outcomes) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    const seconds = `${(tookMs / 1000).toFixed(1)} s`;
    say(`${name.padEnd(8)} ${seconds.padStart(8)}  ${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
  for (const skip of outcomes.flatMap(({ skips }) => skips)) say(`  - ${skip}`);
  for (const failure of outcomes.flatMap(({ failures }) => failures)) say(`  ✗ ${failure}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
  say(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
}

await main();
