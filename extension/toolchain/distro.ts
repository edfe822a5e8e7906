import { readFileSync } from 'node:fs';

/** What a user may have to install, by what it is for. */
export type Need =
  | 'clang'
  /** A second one, that can build for the debugger. */
  | 'newer-clang'
  /** Of machine code. */
  | 'disassembler'
  | 'libbpf'
  | 'libbpf-headers'
  | 'kernel-headers'
  | 'libc-headers'
  | 'bpftool'
  | 'iproute2'
  | 'util-linux';

const managers = {
  apt: {
    install: 'sudo apt install',
    packages: {
      clang: 'clang llvm',
      'newer-clang': 'clang-19',
      disassembler: 'llvm',
      libbpf: 'libbpf1',
      'libbpf-headers': 'libbpf-dev',
      'kernel-headers': 'linux-libc-dev',
      'libc-headers': 'libc6-dev',
      bpftool: 'bpftool',
      iproute2: 'iproute2',
      'util-linux': 'util-linux',
    },
  },
  dnf: {
    install: 'sudo dnf install',
    packages: {
      clang: 'clang llvm',
      'newer-clang': 'clang',
      disassembler: 'llvm',
      libbpf: 'libbpf',
      'libbpf-headers': 'libbpf-devel',
      'kernel-headers': 'kernel-headers',
      'libc-headers': 'glibc-devel',
      bpftool: 'bpftool',
      iproute2: 'iproute',
      'util-linux': 'util-linux',
    },
  },
  pacman: {
    install: 'sudo pacman -S',
    packages: {
      clang: 'clang llvm',
      'newer-clang': 'clang',
      disassembler: 'llvm',
      libbpf: 'libbpf',
      'libbpf-headers': 'libbpf',
      'kernel-headers': 'linux-api-headers',
      'libc-headers': 'glibc',
      bpftool: 'bpf',
      iproute2: 'iproute2',
      'util-linux': 'util-linux',
    },
  },
  zypper: {
    install: 'sudo zypper install',
    packages: {
      clang: 'clang llvm',
      'newer-clang': 'clang',
      disassembler: 'llvm',
      libbpf: 'libbpf1',
      'libbpf-headers': 'libbpf-devel',
      'kernel-headers': 'linux-glibc-devel',
      'libc-headers': 'glibc-devel',
      bpftool: 'bpftool',
      iproute2: 'iproute2',
      'util-linux': 'util-linux',
    },
  },
  apk: {
    install: 'sudo apk add',
    packages: {
      clang: 'clang llvm',
      'newer-clang': 'clang',
      disassembler: 'llvm',
      libbpf: 'libbpf',
      'libbpf-headers': 'libbpf-dev',
      'kernel-headers': 'linux-headers',
      'libc-headers': 'musl-dev',
      bpftool: 'bpftool',
      iproute2: 'iproute2',
      'util-linux': 'setpriv util-linux-misc',
    },
  },
} as const satisfies Record<string, { install: string; packages: Record<Need, string> }>;

const managerOfDistro: Readonly<Record<string, keyof typeof managers>> = {
  debian: 'apt',
  ubuntu: 'apt',
  fedora: 'dnf',
  rhel: 'dnf',
  centos: 'dnf',
  arch: 'pacman',
  suse: 'zypper',
  opensuse: 'zypper',
  alpine: 'apk',
};

/**
 * The command that installs what is missing, in the words of this machine's package manager; apt where it is unknown.
 * @param osRelease the text of /etc/os-release: os-release(5)
 */
export function installCommand(needs: readonly Need[], osRelease: string = readOsRelease()): string {
  const ids = [field(osRelease, 'ID'), ...field(osRelease, 'ID_LIKE').split(' ')];
  const manager = managers[ids.map((id) => managerOfDistro[id]).find((name) => name !== undefined) ?? 'apt'];
  // Ubuntu ships bpftool in the tools of its kernels: there is no package of that name before 24.10.
  const isUbuntu = ids[0] === 'ubuntu';
  const packages = needs.map((need) =>
    need === 'bpftool' && isUbuntu ? 'linux-tools-generic' : manager.packages[need],
  );
  return `${manager.install} ${packages.join(' ')}`;
}

function field(osRelease: string, name: string): string {
  const line = osRelease.split('\n').find((text) => text.startsWith(`${name}=`));
  return line === undefined ? '' : line.slice(name.length + 1).replace(/^["']|["']$/g, '');
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
