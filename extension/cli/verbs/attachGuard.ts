import { XdpError } from '../../core/errors.ts';
import { t } from '../../core/text/language.ts';
import type { Attachments } from '../../session/attach/attachments.ts';
import type { LiveAttachment } from '../../session/attach/attachmentTypes.ts';
import { defaultGuardSeconds, describeLifelines } from '../../session/attach/lifelines.ts';
import { type ExitCode, wholeNumber } from '../command.ts';
import type { Output } from '../output.ts';

/** How an attachment ended without our asking. */
export type Ending = Promise<{ lost: string } | 'reverted'>;

/**
 * How long the attachment waits to be confirmed; undefined: it does not. On the interface that carries the default route or
 * the remote session it does unless `--guard 0` says otherwise, and there somebody must be able to confirm.
 */
export async function guardSecondsFor(about: {
  attachments: Attachments;
  output: Output;
  iface: string;
  netns: string | undefined;
  via: 'link' | 'netlink';
  asked: string | undefined;
}): Promise<number | undefined> {
  const { attachments, output, iface, netns, via, asked } = about;
  const seconds = asked === undefined ? undefined : wholeNumber('--guard', asked, { min: 0, max: 3600 });
  if (seconds === 0) return undefined;
  const lifelines = await attachments.lifelines(iface, netns);
  if (lifelines.length === 0 && seconds === undefined) return undefined;
  const why = lifelines.length === 0 ? t('because you asked for it') : describeLifelines(lifelines);
  if (lifelines.length > 0 && !process.stdin.isTTY) {
    throw new XdpError(
      'usage',
      `Attaching to ${iface} could cut you off (${why}), and there is no terminal to confirm it on.`,
      {
        fix: 'Run it on a terminal, where Enter confirms, or give --guard 0 to attach without the safety net.',
      },
    );
  }
  if (via === 'netlink') {
    throw new XdpError(
      'usage',
      `A netlink attachment to ${iface} cannot be guarded (${why}): it would outlive a helper that was killed.`,
      {
        fix: 'Attach by a link (--via link), or give --guard 0 to attach without the safety net.',
      },
    );
  }
  if (lifelines.length > 0) output.note(`${iface} is guarded: ${why}.`);
  return seconds ?? defaultGuardSeconds;
}

/** Enter on a terminal confirms; without a terminal nobody can. The countdown itself is the helper's. */
export async function awaitConfirmation(about: {
  attachments: Attachments;
  output: Output;
  live: LiveAttachment;
  guardSeconds: number;
  ending: Ending;
  signal: AbortSignal;
}): Promise<'confirmed' | ExitCode> {
  const { attachments, output, live, guardSeconds, ending, signal } = about;
  const { stdin } = process;
  output.note(`Press Enter within ${guardSeconds} s to keep ${live.program} on ${live.iface}; else it is undone.`);
  const reverted = new Promise<'reverted'>((resolve) => {
    attachments.onDidChange((event) => {
      if (event.kind === 'reverted') resolve('reverted');
      if (event.kind === 'counting' && stdin.isTTY && event.secondsLeft <= 5) output.note(`${event.secondsLeft} s …`);
    });
  });
  const asked = new Promise<'asked'>((resolve) => {
    if (signal.aborted) resolve('asked');
    signal.addEventListener('abort', () => resolve('asked'), { once: true });
  });
  const enter = new Promise<'enter'>((resolve) => {
    if (stdin.isTTY) stdin.once('data', () => resolve('enter'));
  });
  try {
    const outcome = await Promise.race([reverted, asked, enter, ending]);
    if (outcome === 'asked') return 0;
    if (outcome === 'enter') {
      await attachments.confirm(live);
      output.note('Confirmed.');
      return 'confirmed';
    }
    if (outcome === 'reverted') {
      output.note(`Not confirmed within ${guardSeconds} s: undone on ${live.iface}.`);
      return 1;
    }
    output.note(`Not attached any more: ${outcome.lost}`);
    return 1;
  } finally {
    stdin.pause();
  }
}
