import { t } from '../../core/text/language.ts';
import type { Lifeline } from '../../protocol/kernel.ts';

/** How long a guarded attachment waits to be confirmed, unless the user says otherwise. */
export const defaultGuardSeconds = 15;

/** `it carries the IPv4 default route and your remote session (203.0.113.7)`. */
export function describeLifelines(lifelines: readonly Lifeline[]): string {
  const parts = lifelines.map((lifeline) => {
    switch (lifeline.kind) {
      case 'default-route':
        return t('the {0} default route', lifeline.family);
      case 'remote-session':
        return t('the remote session with {0}', lifeline.peer);
    }
  });
  return t('it carries {0}', parts.join(t(' and ')));
}

/** The other end of a remote session, as sshd tells it: `address port …`. */
export function sessionPeers(env: NodeJS.ProcessEnv): string[] {
  return [env['SSH_CONNECTION'], env['SSH_CLIENT']].flatMap((text) => text?.split(' ')[0] ?? []);
}
