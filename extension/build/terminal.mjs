import { createInterface } from 'node:readline/promises';

/** A failure that the person at the terminal can act on: printed as it is, without a stack. */
export class UserError extends Error {
  /** @override */
  name = 'UserError';
}

/** @param {string} text */
export function say(text) {
  process.stdout.write(`${text}\n`);
}

/** A heading between the parts of a long run. @param {string} title */
export function heading(title) {
  say(`\n── ${title}`);
}

/** Somebody is there who can answer. */
export const interactive = Boolean(process.stdin.isTTY && process.stdout.isTTY);

/**
 * Asks a yes/no question; Enter means yes.
 * @param {string} question
 */
export async function confirm(question) {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = (await lines.question(`${question} [Y/n] `)).trim().toLowerCase();
    return answer === '' || answer === 'y' || answer === 'yes';
  } finally {
    lines.close();
  }
}

/**
 * Runs a script's main function: expected failures become one message and exit status 1.
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    requireNode();
    await main();
  } catch (error) {
    process.exitCode = 1;
    const text = error instanceof UserError ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`\n${text}\n`);
  }
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 20) return;
  throw new UserError(`Node ${process.versions.node} is too old: this project needs Node 20 or newer.`);
}
