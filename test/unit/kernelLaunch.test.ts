import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { libbpfFix } from '../../extension/kernel/ffi/library.ts';
import { describeEnd, judge, type LaunchEnd, passwordNeeded } from '../../extension/kernel/launch/failures.ts';
import {
  type Elevation,
  type LaunchAttempt,
  type LaunchFacts,
  planLaunch,
} from '../../extension/kernel/launch/plan.ts';
import type { AdminInstall } from '../../extension/kernel/launch/adminInstall.ts';
import { launchExit, launchScript, scriptCommand } from '../../extension/kernel/launch/script.ts';
import {
  type HelperProfile,
  capabilitiesOfMask,
  capabilitiesOfStatus,
} from '../../extension/kernel/system/capabilities.ts';
import { parseCpuList } from '../../extension/kernel/system/cpus.ts';
import { parseTrace, tracefsCapture } from '../../extension/kernel/system/tracefs.ts';
import { isNetns, isNetnsName, netnsPath } from '../../extension/kernel/launch/netns.ts';

const own = ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'];
const full = ['CAP_SETPCAP', ...own, 'CAP_SYS_ADMIN'];

interface Case {
  uid?: number;
  caps?: string[];
  profile?: HelperProfile;
  elevation?: Elevation;
  netns?: string;
  commands?: string[];
  canAsk?: boolean;
  display?: boolean;
  admin?: AdminInstall;
}
function plan(one: Case): LaunchAttempt[] {
  const facts: LaunchFacts = {
    uid: one.uid ?? 1000,
    gid: 1000,
    capabilities: one.caps ?? [],
    canAsk: one.canAsk ?? false,
    adminInstall: one.admin,
    hasCommand: (name) => (one.commands ?? ['sudo', 'pkexec']).includes(name),
    env: { ...(one.display === true ? { DISPLAY: ':0' } : {}), NODE_OPTIONS: '--inspect', LD_PRELOAD: 'x' },
  };
  return planLaunch(
    {
      profile: one.profile ?? 'own',
      netns: one.netns,
      elevation: one.elevation ?? 'auto',
      execPath: '/usr/bin/node',
      helperPath: '/x/helper.js',
    },
    facts,
  );
}

test.for<[string, Case, string[] | string]>([
  ['root', { uid: 0, caps: full }, ['root']],
  ['root of a container', { uid: 0, caps: ['CAP_SETPCAP', 'CAP_NET_ADMIN'] }, ['direct']],
  ['root of a container, namespace', { uid: 0, caps: own, netns: 'a' }, 'privilege'],
  ['root, whatever the setting', { uid: 0, caps: full, elevation: 'none', netns: 'a' }, ['root']],
  ['capable', { caps: own }, ['direct']],
  ['capable for own, not for system', { caps: own, profile: 'system' }, ['sudo']],
  ['capable, but another namespace', { caps: own, netns: 'a' }, ['sudo']],
  ['auto', {}, ['sudo']],
  ['an install for a group', { admin: { kind: 'ready', command: '/opt/x/xdp-helper' } }, ['admin', 'sudo']],
  [
    'machine code is not for a group',
    { admin: { kind: 'ready', command: '/opt/x/xdp-helper' }, profile: 'code' },
    ['sudo'],
  ],
  ['an install of another version', { admin: { kind: 'other-version', version: '0' } }, ['sudo']],
  ['an install that somebody can change', { admin: { kind: 'untrusted', why: 'x' } }, 'elevation-refused'],
  ['root needs no install', { uid: 0, caps: full, admin: { kind: 'untrusted', why: 'x' } }, ['root']],
  ['auto, can ask', { canAsk: true }, ['sudo', 'sudo-askpass']],
  ['auto, graphical', { canAsk: true, display: true }, ['sudo', 'sudo-askpass', 'pkexec']],
  ['auto, no sudo', { commands: ['pkexec'], display: true }, ['pkexec']],
  ['sudo never becomes pkexec', { elevation: 'sudo', display: true }, ['sudo']],
  ['pkexec even without a display', { elevation: 'pkexec' }, ['pkexec']],
  ['none', { elevation: 'none' }, ['direct']],
  ['none, namespace', { elevation: 'none', netns: 'a' }, 'privilege'],
  ['nothing installed', { commands: [] }, 'privilege'],
  ['not a namespace', { netns: 'a/b' }, 'usage'],
])('%s', ([, one, wanted]) => {
  if (typeof wanted === 'string') {
    expect(() => plan(one)).toThrow(expect.objectContaining({ code: wanted }));
    return;
  }
  const attempts = plan(one);
  expect(attempts.map((attempt) => attempt.kind)).toEqual(wanted);
  for (const attempt of attempts) {
    expect(Object.keys(attempt.env)).not.toContain('NODE_OPTIONS');
    expect(Object.keys(attempt.env)).not.toContain('LD_PRELOAD');
  }
});

test('names and paths are arguments of the script, never part of it', () => {
  const evil = '$(touch /tmp/xk-evil); `id` "\'';
  const command = scriptCommand({
    netns: evil,
    uid: 1000,
    gid: 1000,
    profile: 'own',
    execPath: evil,
    helperPath: evil,
  });
  expect(command.slice(0, 3)).toEqual(['/bin/sh', '-c', launchScript]);
  expect(launchScript).not.toContain('eval');
  execFileSync('/bin/sh', ['-n', '-c', launchScript]);
  // Every expansion stands in quotes or in an assignment, where nothing is split.
  const unquoted = launchScript
    .split('\n')
    .filter((line) => !line.startsWith('netns=') && !line.startsWith('#'))
    .flatMap((line) => line.replaceAll(/"[^"]*"/g, '').match(/\$\w+/g) ?? []);
  expect(unquoted).toEqual([]);
});

test.for<[string, LaunchAttempt['kind'], Partial<LaunchEnd>, string]>([
  ['no password known', 'sudo', { exitCode: 1, stderr: 'sudo: a password is required' }, 'next'],
  ['no terminal', 'sudo', { exitCode: 1, stderr: 'sudo: a terminal is required to read the password' }, 'next'],
  ['not a sudoer', 'sudo', { exitCode: 1, stderr: 'joe is not in the sudoers file.' }, 'elevation-refused'],
  [
    'not this command',
    'sudo',
    { exitCode: 1, stderr: 'Sorry, user joe is not allowed to execute' },
    'elevation-refused',
  ],
  [
    'cancelled',
    'sudo-askpass',
    { exitCode: 1, stderr: 'sudo: no password was provided', cancelled: true },
    'elevation-refused',
  ],
  ['wrong', 'sudo-askpass', { exitCode: 1, stderr: 'sudo: 3 incorrect password attempts' }, 'elevation-refused'],
  ['dismissed', 'pkexec', { exitCode: 126 }, 'elevation-refused'],
  [
    'no agent',
    'pkexec',
    { exitCode: 127, stderr: 'Error executing command as another user: No authentication agent found.' },
    'elevation-refused',
  ],
  ['namespace gone', 'sudo', { exitCode: launchExit.noSuchNetns }, 'netns-not-found'],
  [
    'no setpriv',
    'root',
    { exitCode: launchExit.noSetpriv, stderr: 'setpriv (package util-linux) is not installed' },
    'environment',
  ],
  ['crash', 'root', { exitCode: null, signal: 'SIGSEGV' }, 'helper-died'],
  ['helper crash under sudo', 'sudo', { exitCode: 1, stderr: 'Error: Cannot find module' }, 'helper-died'],
  ['no such node', 'direct', { exitCode: undefined, stderr: 'spawn /x ENOENT' }, 'helper-died'],
])('the end of an attempt: %s', ([, kind, end, wanted]) => {
  const attempt: LaunchAttempt = { kind, command: 'x', args: [], env: {} };
  const judged = judge(attempt, { exitCode: 0, signal: null, stderr: '', cancelled: false, ...end }, 'lab');
  expect(judged instanceof XdpError ? judged.code : judged).toBe(wanted);
  if (judged instanceof XdpError) expect(judged.fix).toBeDefined();
});

test('what can be changed about elevation is named for the editor and for the terminal', () => {
  const both = /xdp\.elevation.*XDP_ELEVATION/;
  expect(passwordNeeded().fix).toMatch(both);
  for (const one of [{ commands: [] }, { elevation: 'none', netns: 'a' }] satisfies Case[]) {
    expect(() => plan(one)).toThrow(expect.objectContaining({ fix: expect.stringMatching(both) }));
  }
});

test('the last words of a helper are not those of a stack', () => {
  const stderr = "node:internal:1\n\nError: Cannot find module 'x'\n    at load (a.js:1:2)\n}\n\nNode.js v20.20.0\n";
  expect(describeEnd({ exitCode: 1, signal: null, stderr })).toBe(
    "it ended with code 1 (Error: Cannot find module 'x')",
  );
});

test.for([
  ['/nowhere/tracing', /not mounted.*sudo mount/],
  ['/proc/self/status', /^(?!.*mount).*refuses this user \(ENOTDIR\)/],
] as const)('no trace in %s: the run is good and says why', ([root, problem]) => {
  expect(tracefsCapture([root]).open()).toEqual({ problem: expect.stringMatching(problem) });
});

test.for([
  ['lab', true],
  ['a b', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
] as const)('%j as a namespace name: %s', ([name, ok]) => {
  expect(isNetnsName(name)).toBe(ok);
});

test.for([
  ['0-127', 128],
  ['0', 1],
  ['0,2-3', 3],
  ['0-1,4-5\n', 4],
  ['', 0],
] as const)('CPU list %j has %i', ([text, count]) => {
  const cpus = parseCpuList(text);
  expect(cpus).toHaveLength(count);
  if (text === '0,2-3') expect(cpus).toEqual([0, 2, 3]);
});

test('capability masks by name', () => {
  expect(capabilitiesOfMask('000000c000001000')).toEqual(own);
  expect(capabilitiesOfMask('000001ffffffffff')).toHaveLength(41);
  expect(capabilitiesOfMask('8000000000000000')).toEqual(['CAP_63']);
  expect(capabilitiesOfStatus('CapPrm:\t0000000000000000\nCapEff:\t000000c000001000\n', 'CapEff')).toEqual(own);
});

test('trace lines', () => {
  const trace = [
    '# tracer: nop',
    '#',
    '            node-123     [000] b..11  3658.203863: bpf_trace_printk: plain',
    '   odd [001] x: y-9       [001] ...1.   12.000001: bpf_trace_printk: key: value: [0] 7',
    '            node-123     [1234] b..11  3658.203863: bpf_trace_printk: two',
    'lines',
    '            node-123     [000] b..11  3658.203863: bpf_trace_printk: ',
    '',
  ].join('\n');
  expect(parseTrace(trace)).toEqual(['plain', 'key: value: [0] 7', 'two', 'lines', '']);
});

test.for([
  ['ID=debian\n', 'apt install libbpf1'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt install libbpf1'],
  ['ID=fedora\n', 'dnf install libbpf'],
  ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', 'zypper install libbpf1'],
  ['ID=arch\n', 'pacman -S libbpf'],
  ['ID=alpine\n', 'apk add libbpf'],
  ['', 'libbpf 1.0 or newer'],
] as const)('libbpf for %j', ([osRelease, words]) => {
  expect(libbpfFix(osRelease)).toContain(words);
});

test.each([
  ['lab', '/run/netns/lab'],
  ['999999999', '/proc/999999999/ns/net'],
  ['/proc/12/ns/net', '/proc/12/ns/net'],
])('%s is the namespace %s', (text, file) => {
  expect(isNetns(text)).toBe(true);
  expect(netnsPath(text)).toBe(file);
});

test.each(['/proc/12', '/proc/1/../2/ns/net', '/proc/self/ns/net', '/etc/passwd', '/proc/12/ns/net/', '-1/ns/net'])(
  '%s is no namespace',
  (text) => expect(isNetns(text)).toBe(false),
);
