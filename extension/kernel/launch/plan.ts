import { XdpError } from '../../core/errors.ts';
import { elevationSetting } from '../elevation.ts';
import { type HelperProfile, profileCapabilities } from '../system/capabilities.ts';
import type { AdminInstall } from './adminInstall.ts';
import { isNetns, netnsPath } from './netns.ts';
import { nodeOption, type ScriptArguments, scriptCommand } from './script.ts';

export type Elevation = 'auto' | 'none' | 'sudo' | 'pkexec';

/** One way to start the helper. */
export interface LaunchAttempt {
  kind: 'direct' | 'root' | 'admin' | 'sudo' | 'sudo-askpass' | 'pkexec';
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** What is known about this process and machine when the helper is to be started. */
export interface LaunchFacts {
  uid: number;
  gid: number;
  /** Effective capabilities by name. */
  capabilities: readonly string[];
  /** Whether the password can be asked for. */
  canAsk: boolean;
  hasCommand(name: string): boolean;
  /** What an administrator installed. */
  adminInstall: AdminInstall | undefined;
  /** This process's own environment, of which pkexec needs the session's part. */
  env: Readonly<Record<string, string | undefined>>;
}

export interface LaunchRequest {
  profile: HelperProfile;
  netns: string | undefined;
  elevation: Elevation;
  execPath: string;
  helperPath: string;
}

/** All that the helper's environment holds. */
export const helperEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  // Under Electron, process.execPath is the editor: this makes it a plain Node.
  ELECTRON_RUN_AS_NODE: '1',
};

/** What pkexec needs to find the session's authentication agent. */
const sessionVariables = [
  'DBUS_SESSION_BUS_ADDRESS',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_RUNTIME_DIR',
  'XDG_SESSION_ID',
];

/**
 * The ways to try in turn. Throws `usage` for a namespace name that is none, and `privilege` when there is no way at all.
 */
export function planLaunch(request: LaunchRequest, facts: LaunchFacts): LaunchAttempt[] {
  if (request.netns !== undefined && !isNetns(request.netns)) {
    throw new XdpError('usage', `${JSON.stringify(request.netns)} is not a name of a network namespace`, {
      fix: 'ip netns list shows the names; the number of a process (or /proc/PID/ns/net) stands for its namespace.',
    });
  }
  const script: ScriptArguments = { ...request, uid: facts.uid, gid: facts.gid };
  const capable = profileCapabilities[request.profile].every((name) => facts.capabilities.includes(name));
  // Root in a container may lack what it needs, and what dropping the rest needs: no tool can give it more.
  const lesserRoot = facts.uid === 0 && !(capable && facts.capabilities.includes('CAP_SETPCAP'));
  if (facts.uid === 0 && !lesserRoot) {
    const [command, ...args] = scriptCommand(script);
    return [{ kind: 'root', command, args, env: helperEnvironment }];
  }
  const asWeAre = lesserRoot || request.elevation === 'none';
  if (request.netns === undefined && (capable || asWeAre)) return [direct(request, facts)];
  if (asWeAre) throw namespaceWithoutElevation(request.netns ?? '');
  const attempts = [...installed(request, facts), ...elevated(request.elevation, script, facts)];
  if (attempts.length === 0) throw noWay(request.elevation, facts);
  return attempts;
}

function direct(request: LaunchRequest, facts: LaunchFacts): LaunchAttempt {
  const pins = ['--pins', `/sys/fs/bpf/xdp-vscode/${facts.uid}`];
  const args = [nodeOption, request.helperPath, '--profile', request.profile, ...pins];
  return { kind: 'direct', command: request.execPath, args, env: helperEnvironment };
}

/** sudo runs it for the members of a group; for others, and with another version, the usual ways are left. */
function installed({ elevation, profile, netns }: LaunchRequest, facts: LaunchFacts): LaunchAttempt[] {
  // What the members of a group may do without a password ends before the kernel's addresses.
  if (profile === 'code') return [];
  if (facts.adminInstall === undefined || elevation === 'pkexec' || !facts.hasCommand('sudo')) return [];
  switch (facts.adminInstall.kind) {
    case 'other-version':
      return [];
    case 'untrusted':
      throw new XdpError(
        'elevation-refused',
        `The administrator’s install is not used: ${facts.adminInstall.why}. Whoever can change it could run anything with its rights`,
        { fix: 'Ask the administrator to look who changed it, and to install it again: sudo xdp admin install' },
      );
    case 'ready': {
      const args = [
        '-n',
        '--',
        facts.adminInstall.command,
        profile,
        ...(netns === undefined ? [] : [netnsPath(netns)]),
      ];
      return [{ kind: 'admin', command: 'sudo', args, env: { PATH: helperEnvironment['PATH'] ?? '', LC_ALL: 'C' } }];
    }
  }
}

function elevated(elevation: Elevation, script: ScriptArguments, facts: LaunchFacts): LaunchAttempt[] {
  const command = scriptCommand(script);
  // sudo's messages are read to tell "a password is required" from a refusal: they must come in one language.
  const env = { PATH: helperEnvironment['PATH'] ?? '', LC_ALL: 'C' };
  const attempts: LaunchAttempt[] = [];
  if (elevation !== 'pkexec' && facts.hasCommand('sudo')) {
    attempts.push({ kind: 'sudo', command: 'sudo', args: ['-n', '--', ...command], env });
    if (facts.canAsk) attempts.push({ kind: 'sudo-askpass', command: 'sudo', args: ['-A', '--', ...command], env });
  }
  const graphical = facts.env['DISPLAY'] !== undefined || facts.env['WAYLAND_DISPLAY'] !== undefined;
  if (facts.hasCommand('pkexec') && (elevation === 'pkexec' || (elevation === 'auto' && graphical))) {
    const args = ['--disable-internal-agent', ...command];
    attempts.push({ kind: 'pkexec', command: 'pkexec', args, env: { ...env, ...sessionOf(facts.env) } });
  }
  return attempts;
}

function sessionOf(env: LaunchFacts['env']): Record<string, string> {
  const session: Record<string, string> = {};
  for (const name of sessionVariables) {
    const value = env[name];
    if (value !== undefined) session[name] = value;
  }
  return session;
}

function namespaceWithoutElevation(netns: string): XdpError {
  return new XdpError('privilege', `Entering the network namespace ${netns} needs CAP_SYS_ADMIN for a moment`, {
    fix: `Run as root, or choose auto, sudo or pkexec as ${elevationSetting}.`,
    details: { capability: 'CAP_SYS_ADMIN' },
  });
}

function noWay(elevation: Elevation, facts: LaunchFacts): XdpError {
  const tool = elevation === 'pkexec' ? 'pkexec' : 'sudo';
  const why = facts.hasCommand(tool) ? `${tool} cannot ask for a password here` : `${tool} is not installed`;
  return new XdpError(
    'privilege',
    `Loading and attaching BPF programs needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and ${why}`,
    {
      fix: `Run as root, install ${tool}, or choose another ${elevationSetting}; a process that has these capabilities needs none.`,
      details: { capability: 'CAP_BPF' },
    },
  );
}
