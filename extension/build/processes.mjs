import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { UserError } from './terminal.mjs';

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] the whole environment; default: this process's
 * @property {number} [timeoutMs] after which the command and what it started is ended
 * @property {'inherit' | 'ignore'} [stdin] default `ignore`
 *
 * @typedef {{ code: number; stdout: string; stderr: string }} Captured
 */

/**
 * Runs a command with its output on this terminal. Returns its exit status; 124 when it took too long.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<number>}
 */
export function runStatus(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    // A group of its own, so that a command that takes too long ends with everything it started. Not for commands
    // that may ask on the terminal: a background group would be stopped for reading it.
    const grouped = options.timeoutMs !== undefined;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.stdin ?? 'ignore', 'inherit', 'inherit'],
      detached: grouped,
    });
    let timedOut = false;
    const timer = grouped
      ? setTimeout(() => {
          timedOut = true;
          endGroup(child.pid, 'SIGKILL');
        }, options.timeoutMs)
      : undefined;
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(timedOut ? 124 : (code ?? (signal === null ? 1 : 128)));
    });
  });
}

/**
 * Like `runStatus`, but a failure is an error that says which command failed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export async function run(command, args, options = {}) {
  const status = await runStatus(command, args, options);
  if (status === 0) return;
  throw new UserError(`This command failed (exit status ${status}):\n    ${[command, ...args].join(' ')}`);
}

/**
 * Runs a command and keeps its output. A command that is not there has code 127.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Captured>}
 */
export function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: String(error) }));
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/**
 * Where a command is, looked for on PATH and in the administrator's folders, which Debian leaves out of a user's PATH.
 * @param {string} command
 * @returns {string | undefined}
 */
export function findCommand(command) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const file = path.join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      if (folder !== '' && statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * Ends a process group that this process made. Quiet when it is gone already.
 * @param {number | undefined} pid
 * @param {NodeJS.Signals} signal
 */
export function endGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}
