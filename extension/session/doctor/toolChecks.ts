import { toErrorData } from '../../core/errors.ts';
import { minClangMajor } from '../../toolchain/clang.ts';
import { installCommand, type Need } from '../../toolchain/distro.ts';
import type { Facts } from './facts.ts';
import type { Check, DoctorMachine } from './machine.ts';
import type { Privilege } from './privilege.ts';

export async function clangCheck(machine: DoctorMachine, required: boolean): Promise<Check> {
  const check = { id: 'clang', title: 'clang', required };
  try {
    const { version, path } = await machine.findClang();
    return { ...check, status: 'ok', detail: `${version} with the BPF target, ${path}` };
  } catch (error) {
    const { message, fix } = toErrorData(error);
    const detail = `${message}; it takes ${minClangMajor} or newer with the BPF target`;
    return { ...check, status: 'missing', detail, ...(fix === undefined ? {} : { fix }) };
  }
}

/** The helper's word where it was started; else the names of files: libbpf.so.1 is a link to libbpf.so.1.MINOR.PATCH. */
export async function libbpfCheck(machine: DoctorMachine, facts: Facts, { started }: Privilege): Promise<Check> {
  const check = { id: 'libbpf', title: 'libbpf', required: true } as const;
  const fix = installCommand(['libbpf'], facts.osRelease);
  if (started && 'error' in started && ['libbpf-missing', 'libbpf-too-old'].includes(started.error.code)) {
    return { ...check, status: 'missing', detail: started.error.message, fix: started.error.fix ?? fix };
  }
  const loaded = started && 'client' in started ? started.client.hello.libbpfVersion : undefined;
  const names: string[] = [];
  for (const folder of libraryFolders(machine.arch)) {
    for (const name of await machine.list(folder)) {
      if (/^libbpf\.so\.[\d.]+$/.test(name)) names.push(`${folder}/${name}`);
    }
  }
  const ldconfig = await machine.findCommand('ldconfig');
  const cache = ldconfig === undefined ? '' : ((await machine.output(ldconfig, ['-p'])) ?? '');
  for (const match of cache.matchAll(/^\s*libbpf\.so\.\d+ .*=> (\S+)$/gm)) names.push(match[1] ?? '');
  // libbpf tells no patch level of its own; where files say something else, what was loaded counts.
  const fit = names.filter((name) => name.includes(`libbpf.so.${loaded ?? '1'}`));
  const file = fit.find((name) => /\.so\.1\.\d/.test(name)) ?? fit[0];
  if (file !== undefined) {
    const version = /\.so\.(1\.[\d.]+)$/.exec(file)?.[1];
    return { ...check, status: 'ok', detail: version === undefined ? file : `${version}, ${file}` };
  }
  if (loaded !== undefined) return { ...check, status: 'ok', detail: loaded };
  const old = names[0];
  const detail =
    old === undefined
      ? 'libbpf.so.1 was not found; the helper loads programs through it'
      : `only ${old}, which is libbpf 0.x; the helper needs libbpf.so.1 (Debian 12, Ubuntu 24.04 and newer have it)`;
  return { ...check, status: 'missing', detail, fix };
}

function libraryFolders(arch: string): string[] {
  const triple = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[arch];
  const multiarch = triple === undefined ? [] : [`/usr/lib/${triple}`, `/lib/${triple}`];
  return [...multiarch, '/usr/lib64', '/lib64', '/usr/lib', '/lib', '/usr/local/lib', '/usr/local/lib64'];
}

export function nodeCheck(machine: DoctorMachine): Check {
  const check = { id: 'node', title: 'Node.js', required: true } as const;
  if (Number.parseInt(machine.nodeVersion) >= 20) return { ...check, status: 'ok', detail: machine.nodeVersion };
  const detail = `${machine.nodeVersion}; it takes 20 or newer`;
  return { ...check, status: 'missing', detail, fix: 'Install Node.js 20 or newer: https://nodejs.org' };
}

interface Tool {
  id: string;
  command: string;
  title: string;
  need: Need;
  versionArgs: readonly string[];
  version: RegExp;
  use: string;
}

const tools: readonly Tool[] = [
  {
    id: 'iproute2',
    command: 'ip',
    title: 'iproute2',
    need: 'iproute2',
    versionArgs: ['-V'],
    version: /iproute2-(\S+?),?(?:\s|$)/,
    use: 'the lab is made with it',
  },
  {
    id: 'bpftool',
    command: 'bpftool',
    title: 'bpftool',
    need: 'bpftool',
    versionArgs: ['version'],
    version: /bpftool v(\S+)/,
    use: 'nothing here depends on it; it is good company',
  },
  {
    id: 'setpriv',
    command: 'setpriv',
    title: 'setpriv',
    need: 'util-linux',
    versionArgs: ['--version'],
    version: /util-linux (\S+)/,
    use: 'takes from the helper what it does not need',
  },
  {
    id: 'nsenter',
    command: 'nsenter',
    title: 'nsenter',
    need: 'util-linux',
    versionArgs: ['--version'],
    version: /util-linux (\S+)/,
    use: 'enters another network namespace (--netns)',
  },
];

export function toolChecks(machine: DoctorMachine, facts: Facts, { way }: Privilege): Promise<Check[]> {
  return Promise.all(
    tools.map(async (tool): Promise<Check> => {
      // A process that is capable by itself starts the helper without it.
      const required = tool.id === 'setpriv' && way !== 'capable' && way !== 'none';
      const check = { id: tool.id, title: tool.title, required };
      const fix = installCommand([tool.need], facts.osRelease);
      const path = await machine.findCommand(tool.command);
      if (path === undefined) return { ...check, status: 'missing', detail: `not found; ${tool.use}`, fix };
      const said = await machine.output(path, tool.versionArgs);
      const version = said === undefined ? undefined : tool.version.exec(said)?.[1];
      if (version !== undefined) return { ...check, status: 'ok', detail: `${version}, ${path}` };
      // Ubuntu's bpftool is a script that looks for the tools of the running kernel, and WSL's kernel has none.
      if (tool.id === 'bpftool') {
        const detail = `${path} does not run with this kernel; ${tool.use}`;
        const build = 'Build it from https://github.com/libbpf/bpftool: there is no package for the kernel of WSL.';
        return { ...check, status: 'warning', detail, fix: facts.wsl === undefined ? fix : build };
      }
      // BusyBox has an nsenter and an ip that tell no version.
      return { ...check, status: 'ok', detail: `${path}, which does not tell its version` };
    }),
  );
}
