import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Outcome what one suite came to
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} tookMs
 * @property {readonly string[]} failures one line each
 * @property {readonly string[]} skips one line each
 */

/**
 * A command that is one check in itself.
 * @param {string} name
 * @param {number} status
 * @param {number} tookMs
 * @returns {Outcome}
 */
export function checkOutcome(name, status, tookMs) {
  const failures = status === 0 ? [] : [`${name}: ${describeStatus(status)}`];
  return { name, passed: status === 0 ? 1 : 0, failed: failures.length, skipped: 0, tookMs, failures, skips: [] };
}

/**
 * A suite that could not be run.
 * @param {string} name
 * @param {string} reason
 * @returns {Outcome}
 */
export function skippedOutcome(name, reason) {
  return { name, passed: 0, failed: 0, skipped: 1, tookMs: 0, failures: [], skips: [`${name}: ${reason}`] };
}

/**
 * A suite that wrote its results down. Its exit status and its results must agree: a suite that broke off, or that
 * ran nothing, has failed.
 * @param {string} name
 * @param {{ status: number, tookMs: number, file: string, read: (json: string) => Row[] }} run
 * @returns {Outcome}
 */
export function suiteOutcome(name, { status, tookMs, file, read }) {
  /** @type {Row[]} */
  let rows;
  try {
    rows = read(readFileSync(file, 'utf8'));
  } catch {
    rows = [];
  }
  const failures = rows.filter(({ state }) => state === 'failed').map(({ title }) => `${name}: ${title}`);
  const skips = rows.filter(({ state }) => state === 'skipped').map(({ title }) => `${name}: ${title}`);
  const passed = rows.filter(({ state }) => state === 'passed').length;
  if (rows.length === 0) failures.push(`${name}: it ran no test (${describeStatus(status)})`);
  else if (status !== 0 && failures.length === 0) failures.push(`${name}: ${describeStatus(status)}`);
  return { name, passed, failed: failures.length, skipped: skips.length, tookMs, failures, skips };
}

/**
 * Where everything that a suite needs is installed by its own set-up, a skip is a hole and counts as a failure.
 * @param {Outcome} outcome
 * @returns {Outcome}
 */
export function withoutSkips(outcome) {
  const failures = [...outcome.failures, ...outcome.skips.map((skip) => `${skip} (skipped)`)];
  return { ...outcome, failed: failures.length, skipped: 0, failures, skips: [] };
}

/** @typedef {{ title: string, state: 'passed' | 'failed' | 'skipped' }} Row */

/**
 * What test/host/run.mjs and test/ui/run.mjs leave.
 * @param {string} json
 * @returns {Row[]}
 */
export function readOwnRows(json) {
  return JSON.parse(json).tests;
}

/**
 * What vitest's JSON reporter leaves.
 * @param {string} json
 * @returns {Row[]}
 */
export function readVitestRows(json) {
  return JSON.parse(json).testResults.flatMap(readVitestFile);
}

/**
 * @param {{ name: string, status: string, assertionResults: { fullName: string, status: string }[] }} file
 * @returns {Row[]}
 */
function readVitestFile({ name, status, assertionResults }) {
  /** @type {Row[]} */
  const rows = assertionResults.map((test) => ({
    title: test.fullName,
    state: test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped',
  }));
  // A file that could not be loaded, or whose hooks failed, has no failed test of its own.
  if (status === 'failed' && !rows.some(({ state }) => state === 'failed')) rows.push({ title: name, state: 'failed' });
  return rows;
}

/** @param {number} status */
function describeStatus(status) {
  return status === 124 ? 'it took too long and was ended' : `exit status ${status}`;
}
