import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { profileCapabilities } from '../system/capabilities.ts';

/**
 * What an administrator installs once, so that the members of a group can start the helper without a password: a folder
 * of root's with a Node, the helper and one script, which is all that sudo lets them run.
 */
export const adminDirectory = '/opt/xdp-vscode';

/** File names in the folder. */
export const adminFiles = {
  /** The only command in the sudoers rule. */
  start: 'xdp-helper',
  launch: 'launch.sh',
  node: 'node',
  helper: 'helper.js',
  version: 'version',
} as const;

/** Exit codes of the start script, beside those of the launch script. */
export const adminExit = { refused: 68 } as const;

export type AdminInstall =
  | { kind: 'ready'; command: string }
  /** Somebody else than root could change what would run with privilege. */
  | { kind: 'untrusted'; why: string }
  | { kind: 'other-version'; version: string };

/** undefined: there is none. `version`: of the extension that asks, undefined where that is not known. */
export function findAdminInstall(directory: string, version: string | undefined): AdminInstall | undefined {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return undefined;
  const why = whyUntrusted(directory);
  if (why !== undefined) return { kind: 'untrusted', why };
  const installed = readFileSync(path.join(directory, adminFiles.version), 'utf8').trim();
  if (version !== undefined && version !== installed) return { kind: 'other-version', version: installed };
  return { kind: 'ready', command: path.join(directory, adminFiles.start) };
}

/**
 * Why what lies there cannot be trusted: every folder on the way to it, and everything in it, must be root's and writable
 * for root alone. With access lists the group bits are their mask, so that these show too.
 */
export function whyUntrusted(directory: string): string | undefined {
  try {
    for (const one of [directory, realpathSync(directory)]) {
      const parts = one.split('/').filter((part) => part !== '');
      for (let count = 0; count <= parts.length; count++) {
        const why = judge(`/${parts.slice(0, count).join('/')}`, { links: 'followed' });
        if (why !== undefined) return why;
      }
    }
    return judgeTree(realpathSync(directory));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function judgeTree(folder: string): string | undefined {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    const why = judge(file, { links: 'refused' }) ?? (entry.isDirectory() ? judgeTree(file) : undefined);
    if (why !== undefined) return why;
  }
  return undefined;
}

function judge(file: string, { links }: { links: 'followed' | 'refused' }): string | undefined {
  const info = lstatSync(file);
  if (info.uid !== 0) return `${file} belongs to user ${info.uid}, not to root`;
  if (info.isSymbolicLink()) return links === 'refused' ? `${file} is a symbolic link` : undefined;
  return (info.mode & 0o022) === 0 ? undefined : `${file} can be written by others than root`;
}

/**
 * Run by sudo as root for whoever is in the group: nothing of it can be chosen but the profile and a network namespace. It
 * looks once more whether the folder is root's alone, and goes on with the launch script for the user who called sudo.
 */
export function adminStartScript(directory: string): string {
  const caps = (profile: 'own' | 'system'): string =>
    profileCapabilities[profile].map((name) => `,+${name.slice('CAP_'.length).toLowerCase()}`).join('');
  return `#!/bin/sh
# Made by: xdp admin install. Usage: sudo -n ${path.join(directory, adminFiles.start)} own|system [NETNS-FILE]
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
refuse() { echo "xdp-helper: $1" >&2; exit ${adminExit.refused}; }
dir='${directory}'
uid=\${SUDO_UID-}
case $uid in '' | *[!0-9]*) refuse 'it is started by sudo' ;; esac
[ "$#" -le 2 ] || refuse 'too many arguments'
profile=\${1-} netns=\${2-}
case $profile in
own) caps='${caps('own')}' ;;
system) caps='${caps('system')}' ;;
*) refuse 'the profile is own or system' ;;
esac
case $netns in
'') ;;
/run/netns/*)
  name=\${netns#/run/netns/}
  case $name in '' | . | .. | */*) refuse 'no such namespace' ;; esac
  ;;
/proc/*/ns/net)
  pid=\${netns#/proc/}
  pid=\${pid%/ns/net}
  case $pid in '' | *[!0-9]*) refuse 'no such namespace' ;; esac
  ;;
*) refuse 'no such namespace' ;;
esac
bad=$(find "$dir" \\( ! -user 0 -o -perm /022 -o -type l \\) -print -quit) || refuse "$dir cannot be looked through"
[ -z "$bad" ] || refuse "$bad is not root's alone"
gid=$(id -g "$uid") || refuse "there is no user $uid"
exec /bin/sh "$dir/${adminFiles.launch}" "$netns" "$uid" "$gid" "$caps" "$profile" "$dir/${adminFiles.node}" "$dir/${adminFiles.helper}"
`;
}
