import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './kernelHelper.ts';
import type { TestUser } from './kernelUser.ts';

/** A system bus and polkit of a test's own, in a mount namespace in which nobody else's is seen. */
export interface Polkit {
  /** A prefix that goes there. */
  enter: readonly string[];
  stop(): Promise<void>;
}

/** `answer`: what the administrator's rule says of this user's pkexec; `ask` is for the user's own password. */
export async function startPolkit({ name }: TestUser, answer: 'yes' | 'ask'): Promise<Polkit> {
  const result = answer === 'yes' ? 'YES' : 'AUTH_ADMIN';
  const rules = `
polkit.addAdminRule(function () { return ['unix-user:${name}']; });
polkit.addRule(function (action, subject) {
  if (action.id === 'org.freedesktop.policykit.exec' && subject.user === '${name}') return polkit.Result.${result};
});`;
  const script = `
set -e
# Of this group alone: the test that started it may have been killed.
trap 'trap - TERM EXIT PIPE; kill 0' TERM EXIT PIPE
mkdir -p /run/dbus
mount -t tmpfs -o mode=0755 tmpfs /run/dbus
mount -t tmpfs -o mode=0755 tmpfs /etc/polkit-1/rules.d
printf %s "$1" > /etc/polkit-1/rules.d/10-test.rules
dbus-daemon --system --nofork --nopidfile &
while ! [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
/usr/lib/polkit-1/polkitd --no-debug &
while ! dbus-send --system --print-reply --dest=org.freedesktop.PolicyKit1 / org.freedesktop.DBus.Peer.Ping >/dev/null 2>&1; do sleep 0.05; done
echo ready
wait`;
  const args = [
    '--mount',
    '--propagation',
    'private',
    'setpriv',
    '--pdeathsig',
    'TERM',
    'sh',
    '-c',
    script,
    'sh',
    rules,
  ];
  const child = spawn('unshare', args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  await said(child, 'ready');
  return {
    enter: ['nsenter', `--mount=/proc/${child.pid}/ns/mnt`],
    stop: async () => {
      const closed = once(child, 'close');
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await closed;
    },
  };
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await eventually(`${word} from polkit`, () => text.includes(word));
}

/**
 * A prefix that registers polkit's agent for terminals for the process that it becomes. `passwords` are typed at its
 * prompts, in turn.
 */
export function withAgent(passwords: readonly string[]): readonly string[] {
  const script = `
fifo=$(mktemp -u) && mkfifo "$fifo"
printf '%s\\n' "$1" | setpriv --pdeathsig KILL python3 -c "$2" $$ "$fifo" >/dev/null &
read registered < "$fifo"; rm "$fifo"
shift 2
exec "$@"`;
  return ['sh', '-c', script, 'sh', passwords.join('\n'), typist];
}

/** On a terminal of its own: the agent, and fingers. */
const typist = `
import os, pty, sys, termios, time
passwords = sys.stdin.read().splitlines()
notify, notified = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.set_inheritable(notified, True)
    os.execvp('pkttyagent', ['pkttyagent', '--process', sys.argv[1], '--notify-fd', str(notified)])
os.close(notified)
os.read(notify, 1)
open(sys.argv[2], 'w').write('registered\\n')
seen = b''
while True:
    try:
        seen += os.read(terminal, 1024)
    except OSError:
        break
    if seen.rstrip().endswith(b'Password:') and passwords:
        # It asks, and then throws away what was typed while it switched the echo off.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(terminal, passwords.pop(0).encode() + b'\\n')
        seen = b''
`;
