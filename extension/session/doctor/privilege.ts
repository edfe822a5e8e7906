import { toErrorData, type XdpErrorData } from '../../core/errors.ts';
import type { AdminStatus } from '../admin/adminInstall.ts';
import { type Capability, type Facts, isOlder, neededCapabilities } from './facts.ts';
import type { Check, DoctorMachine, TrialHelper } from './machine.ts';

/** How the helper gets its capabilities here, and what came of starting it where that asks nobody. */
export interface Privilege {
  way: 'root' | 'capable' | 'sudo' | 'sudo-password' | 'pkexec' | 'none';
  check: Check;
  started: { client: TrialHelper } | { error: XdpErrorData } | undefined;
}

export async function findPrivilege(machine: DoctorMachine, facts: Facts): Promise<Privilege> {
  if (neededCapabilities.every((name) => facts.effective.includes(name)) && !facts.userNamespace) {
    const started = await tryHelper(machine, 'none');
    return machine.uid === 0
      ? found('root', 'root: the helper keeps only the capabilities that it needs', started)
      : found('capable', 'this process has the capabilities: the helper is started directly', started);
  }
  const hindrance = hindranceOf(machine, facts);
  if (hindrance !== undefined) return none(hindrance.detail, hindrance.fix);
  return elevation(machine, facts);
}

/** Why nothing could give this process the capabilities. */
function hindranceOf(machine: DoctorMachine, facts: Facts): { detail: string; fix: string } | undefined {
  if (facts.userNamespace) {
    return { detail: 'a user namespace has no capabilities on the machine itself', fix: outsideFix(facts) };
  }
  const never = lacking(facts.bounding);
  if (never.length > 0) {
    return {
      detail: `not even root gets ${never.join(', ')} here`,
      fix: 'Mend the capabilities first, as said above.',
    };
  }
  if (machine.uid === 0) {
    return { detail: `root without ${lacking(facts.effective).join(', ')}`, fix: 'Start from a full root shell.' };
  }
  if (facts.noNewPrivileges) {
    return {
      detail: 'no_new_privs is set for this process: sudo and pkexec have no effect',
      fix: 'Start the editor or the shell outside the sandbox that set it (a snap, a service, a container option).',
    };
  }
  if (machine.elevation === 'none') {
    return {
      detail: 'elevation is turned off (none), and this process has no capabilities of its own',
      fix: 'Set xdp.elevation (command line: XDP_ELEVATION) to auto.',
    };
  }
  return undefined;
}

async function elevation(machine: DoctorMachine, facts: Facts): Promise<Privilege> {
  const sudo = machine.elevation !== 'pkexec' && (await machine.findCommand('sudo')) !== undefined;
  const asks = machine.elevation === 'pkexec' || (machine.elevation === 'auto' && machine.graphical);
  const pkexec = asks && (await machine.findCommand('pkexec')) !== undefined;
  const tried = sudo ? await tryHelper(machine, 'sudo') : undefined;
  const code = tried && 'error' in tried ? tried.error.code : undefined;
  if (tried !== undefined && code !== 'privilege' && code !== 'elevation-refused') {
    return found('sudo', 'sudo, without a password', tried);
  }
  if (code === 'privilege' && facts.adminGroups.length > 0) {
    const group = facts.adminGroups.join(', ');
    const detail = `sudo, with a password (member of ${group}); the editor asks for it, on the command line run sudo -v first`;
    return found('sudo-password', detail, undefined);
  }
  if (pkexec) return found('pkexec', "pkexec, which asks for an administrator's password in a dialog", undefined);
  const group = /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(facts.osRelease) ? 'sudo' : 'wheel';
  const join = `As root: usermod -aG ${group} ${facts.userName}, then log in again; or have an administrator start the editor.`;
  if (!sudo) return none('this user is not root, and sudo is not there', 'Become root (su -), or install sudo.');
  if (code === 'elevation-refused' && tried && 'error' in tried) return none(tried.error.message, join);
  const detail =
    'sudo wants a password, and this user is in none of the groups sudo, wheel and admin: unless /etc/sudoers names the user, it refuses';
  return none(detail, join);
}

async function tryHelper(machine: DoctorMachine, way: 'none' | 'sudo'): Promise<NonNullable<Privilege['started']>> {
  try {
    return { client: await machine.startHelper(way) };
  } catch (error) {
    return { error: toErrorData(error) };
  }
}

function found(way: Privilege['way'], detail: string, started: Privilege['started']): Privilege {
  return { way, started, check: { id: 'privilege', title: 'Privilege', required: true, status: 'ok', detail } };
}

function none(detail: string, fix: string): Privilege {
  const check: Check = { id: 'privilege', title: 'Privilege', required: true, status: 'missing', detail, fix };
  return { way: 'none', started: undefined, check };
}

/** Only where there is one. */
export function adminInstallCheck({ state, directory, version, problem }: AdminStatus): Check | undefined {
  const check = { id: 'admin-install', title: 'Administrator’s install', required: false } as const;
  switch (state) {
    case 'absent':
      return undefined;
    case 'installed':
      return { ...check, status: 'ok', detail: `version ${version} in ${directory}, for the members of its group` };
    case 'untrusted':
      return {
        ...check,
        status: 'warning',
        detail: `${directory} is not used: ${problem}`,
        fix: 'Find out who changed it, then install it again: sudo xdp admin install',
      };
  }
}

/** What this process has, or can gain. */
export function capabilitiesCheck(facts: Facts): Check {
  const check = { id: 'capabilities', title: 'Capabilities', required: true } as const;
  const never = lacking(facts.bounding);
  if (never.length > 0) {
    const detail = `${never.join(', ')} cannot be had by any process here`;
    return { ...check, status: 'missing', detail, fix: capabilityFix(facts, never) };
  }
  const now = lacking(facts.effective);
  if (now.length > 0)
    return { ...check, status: 'ok', detail: `not held by this process, and can be gained: ${now.join(', ')}` };
  const more = facts.effective.includes('CAP_SYS_ADMIN')
    ? ', CAP_SYS_ADMIN'
    : '; without CAP_SYS_ADMIN what others loaded cannot be listed';
  return { ...check, status: 'ok', detail: `${neededCapabilities.join(', ')}${more}` };
}

export function containerCheck(facts: Facts): Check {
  const check = { id: 'container', title: 'Container', required: false } as const;
  const { container } = facts;
  if (facts.userNamespace) {
    const detail = `${container?.kind ?? 'a user namespace'}, rootless: its root has no capabilities on the machine itself`;
    return { ...check, status: 'missing', detail, fix: outsideFix(facts) };
  }
  if (container === undefined) return { ...check, status: 'ok', detail: 'none' };
  const never = lacking(facts.bounding);
  if (never.length > 0) {
    const detail = `${container.kind}, started without ${never.join(', ')}`;
    const fix = `${capabilityFix(facts, never)}; CAP_SYS_ADMIN as well to list what others loaded`;
    return { ...check, status: 'missing', detail, fix };
  }
  if (facts.seccomp && !facts.bounding.includes('CAP_SYS_ADMIN')) {
    return {
      ...check,
      status: 'warning',
      detail: `${container.kind}, with what is needed; profiles for system calls before Docker 23 refuse bpf() all the same`,
      fix: 'If loading fails with EPERM: --security-opt seccomp=unconfined',
    };
  }
  return { ...check, status: 'ok', detail: `${container.kind}, with the capabilities that are needed` };
}

export function lacking(set: readonly Capability[]): Capability[] {
  return neededCapabilities.filter((name) => !set.includes(name));
}

function capabilityFix(facts: Facts, names: readonly Capability[]): string {
  if (isOlder(facts, [5, 8])) return 'This kernel does not know them: CAP_BPF and CAP_PERFMON came with 5.8.';
  const short = names.map((name) => name.slice('CAP_'.length));
  switch (facts.container?.kind) {
    case 'docker':
    case 'podman': {
      const flags = short.map((name) => `--cap-add ${name}`).join(' ');
      const list = short.map((name) => `"${name}"`).join(', ');
      return `${facts.container.kind} run ${flags} … (devcontainer.json: "capAdd": [${list}])`;
    }
    case 'kubernetes':
      return `In the container's securityContext: capabilities: { add: [${short.join(', ')}] }`;
    case 'lxc':
      return 'Use a privileged container (lxc config set NAME security.privileged true), or work on its host.';
    case undefined:
    default:
      return 'Whatever started this session took them away (capabilities(7), bounding set): start it without that.';
  }
}

function outsideFix(facts: Facts): string {
  const kind = facts.container?.kind;
  const tool = kind === 'docker' || kind === 'podman' ? `Run it rootful (sudo ${kind} run …)` : 'Run outside of it';
  return `${tool}, or work on the host; packet tests run here in the built-in machine.`;
}
