import { existsSync, readdirSync } from 'node:fs';
import { findCommand } from './processes.mjs';

/**
 * Something that must be on the machine. It is looked for itself, not by its package, so that what people installed
 * in another way counts.
 * @typedef {object} Requirement
 * @property {string} what for people whose system has other packages
 * @property {string} why
 * @property {readonly string[]} packages Debian's and Ubuntu's; the first that exists there is taken
 * @property {() => boolean} present
 */

/**
 * @param {string} name
 * @param {string} why
 * @param {readonly string[]} [packages]
 * @returns {Requirement}
 */
function command(name, why, packages = [name]) {
  return { what: name, why, packages, present: () => findCommand(name) !== undefined };
}

/** The multiarch folder of this machine, as in /usr/lib/x86_64-linux-gnu. */
const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

/** What XDP for VS Code needs to do its work. @type {readonly Requirement[]} */
export const productRequirements = [
  {
    what: 'clang (any version with the BPF target)',
    why: 'compiles BPF C',
    packages: ['clang'],
    present: () => findCommand('clang') !== undefined || hasFile('/usr/bin', /^clang-\d+$/),
  },
  {
    what: 'libbpf.so.1 (libbpf 1.0 or newer)',
    why: 'loads programs into the kernel',
    packages: ['libbpf1'],
    present: () =>
      [`/usr/lib/${triplet}`, `/lib/${triplet}`, '/usr/lib64', '/usr/lib', '/usr/local/lib', '/usr/local/lib64'].some(
        (folder) => existsSync(`${folder}/libbpf.so.1`),
      ),
  },
  {
    what: "libbpf's headers (bpf/bpf_helpers.h)",
    why: 'BPF programs include them',
    packages: ['libbpf-dev'],
    present: () => ['/usr/include', '/usr/local/include'].some((folder) => existsSync(`${folder}/bpf/bpf_helpers.h`)),
  },
  {
    what: "the kernel's headers for programs (linux/bpf.h, asm/types.h)",
    why: 'BPF programs include them',
    packages: ['linux-libc-dev'],
    present: () =>
      existsSync('/usr/include/linux/bpf.h') &&
      ['/usr/include', `/usr/include/${triplet}`].some((folder) => existsSync(`${folder}/asm/types.h`)),
  },
  command('ip', 'makes the lab', ['iproute2']),
  command('setpriv', 'takes away privileges that are not needed', ['util-linux']),
];

/** What installing the VS Code server needs. @type {readonly Requirement[]} */
export const serverRequirements = [
  command('g++', "builds two of the VS Code server's modules"),
  command('make', "builds two of the VS Code server's modules"),
  command('python3', "builds two of the VS Code server's modules"),
];

/**
 * Can build a program as the debugger likes it: without optimisation, with a stack of any size.
 * @type {Requirement}
 */
const debugClang = {
  what: 'clang 19 or newer',
  why: 'compiles programs for the debugger without optimisation',
  packages: ['clang-19', 'clang-20', 'clang-21'],
  present: () => hasFile('/usr/bin', /^clang-(?:19|[2-9]\d)$/),
};

/** Without them the product works, with less; not worth a failure. @type {readonly Requirement[]} */
export const niceToHave = [debugClang];

/** What the tests use as their judges. @type {readonly Requirement[]} */
export const testRequirements = [
  {
    what: 'Chromium or Chrome',
    why: 'shows VS Code to the tests',
    packages: ['chromium'],
    present: () => findBrowser() !== undefined,
  },
  {
    what: 'A font with Chinese letters',
    why: 'tells how much room Chinese texts take',
    packages: ['fonts-wqy-microhei', 'fonts-noto-cjk'],
    present: hasChineseFont,
  },
  command('bpftool', "the kernel's own view of programs and maps", ['bpftool', 'linux-tools-common']),
  command('tshark', 'says what is in a packet'),
  {
    what: 'Scapy for python3',
    why: 'builds packets to compare ours with',
    packages: ['python3-scapy'],
    present: () => existsSync('/usr/lib/python3/dist-packages/scapy/__init__.py'),
  },
  {
    what: "Prometheus' client library for python3",
    why: 'parses OpenMetrics to judge ours',
    packages: ['python3-prometheus-client'],
    present: () => existsSync('/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py'),
  },
  {
    what: 'PyYAML for python3',
    why: 'reads the YAML that we write',
    packages: ['python3-yaml'],
    present: () => existsSync('/usr/lib/python3/dist-packages/yaml/__init__.py'),
  },
  command('ethtool', "an interface's driver and features"),
  command('strace', 'says what a process does to the system'),
  command('gcc', 'compiles small judges'),
  command('clang-19', 'compiles for the debugger, and emits the instructions that older compilers do not know'),
  command('llvm-objdump-19', 'tells what the relocations of an object are', ['llvm-19']),
  command('llvm-dwarfdump', 'says what is in debug information', ['llvm']),
  command('xz', 'unpacks the BPF sources of Debian packages', ['xz-utils']),
  command('sudo', 'is tried as a way to get privilege'),
  command('pkexec', 'is tried as a way to get privilege', ['pkexec', 'policykit-1']),
  {
    what: 'polkitd',
    why: 'decides what pkexec may do',
    packages: ['polkitd', 'policykit-1'],
    present: () => existsSync('/usr/lib/polkit-1/polkitd'),
  },
  command('dbus-daemon', 'is how pkexec and polkit talk', ['dbus-daemon', 'dbus']),
  command('dbus-send', 'says when polkit is there', ['dbus-bin', 'dbus']),
  command('ping', 'sends packets that a program must see', ['iputils-ping']),
];

/** What `npm run bench` measures against, beside what the tests need. @type {readonly Requirement[]} */
export const benchRequirements = [command('xdp-loader', 'is what attaching is measured against', ['xdp-tools'])];

/** @returns {string | undefined} */
export function findBrowser() {
  const chosen = process.env.XDP_TEST_BROWSER;
  if (chosen !== undefined && existsSync(chosen)) return chosen;
  return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
    .map(findCommand)
    .find((file) => file !== undefined);
}

function hasChineseFont() {
  return [
    'truetype/wqy/wqy-microhei.ttc',
    'opentype/noto/NotoSansCJK-Regular.ttc',
    'truetype/droid/DroidSansFallbackFull.ttf',
  ].some((file) => existsSync(`/usr/share/fonts/${file}`));
}

/**
 * @param {string} folder
 * @param {RegExp} name
 */
function hasFile(folder, name) {
  try {
    return readdirSync(folder).some((file) => name.test(file));
  } catch {
    return false;
  }
}
