import { type HelperProfile, profileCapabilities } from '../system/capabilities.ts';
import { netnsPath } from './netns.ts';

/** Exit codes of the script below, beside those of what it executes. */
export const launchExit = { noSuchNetns: 65, noSetpriv: 66, noNsenter: 67 } as const;

/**
 * V8's room for what is new, in MiB. By default it grows to 48 in a helper that has done much, and is never given back.
 */
export const nodeOption = '--max-semi-space-size=4';

/**
 * The one shell script of the product, run as root before capabilities are dropped. Constant: everything variable comes as
 * an argument and is only ever expanded in quotes.
 *
 * It mounts what is missing, makes the user's pin directory and goes there, enters a network namespace by name, and then
 * becomes the helper through setpriv. The BPF file system may be writable for everybody (mode 1777), so that nothing in
 * it is trusted before it is known to be root's: `cd` first, then look at where we are.
 */
export const launchScript = `
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
netns=$1 uid=$2 gid=$3 caps=$4 profile=$5 node=$6 helper=$7
bpffs=/sys/fs/bpf
command -v setpriv >/dev/null || { echo 'setpriv (package util-linux) is not installed' >&2; exit ${launchExit.noSetpriv}; }
if [ -n "$netns" ]; then
  command -v nsenter >/dev/null || { echo 'nsenter (package util-linux) is not installed' >&2; exit ${launchExit.noNsenter}; }
  [ -e "$netns" ] || exit ${launchExit.noSuchNetns}
fi
cd /
problem=
grep -q " $bpffs bpf " /proc/self/mounts || mount -t bpf -o mode=0700 bpf "$bpffs" 2>/dev/null || problem="no BPF file system is mounted at $bpffs, and mounting one failed"
if [ -z "$problem" ]; then
  [ -e "$bpffs/xdp-vscode" ] || (umask 066 && mkdir "$bpffs/xdp-vscode") 2>/dev/null
  if cd "$bpffs/xdp-vscode" 2>/dev/null && [ "$(pwd -P)" = "$bpffs/xdp-vscode" ] && [ "$(stat -c %u .)" = 0 ]; then
    chmod 0711 .
    [ -e "./$uid" ] || { (umask 077 && mkdir "./$uid") && chown -h "$uid:$gid" "./$uid"; } 2>/dev/null
    cd "./$uid" 2>/dev/null && [ "$(stat -c %u .)" = "$uid" ] || problem="$bpffs/xdp-vscode/$uid could not be made"
  else
    problem="$bpffs/xdp-vscode could not be made, or belongs to another user"
  fi
fi
if [ "$uid" = 0 ] && ! [ -d /sys/kernel/tracing/events ]; then
  mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
fi
if [ -z "$problem" ]; then
  set -- --pins "$bpffs/xdp-vscode/$uid"
else
  cd /
  set -- --pin-problem "$problem"
fi
set -- env -i PATH="$PATH" LANG=C.UTF-8 ELECTRON_RUN_AS_NODE=1 "$node" ${nodeOption} "$helper" --profile "$profile" "$@"
set -- --inh-caps="-all$caps" --ambient-caps="-all$caps" --bounding-set="-all$caps" --no-new-privs "$@"
[ "$uid" = 0 ] || set -- --reuid="$uid" --regid="$gid" --clear-groups "$@"
if [ -n "$netns" ]; then
  exec nsenter --net="$netns" setpriv "$@"
fi
exec setpriv "$@"
`;

export interface ScriptArguments {
  netns: string | undefined;
  uid: number;
  gid: number;
  profile: HelperProfile;
  execPath: string;
  helperPath: string;
}

/** `/bin/sh` and these start the helper; the caller must be root or become it (sudo, pkexec). */
export function scriptCommand(options: ScriptArguments): [string, ...string[]] {
  const caps = profileCapabilities[options.profile].map((name) => `,+${name.slice('CAP_'.length).toLowerCase()}`);
  return [
    '/bin/sh',
    '-c',
    launchScript,
    'xdp-helper',
    options.netns === undefined ? '' : netnsPath(options.netns),
    String(options.uid),
    String(options.gid),
    caps.join(''),
    options.profile,
    options.execPath,
    options.helperPath,
  ];
}
