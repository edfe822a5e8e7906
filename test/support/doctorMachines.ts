import { XdpError, type XdpErrorCode } from '../../extension/core/errors.ts';
import type { AdminStatus } from '../../extension/session/admin/adminInstall.ts';
import type { DoctorMachine, TrialHelper } from '../../extension/session/doctor/machine.ts';

/** A machine as data. Folders come from the names of the files. */
export interface RecordedMachine {
  platform?: string;
  release?: string;
  nodeVersion?: string;
  uid?: number;
  elevation?: DoctorMachine['elevation'];
  graphical?: boolean;
  adminInstall?: AdminStatus;
  /** `null`: it is there and this user may not read it. */
  files?: Record<string, string | null>;
  /** Path → what it prints when asked for its version; `null`: it fails. */
  commands?: Record<string, string | null>;
  clang?: { version: string } | XdpErrorCode;
  compiles?: boolean;
  /** What becomes of a helper that is started without asking: capabilities, or why it does not start. */
  helper?: { capabilities?: string[]; pinProblem?: string; refuses?: string } | XdpErrorCode;
}

export interface Played {
  machine: DoctorMachine;
  /** How the helper was tried, in turn, and what was not closed. */
  started: ('none' | 'sudo')[];
  open(): number;
}

export function play(one: RecordedMachine): Played {
  const files = one.files ?? {};
  const commands = one.commands ?? {};
  const started: ('none' | 'sudo')[] = [];
  let open = 0;
  const has = (path: string): boolean =>
    Object.keys(files).some((name) => name === path || name.startsWith(`${path}/`));
  const machine: DoctorMachine = {
    platform: one.platform ?? 'linux',
    arch: 'x64',
    release: one.release ?? '6.1.0-21-amd64',
    nodeVersion: one.nodeVersion ?? '20.20.2',
    uid: one.uid ?? 1000,
    elevation: one.elevation ?? 'auto',
    graphical: one.graphical ?? false,
    adminInstall: () => one.adminInstall ?? { state: 'absent', directory: '/opt/xdp-vscode' },
    read: (path) => {
      const text = files[path];
      if (text === undefined) return Promise.resolve({ kind: 'absent' });
      return Promise.resolve(text === null ? { kind: 'refused' } : { kind: 'text', text });
    },
    exists: (path) => Promise.resolve(has(path)),
    list: (folder) =>
      Promise.resolve(
        Object.keys(files)
          .filter((name) => name.startsWith(`${folder}/`))
          .map((name) => name.slice(folder.length + 1)),
      ),
    findCommand: (name) => Promise.resolve(Object.keys(commands).find((path) => path.endsWith(`/${name}`))),
    output: (command) => Promise.resolve(commands[command] ?? undefined),
    findClang: () => {
      const clang = one.clang ?? { version: '14.0.6' };
      if (typeof clang === 'string') return Promise.reject(recorded(clang));
      return Promise.resolve({ ...clang, path: '/usr/bin/clang', major: Number.parseInt(clang.version) });
    },
    compileTrial: () => {
      if (typeof one.clang === 'string') return Promise.reject(recorded(one.clang));
      if (one.compiles === false) return Promise.reject(recorded('compile-failed'));
      const spec = { license: 'GPL', programs: [], maps: [] };
      const object = { file: '/t.c', name: 't', elf: new Uint8Array(), spec, compiled: undefined };
      return Promise.resolve(object as unknown as Awaited<ReturnType<DoctorMachine['compileTrial']>>);
    },
    startHelper: (elevation) => {
      started.push(elevation);
      const helper = one.helper ?? {};
      if (typeof helper === 'string') return Promise.reject(recorded(helper));
      open++;
      const capabilities = helper.capabilities ?? ['CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_BPF'];
      const { pinProblem, refuses } = helper;
      const verdict = { name: 'xdp_doctor', insnsProcessed: 9, stackBytes: 0, states: 0, stack: [] };
      const client: TrialHelper = {
        hello: { libbpfVersion: '1.1', capabilities, ...(pinProblem === undefined ? {} : { pinProblem }) },
        verify: () =>
          Promise.resolve([
            refuses === undefined
              ? { ...verdict, verdict: 'accepted' }
              : { ...verdict, verdict: 'skipped', reason: refuses },
          ]),
        dispose: () => {
          open--;
          return Promise.resolve();
        },
      };
      return Promise.resolve(client);
    },
  };
  return { machine, started, open: () => open };
}

function recorded(code: XdpErrorCode): XdpError {
  return new XdpError(code, `recorded ${code}`, { fix: `fix of ${code}` });
}

const full = '000001ffffffffff';
const none = '0000000000000000';
/** What Docker gives a container that asks for nothing. */
const dockerDefault = '00000000a80425fb';

function status(
  effective: string,
  bounding: string,
  more: { groups?: string; seccomp?: 0 | 2; noNew?: 0 | 1 } = {},
): string {
  const { groups = '', seccomp = 0, noNew = 0 } = more;
  return `Name:\tnode\nGroups:\t${groups} \nCapInh:\t${none}\nCapPrm:\t${effective}\nCapEff:\t${effective}\nCapBnd:\t${bounding}\nCapAmb:\t${none}\nNoNewPrivs:\t${noNew}\nSeccomp:\t${seccomp}\n`;
}

const config = (...off: string[]): string =>
  ['BPF', 'BPF_SYSCALL', 'BPF_JIT', 'DEBUG_INFO_BTF', 'XDP_SOCKETS', 'NET_CLS_ACT', 'NET_NS', 'BPF_EVENTS']
    .map((name) => (off.includes(name) ? `# CONFIG_${name} is not set` : `CONFIG_${name}=y`))
    .concat(
      ['NET_CLS_BPF', 'NET_SCH_INGRESS', 'VETH'].map((name) =>
        off.includes(name) ? `# CONFIG_${name} is not set` : `CONFIG_${name}=m`,
      ),
    )
    .join('\n');

const mounts =
  'sysfs /sys sysfs rw 0 0\nsecurityfs /sys/kernel/security securityfs rw 0 0\nbpf /sys/fs/bpf bpf rw,nosuid,mode=700 0 0\ntracefs /sys/kernel/tracing tracefs rw,nosuid 0 0\n';

const tools = {
  '/usr/sbin/ip': 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n',
  '/usr/sbin/bpftool': 'bpftool v7.1.0\nusing libbpf v1.1\nfeatures: libbpf_strict\n',
  '/usr/bin/setpriv': 'setpriv from util-linux 2.38.1\n',
  '/usr/bin/nsenter': 'nsenter from util-linux 2.38.1\n',
};

const common = {
  '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n',
  '/etc/group': 'root:x:0:\nsudo:x:27:\nann:x:1000:\n',
  '/proc/self/status': status(none, full),
  '/proc/self/mounts': mounts,
  '/proc/self/uid_map': '         0          0 4294967295\n',
  '/proc/self/limits':
    'Limit  Soft  Hard  Units\nMax locked memory         8388608              8388608              bytes     \n',
  '/proc/self/ns/net': '',
  '/proc/self/cgroup': '0::/user.slice/user-1000.slice/session-1.scope\n',
  '/proc/sys/net/core/bpf_jit_enable': '1\n',
  '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n',
  '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  '/sys/kernel/btf/vmlinux': '',
  '/boot/config-6.1.0-21-amd64': config(),
  '/usr/lib/x86_64-linux-gnu/libbpf.so.1': '',
  '/usr/lib/x86_64-linux-gnu/libbpf.so.1.1.2': '',
};

/** The same without some files. */
function without(files: Record<string, string | null>, ...names: string[]): Record<string, string | null> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));
}

const user = { files: common, commands: { ...tools, '/usr/bin/sudo': '' } };

export const machines = {
  debianRoot: { uid: 0, files: { ...common, '/proc/self/status': status(full, full) }, commands: tools },
  capable: {
    files: { ...common, '/proc/self/status': status('000000c000001000', full) },
    commands: without(tools, '/usr/bin/setpriv') as Record<string, string>,
    helper: { pinProblem: 'no folder of this user' },
  },
  sudoFree: user,
  sudoPassword: {
    ...user,
    files: { ...common, '/proc/self/status': status(none, full, { groups: '27 1000' }) },
    helper: 'privilege',
  },
  notInSudo: { ...user, helper: 'privilege' },
  noSudoAtAll: { files: common, commands: tools },
  pkexec: { ...user, graphical: true, helper: 'privilege', commands: { ...tools, '/usr/bin/pkexec': '' } },
  elevationOff: { ...user, elevation: 'none' },
  noNewPrivileges: { ...user, files: { ...common, '/proc/self/status': status(none, full, { noNew: 1 }) } },
  /** The relevant lines of the configuration that Microsoft publishes for 4.19: Microsoft/config-wsl of its kernel's repository. */
  wslOld: {
    uid: 0,
    release: '4.19.59-microsoft-standard',
    files: {
      ...without(common, '/sys/kernel/btf/vmlinux', '/boot/config-6.1.0-21-amd64', '/proc/sys/net/core/bpf_jit_enable'),
      '/etc/os-release': 'PRETTY_NAME="Ubuntu 22.04 LTS"\nID=ubuntu\nID_LIKE=debian\n',
      // Kernels before 5.8 have 38 capabilities.
      '/proc/self/status': status('0000003fffffffff', '0000003fffffffff'),
      '/proc/config.gz': config('XDP_SOCKETS', 'NET_CLS_BPF', 'BPF_JIT', 'DEBUG_INFO_BTF'),
      '/usr/lib/x86_64-linux-gnu/libbpf.so.0.5.0': '',
    },
    commands: { ...tools, '/usr/sbin/bpftool': null },
    helper: 'helper-died',
  },
  wsl2: {
    ...user,
    release: '5.15.167.4-microsoft-standard-WSL2',
    files: {
      ...without(common, '/boot/config-6.1.0-21-amd64'),
      '/proc/config.gz': config('XDP_SOCKETS'),
      '/run/systemd/container': 'wsl\n',
    },
    commands: { ...user.commands, '/usr/sbin/bpftool': null },
  },
  wsl1: { release: '4.4.0-19041-Microsoft', files: { '/etc/os-release': 'ID=ubuntu\n' } },
  docker: {
    uid: 0,
    files: {
      ...without(
        common,
        '/boot/config-6.1.0-21-amd64',
        '/proc/sys/net/core/bpf_jit_enable',
        '/sys/kernel/security/lockdown',
      ),
      '/.dockerenv': '',
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mounts': 'overlay / overlay rw 0 0\nsysfs /sys sysfs ro 0 0\n',
      '/proc/self/status': status(dockerDefault, dockerDefault, { seccomp: 2 }),
    },
    commands: without(tools, '/usr/sbin/ip', '/usr/sbin/bpftool') as Record<string, string>,
  },
  dockerSeccomp: {
    uid: 0,
    files: {
      ...common,
      '/.dockerenv': '',
      '/proc/self/status': status('000000c0a80435fb', '000000c0a80435fb', { seccomp: 2 }),
    },
    commands: tools,
    helper: { refuses: 'Operation not permitted' },
  },
  podmanRootless: {
    uid: 0,
    files: {
      ...common,
      '/run/.containerenv': '',
      '/proc/self/uid_map': '         0       1000          1\n         1     100000      65536\n',
      '/proc/self/status': status(full, full),
    },
    commands: tools,
  },
  kubernetes: {
    uid: 0,
    files: {
      ...common,
      '/proc/self/cgroup': '0::/kubepods/besteffort/pod1/c\n',
      '/proc/self/status': status(dockerDefault, dockerDefault),
    },
    commands: tools,
  },
  macos: { platform: 'darwin', release: '23.4.0', clang: 'clang-too-old' },
  oldKernel: {
    ...user,
    release: '5.10.0-28-amd64',
    files: {
      ...without(common, '/boot/config-6.1.0-21-amd64'),
      '/boot/config-5.10.0-28-amd64': config(),
      '/proc/sys/kernel/unprivileged_bpf_disabled': '0\n',
      '/proc/sys/net/core/bpf_jit_enable': '0\n',
    },
  },
  /** RHEL 8 has BPF of much newer kernels under an old number. */
  rhel8: {
    uid: 0,
    release: '4.18.0-513.el8.x86_64',
    files: {
      ...common,
      '/proc/self/status': status(full, full),
      '/etc/os-release': 'PRETTY_NAME="Red Hat Enterprise Linux 8.9 (Ootpa)"\nID="rhel"\nID_LIKE="fedora"\n',
      '/lib/modules/4.18.0-513.el8.x86_64/config': config(),
    },
    commands: tools,
  },
  lockedDown: {
    uid: 0,
    files: {
      ...common,
      '/proc/self/status': status(full, full),
      '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n',
      '/boot/config-6.1.0-21-amd64': null,
    },
    commands: tools,
  },
  bare: {
    uid: 0,
    nodeVersion: '18.20.1',
    files: {
      ...without(common, '/usr/lib/x86_64-linux-gnu/libbpf.so.1', '/usr/lib/x86_64-linux-gnu/libbpf.so.1.1.2'),
      '/etc/os-release': 'ID=fedora\n',
      '/proc/self/status': status(full, full),
      '/proc/self/mounts': '',
    },
    clang: 'clang-missing',
    helper: 'libbpf-missing',
  },
} satisfies Record<string, RecordedMachine>;
