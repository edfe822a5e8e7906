import { readdirSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';
import { elevationSetting } from '../elevation.ts';
import type { LaunchAttempt } from './plan.ts';
import { launchExit } from './script.ts';
import { adminExit } from './adminInstall.ts';
import { processOf } from './netns.ts';

/** How an attempt ended before the helper said hello. */
export interface LaunchEnd {
  /** undefined when the program could not be started at all. */
  exitCode: number | null | undefined;
  signal: string | null;
  stderr: string;
  /** The user was asked for a password and gave none. */
  cancelled: boolean;
}

/** What to make of it: the next attempt, or an error. */
export function judge(attempt: LaunchAttempt, end: LaunchEnd, netns: string | undefined): 'next' | XdpError {
  if (end.exitCode === launchExit.noSuchNetns) return noSuchNetns(netns ?? '');
  if (end.exitCode === launchExit.noSetpriv || end.exitCode === launchExit.noNsenter) {
    return new XdpError('environment', `The helper could not be started: ${lastLine(end.stderr)}`, {
      fix: 'Install it: sudo apt install util-linux',
    });
  }
  switch (attempt.kind) {
    case 'admin':
      if (end.exitCode === adminExit.refused)
        return refused(`The administrator’s install refused: ${lastLine(end.stderr)}`);
      // Not a member of the group, or no rule for it: the usual ways are left.
      return sudoRefusal(end) === undefined ? startFailure(end) : 'next';
    case 'sudo':
      if (/password is required|terminal is required|no tty present/.test(end.stderr)) return 'next';
      return sudoRefusal(end) ?? startFailure(end);
    case 'sudo-askpass':
      if (end.cancelled) return refused('You gave no password, so the helper was not started');
      return sudoRefusal(end) ?? startFailure(end);
    case 'pkexec':
      // pkexec(1): 126 the user dismissed the dialog, 127 not authorised or no authentication agent.
      if (end.exitCode === 126)
        return refused('The authentication dialog was dismissed, so the helper was not started');
      if (end.exitCode === 127) return refused(`pkexec did not authorise the helper: ${lastLine(end.stderr)}`);
      return startFailure(end);
    case 'direct':
    case 'root':
      return startFailure(end);
  }
}

/** After the last attempt: every way wanted a password that nobody could give. */
export function passwordNeeded(): XdpError {
  return new XdpError(
    'privilege',
    'The helper needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON to load and attach programs; sudo wants a password to give them, and there is no way to ask for it here',
    {
      fix: `Run as root, run sudo -v first, or choose pkexec as ${elevationSetting} in a graphical session.`,
      details: { capability: 'CAP_BPF' },
    },
  );
}

export function noSuchNetns(netns: string): XdpError {
  const pid = processOf(netns);
  if (pid !== undefined) {
    return new XdpError('netns-not-found', `There is no process ${pid} whose network namespace could be entered`, {
      fix: 'Look for its number again (pgrep NAME; docker inspect -f {{.State.Pid}} CONTAINER).',
      details: { netns },
    });
  }
  const names = netnsNames();
  return new XdpError('netns-not-found', `There is no network namespace named ${netns}`, {
    fix:
      names.length === 0 ? 'There are none with names; ip netns add NAME makes one.' : `There are: ${names.join(', ')}`,
    details: { netns, names },
  });
}

/** Where ip-netns(8) keeps names; undefined when that cannot be read. */
export function netnsNames(): string[] {
  try {
    return readdirSync('/run/netns').sort();
  } catch {
    return [];
  }
}

function sudoRefusal(end: LaunchEnd): XdpError | undefined {
  if (!/^sudo: |incorrect password|not in the sudoers|is not allowed to/m.test(end.stderr)) return undefined;
  return refused(`sudo did not start the helper: ${lastLine(end.stderr)}`);
}

function refused(message: string): XdpError {
  return new XdpError('elevation-refused', message, {
    fix: `Try again, or choose another ${elevationSetting}.`,
  });
}

/** Where to find more than the last line. */
export const whatItWrote = 'The output channel holds everything that it wrote; in the terminal, XDP_DEBUG=1 shows it.';

function startFailure(end: LaunchEnd): XdpError {
  return new XdpError('helper-died', `The kernel helper did not start: ${describeEnd(end)}`, {
    fix: whatItWrote,
  });
}

export function describeEnd(end: Pick<LaunchEnd, 'exitCode' | 'signal' | 'stderr'>): string {
  const said = lastLine(end.stderr);
  const how =
    end.signal !== null
      ? `it was killed by ${end.signal}`
      : end.exitCode === undefined
        ? 'it could not be run'
        : `it ended with code ${end.exitCode}`;
  return said === '' ? how : `${how} (${said})`;
}

/** The last line that tells something: an uncaught error of Node ends with its stack and Node's version. */
function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '' && !/^(at .+|Node\.js v[\d.]+|[{}\]]+)$/.test(line)) ?? '';
}
