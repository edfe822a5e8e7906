import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { capabilitiesOfStatus } from '../system/capabilities.ts';
import type { LaunchEnd } from './failures.ts';
import type { LaunchAttempt, LaunchFacts } from './plan.ts';

const stderrKept = 16 * 1024;

/** A started attempt. */
export interface LaunchedProcess {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Settles when the process has ended or could not be started. Never rejects. */
  ended: Promise<Omit<LaunchEnd, 'cancelled'>>;
}

/** No shell here: the command is executed with these arguments and this environment, and nothing else. */
export function launch(
  attempt: LaunchAttempt,
  extraEnv: Readonly<Record<string, string>>,
  onLog: (line: string) => void,
): LaunchedProcess {
  const child = spawn(attempt.command, attempt.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...attempt.env, ...extraEnv },
    cwd: '/',
  });
  let stderr = '';
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-stderrKept);
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLog(line);
  });
  // The pipe of a process that has died: its end is reported by 'close'.
  child.stdin.on('error', () => {});
  const ended = new Promise<Omit<LaunchEnd, 'cancelled'>>((resolve) => {
    child.once('error', (error) => resolve({ exitCode: undefined, signal: null, stderr: error.message }));
    child.once('close', (exitCode, signal) => {
      if (rest !== '') onLog(rest);
      resolve({ exitCode, signal, stderr });
    });
  });
  return { child, ended };
}

/** What planLaunch() asks about this process and machine. */
export function launchFacts(canAsk: boolean, adminInstall: LaunchFacts['adminInstall']): LaunchFacts {
  return {
    uid: process.getuid?.() ?? -1,
    gid: process.getgid?.() ?? -1,
    capabilities: effectiveCapabilities(),
    canAsk,
    adminInstall,
    hasCommand: (name) => commandPaths.some((directory) => isExecutable(join(directory, name))),
    env: process.env,
  };
}

const commandPaths = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/run/wrappers/bin'];

function effectiveCapabilities(): string[] {
  try {
    return capabilitiesOfStatus(readFileSync('/proc/self/status', 'utf8'), 'CapEff');
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
