import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import {
  adminDirectory,
  adminFiles,
  adminStartScript,
  findAdminInstall,
  whyUntrusted,
} from '../../kernel/launch/adminInstall.ts';
import { requireHelper } from '../../kernel/client.ts';
import { launchScript } from '../../kernel/launch/script.ts';
import { execute, findTool, requireTool } from '../lab/privileged.ts';
import { requireLinux } from '../requireLinux.ts';

export interface AdminOptions {
  /** Default: /opt/xdp-vscode, the only place that the launcher looks at. */
  directory?: string;
  /** Whose members may start the helper; made where it is missing. Default: xdp. */
  group?: string;
  /** File name below /etc/sudoers.d. */
  rule?: string;
}

export interface AdminSource {
  /** dist/ of the package, with node_modules/koffi beside it. */
  dist: string;
  version: string;
  /** The Node to copy. */
  execPath: string;
}

export interface AdminStatus {
  state: 'installed' | 'absent' | 'untrusted';
  directory: string;
  version?: string;
  /** Why it is not used. */
  problem?: string;
}

/** What koffi needs to run its prebuilt library; the rest of its package is sources. */
const koffiFiles = ['package.json', 'index.cjs', 'src/koffi/index.cjs', 'src/koffi/src/static.cjs'];
const sudoersFolder = '/etc/sudoers.d';

/** Copies what the helper is into a folder of root's, and lets the group start exactly that. Root only. */
export async function adminInstall(source: AdminSource, options: AdminOptions = {}): Promise<AdminStatus> {
  requireLinux();
  const { directory = adminDirectory, group = 'xdp', rule = 'xdp-vscode' } = options;
  requireRoot('install');
  requireHelper(path.join(source.dist, 'helper.js'));
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(group)) {
    throw new XdpError('usage', `${JSON.stringify(group)} is no name of a group.`, {
      fix: 'Lower-case letters and digits.',
    });
  }
  const above = whyUntrusted(path.dirname(directory));
  if (existsSync(path.dirname(directory)) && above?.startsWith(path.dirname(directory)) === true) {
    throw new XdpError('environment', `Nothing is installed: ${above}.`, { fix: 'Make that folder root’s alone.' });
  }
  const aside = `${directory}.new`;
  rmSync(aside, { recursive: true, force: true });
  try {
    fill(aside, directory, source);
    makeRootsAlone(aside);
    const tried = await execute([path.join(aside, adminFiles.node), '--version']);
    if (tried.status !== 0) {
      throw new XdpError('environment', `A copy of ${source.execPath} does not run by itself: ${tried.stderr.trim()}`, {
        fix: 'Run this with a Node.js of nodejs.org or of the distribution.',
      });
    }
    const made = await execute([requireTool('groupadd', 'passwd'), '--force', '--system', group]);
    if (made.status !== 0)
      throw new XdpError('environment', `The group ${group} cannot be made: ${made.stderr.trim()}`);
    rmSync(directory, { recursive: true, force: true });
    renameSync(aside, directory);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  await writeRule(path.join(sudoersFolder, rule), group, path.join(directory, adminFiles.start));
  return adminStatus(directory);
}

export function adminRemove(options: AdminOptions = {}): AdminStatus {
  const { directory = adminDirectory, rule = 'xdp-vscode' } = options;
  requireRoot('remove');
  // The rule first: it must never stand for a file that anybody else could make.
  rmSync(path.join(sudoersFolder, rule), { force: true });
  rmSync(directory, { recursive: true, force: true });
  return adminStatus(directory);
}

export function adminStatus(directory: string = adminDirectory): AdminStatus {
  const found = findAdminInstall(directory, undefined);
  switch (found?.kind) {
    case undefined:
      return { state: 'absent', directory };
    case 'untrusted':
      return { state: 'untrusted', directory, problem: found.why };
    case 'ready':
    case 'other-version':
      return {
        state: 'installed',
        directory,
        version: readFileSync(path.join(directory, adminFiles.version), 'utf8').trim(),
      };
  }
}

function fill(aside: string, directory: string, { dist, version, execPath }: AdminSource): void {
  mkdirSync(aside, { mode: 0o755 });
  copyFileSync(realpathSync(execPath), path.join(aside, adminFiles.node));
  copyFileSync(path.join(dist, 'helper.js'), path.join(aside, adminFiles.helper));
  writeFileSync(path.join(aside, adminFiles.launch), launchScript);
  writeFileSync(path.join(aside, adminFiles.start), adminStartScript(directory));
  writeFileSync(path.join(aside, adminFiles.version), `${version}\n`);
  const modules = findModules(dist);
  for (const file of koffiFiles)
    copyInto(path.join(modules, 'koffi', file), path.join(aside, 'node_modules/koffi', file));
  for (const name of readdirSync(path.join(modules, '@koromix')).filter((each) => each.startsWith('koffi-linux'))) {
    const to = path.join(aside, 'node_modules/@koromix', name);
    cpSync(realpathSync(path.join(modules, '@koromix', name)), to, { recursive: true, dereference: true });
  }
}

/** In a clone or a package beside dist; of an npm dependency further up. */
function findModules(dist: string): string {
  for (let at = path.dirname(dist); ; at = path.dirname(at)) {
    const modules = path.join(at, 'node_modules');
    if (existsSync(path.join(modules, 'koffi', 'package.json'))) return modules;
    if (at === path.dirname(at)) break;
  }
  throw new XdpError('environment', `koffi, the native part of the helper, is not installed near ${dist}.`, {
    fix: 'Run npm ci in a clone, or use the package for this system.',
  });
}

function copyInto(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}

const executables: readonly string[] = [adminFiles.start, adminFiles.node];

function makeRootsAlone(folder: string): void {
  const make = (file: string): void => {
    const info = statSync(file);
    chownSync(file, 0, 0);
    chmodSync(file, info.isDirectory() || executables.includes(path.relative(folder, file)) ? 0o755 : 0o644);
    if (info.isDirectory()) for (const name of readdirSync(file)) make(path.join(file, name));
  };
  make(folder);
}

/** Looked through by visudo before it counts: a broken rule would lock everybody out of sudo. */
async function writeRule(file: string, group: string, command: string): Promise<void> {
  const text = `# XDP for VS Code: members of the group ${group} start its kernel helper, and nothing else.\n%${group} ALL=(root) NOPASSWD: ${command}\n`;
  // sudo does not read files with a dot in their names.
  const draft = `${file}.new`;
  writeFileSync(draft, text, { mode: 0o440 });
  try {
    const visudo = findTool('visudo');
    const checked = visudo === undefined ? undefined : await execute([visudo, '-cf', draft]);
    if (checked !== undefined && checked.status !== 0) {
      throw new XdpError('environment', `sudo does not take the rule: ${checked.stderr.trim()}`);
    }
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

function requireRoot(action: string): void {
  if (process.getuid?.() === 0) return;
  throw new XdpError('privilege', `Only root can ${action} it for a group of users.`, {
    fix: `Run: sudo ${process.execPath} ${process.argv[1] ?? 'xdp'} admin ${action}`,
  });
}
