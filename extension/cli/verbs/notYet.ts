import { XdpError } from '../../core/errors.ts';
import type { Verb } from '../command.ts';

/** A verb of the CLI contract that is not built yet: it says so instead of being unknown. */
export function notYet(usage: string, what: string): Verb {
  return {
    summary: `${what} (not available yet)`,
    usage,
    run() {
      return Promise.reject(
        new XdpError('not-available', `xdp ${usage.split(' ')[0]} is not available in this version yet.`, {
          fix: 'The README says what this version does.',
        }),
      );
    },
  };
}
