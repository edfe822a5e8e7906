import type { Lifeline } from '../../protocol/kernel.ts';

/** How long a guarded attachment waits to be confirmed, unless the user says otherwise. */
export const defaultGuardSeconds = 15;

/** `it carries the IPv4 default route and your remote session (203.0.113.7)`. */
export function describeLifelines(lifelines: readonly Lifeline[]): string {
  const parts = lifelines.map((lifeline) => {
    switch (lifeline.kind) {
      case 'default-route':
        return `the ${lifeline.family} default route`;
      case 'remote-session':
        return `the remote session with ${lifeline.peer}`;
    }
  });
  return `it carries ${parts.join(' and ')}`;
}

/** The other end of a remote session, as sshd tells it: `address port …`. */
export function sessionPeers(env: NodeJS.ProcessEnv): string[] {
  return [env['SSH_CONNECTION'], env['SSH_CLIENT']].flatMap((text) => text?.split(' ')[0] ?? []);
}
