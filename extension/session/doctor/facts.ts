import type { DoctorMachine, FileAnswer } from './machine.ts';

/** What load, attach and run take: the helper's profile `own`. */
export const neededCapabilities = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'] as const;

/** Numbers in include/uapi/linux/capability.h. */
const capabilityBits = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
export type Capability = keyof typeof capabilityBits;

/** One line of /proc/self/mounts. */
interface Mount {
  target: string;
  type: string;
  options: readonly string[];
}

export interface Container {
  /** `docker`, `podman`, `kubernetes`, `lxc`, or the name that systemd gives it. */
  kind: string;
}

/** What several checks need, read once. */
export interface Facts {
  /** The text of /etc/os-release; '' where there is none. */
  osRelease: string;
  /** `USER` where /etc/passwd does not tell. */
  userName: string;
  /** Major and minor; undefined when the release does not begin with them. */
  version: readonly [number, number] | undefined;
  wsl: 1 | 2 | undefined;
  /** The kernel's configuration, or why it is not known. */
  config: { path: string; text: string } | { why: string };
  mounts: readonly Mount[];
  effective: readonly Capability[];
  /** What this process and its children can ever gain. */
  bounding: readonly Capability[];
  /** sudo and pkexec are without effect: prctl(2), PR_SET_NO_NEW_PRIVS. */
  noNewPrivileges: boolean;
  /** A filter decides which system calls there are. */
  seccomp: boolean;
  /** Names of the groups by which distributions let their users use sudo, of which this user is a member. */
  adminGroups: readonly string[];
  container: Container | undefined;
  /** In a user namespace even root has no capability on the machine: user_namespaces(7). */
  userNamespace: boolean;
}

export async function readFacts(machine: DoctorMachine): Promise<Facts> {
  const [osRelease, status, mounts, uidMap, group, passwd] = await Promise.all([
    firstText(machine, ['/etc/os-release', '/usr/lib/os-release']),
    text(machine, '/proc/self/status'),
    text(machine, '/proc/self/mounts'),
    text(machine, '/proc/self/uid_map'),
    text(machine, '/etc/group'),
    text(machine, '/etc/passwd'),
  ]);
  return {
    osRelease,
    userName: new RegExp(`^([^:\n]+):[^:\n]*:${machine.uid}:`, 'm').exec(passwd)?.[1] ?? 'USER',
    version: kernelVersion(machine.release),
    wsl: wslVersion(machine.release),
    config: await kernelConfig(machine),
    mounts: mounts
      .split('\n')
      .map((line) => line.split(' '))
      .map(([, target = '', type = '', options = '']) => ({ target, type, options: options.split(',') })),
    effective: capabilities(status, 'CapEff'),
    bounding: capabilities(status, 'CapBnd'),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
    seccomp: /^Seccomp:\s*2$/m.test(status),
    adminGroups: adminGroups(group, status),
    container: await findContainer(machine),
    userNamespace: uidMap !== '' && !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap),
  };
}

/** One field of os-release(5). */
export function osField(osRelease: string, name: string): string {
  const line = osRelease.split('\n').find((each) => each.startsWith(`${name}=`));
  return line === undefined ? '' : line.slice(name.length + 1).replace(/^["']|["']$/g, '');
}

/** `y`, `m`, another value, `n` when it is not set, undefined when the configuration is not known. */
export function option(facts: Facts, name: string): string | undefined {
  if (!('text' in facts.config)) return undefined;
  return new RegExp(`^CONFIG_${name}=(.*)$`, 'm').exec(facts.config.text)?.[1] ?? 'n';
}

/** True when the version is known and older. */
export function isOlder({ version }: Facts, [major, minor]: readonly [number, number]): boolean {
  return version !== undefined && (version[0] < major || (version[0] === major && version[1] < minor));
}

export function textOf(answer: FileAnswer): string {
  return answer.kind === 'text' ? answer.text : '';
}

async function text(machine: DoctorMachine, path: string): Promise<string> {
  return textOf(await machine.read(path));
}

async function firstText(machine: DoctorMachine, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const found = await text(machine, path);
    if (found !== '') return found;
  }
  return '';
}

function kernelVersion(release: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** WSL 1 calls itself `4.4.0-19041-Microsoft`, WSL 2 `5.15.90.1-microsoft-standard-WSL2`. */
function wslVersion(release: string): 1 | 2 | undefined {
  if (/^4\.4\.\d+-\d+-Microsoft$/.test(release)) return 1;
  return /microsoft|WSL2/i.test(release) ? 2 : undefined;
}

async function kernelConfig(machine: DoctorMachine): Promise<Facts['config']> {
  const { release } = machine;
  const paths = ['/proc/config.gz', `/boot/config-${release}`, `/lib/modules/${release}/config`];
  const refused: string[] = [];
  for (const path of paths) {
    const answer = await machine.read(path);
    if (answer.kind === 'text' && /^CONFIG_/m.test(answer.text)) return { path, text: answer.text };
    if (answer.kind === 'refused') refused.push(path);
  }
  const why =
    refused.length > 0 ? `this user may not read ${refused.join(', ')}` : `there is no ${paths.join(', no ')}`;
  return { why };
}

function capabilities(status: string, set: string): Capability[] {
  const hex = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
  const mask = BigInt(`0x${hex ?? '0'}`);
  return (Object.keys(capabilityBits) as Capability[]).filter((name) => (mask >> BigInt(capabilityBits[name])) & 1n);
}

function adminGroups(group: string, status: string): string[] {
  const mine = (/^Groups:\s*(.*)$/m.exec(status)?.[1] ?? '').trim().split(/\s+/);
  return group
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([name = '', , gid = '']) => ['sudo', 'wheel', 'admin'].includes(name) && mine.includes(gid))
    .map(([name = '']) => name);
}

async function findContainer(machine: DoctorMachine): Promise<Container | undefined> {
  const cgroups = `${await text(machine, '/proc/self/cgroup')}\n${await text(machine, '/proc/1/cgroup')}`;
  // Kubernetes first: its containers carry the marks of their runtime as well.
  if (/kubepods/.test(cgroups) || (await machine.exists('/run/secrets/kubernetes.io'))) return { kind: 'kubernetes' };
  if (await machine.exists('/run/.containerenv')) return { kind: 'podman' };
  if (await machine.exists('/.dockerenv')) return { kind: 'docker' };
  const cgroup = /\/(docker|lxc|libpod)[-./]/.exec(cgroups)?.[1];
  if (cgroup !== undefined) return { kind: cgroup === 'libpod' ? 'podman' : cgroup };
  // Where systemd is the first process it writes down what it found: https://systemd.io/CONTAINER_INTERFACE
  const named =
    (await text(machine, '/run/systemd/container')).trim() ||
    (/(?:^|\0)container=([^\0]*)/.exec(await text(machine, '/proc/1/environ'))?.[1] ?? '');
  return named === '' || named === 'wsl' ? undefined : { kind: named };
}
