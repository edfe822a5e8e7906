import { setTimeout as sleep } from 'node:timers/promises';
import { XdpError } from '../../core/errors.ts';
import { xdpModeRequests } from '../../core/xdp.ts';
import { Attachments, type LiveAttachment } from '../../session/attachments.ts';
import { chooseProgram, openObject } from '../../session/bpfObject.ts';
import { type ExitCode, oneOf, parse, type Verb, wholeNumber } from '../command.ts';
import type { Output } from '../output.ts';

export const attach: Verb = {
  summary: 'attach a program to an interface until Ctrl-C (or --keep)',
  usage:
    'attach FILE --iface IF [--prog NAME] [--mode auto|native|generic|offload] [--netns NS] [--via link|netlink] [--guard S] [--keep]',
  async run(args, { output, kernel, registry, build, signal }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        iface: { type: 'string' },
        prog: { type: 'string' },
        mode: { type: 'string', default: 'auto' },
        netns: { type: 'string' },
        via: { type: 'string', default: 'link' },
        guard: { type: 'string', default: '0' },
        keep: { type: 'boolean', default: false },
      },
      { min: 1, max: 1 },
    );
    if (values.iface === undefined) {
      throw new XdpError('usage', 'No interface was named.', { fix: `Usage: xdp ${this.usage}` });
    }
    const mode = oneOf('--mode', values.mode, xdpModeRequests);
    const via = oneOf('--via', values.via, ['link', 'netlink'] as const);
    const guardSeconds = wholeNumber('--guard', values.guard, { min: 0, max: 3600 });
    if (values.keep && guardSeconds > 0) {
      throw new XdpError('usage', '--keep and --guard exclude each other: nothing is pinned before it is confirmed.', {
        fix: 'Try it with --guard first, then attach with --keep.',
      });
    }
    const object = await openObject(positionals[0] ?? '', build);
    const program = chooseProgram(object, values.prog);
    const attachments = new Attachments(kernel, registry);
    const lost = firstLoss(attachments);
    const live = await attachments.attach({
      object,
      program: program.name,
      iface: values.iface,
      mode,
      via,
      keep: values.keep,
      ...(values.netns === undefined ? {} : { netns: values.netns }),
    });
    announce(output, live);
    if (values.keep) return 0;
    try {
      return await untilTheEnd({ output, live, lost, signal, guardSeconds });
    } finally {
      await attachments.dispose();
    }
  },
};

function announce(output: Output, live: LiveAttachment): void {
  const { program, progId, iface, mode, linkId, pin, netns } = live;
  const document = {
    program,
    progId,
    iface,
    mode,
    ...(linkId === undefined ? {} : { linkId }),
    ...(pin === undefined ? {} : { pin }),
  };
  output.result(document, () => {
    const kept =
      pin === undefined
        ? 'Ctrl-C detaches.'
        : `Kept by ${pin}; \`xdp detach --iface ${iface}${netns === undefined ? '' : ` --netns ${netns}`}\` removes it.`;
    return `${program} attached to ${iface} (${mode}), program id ${progId}. ${kept}`;
  });
  if (live.modeReason !== undefined) output.note(live.modeReason);
  if (live.via === 'netlink') {
    output.note('Attached through netlink: it survives a crash of this process, and other tools may replace it.');
  }
}

function firstLoss(attachments: Attachments): Promise<string> {
  return new Promise((resolve) => {
    attachments.onDidChange((event) => {
      if (event.kind === 'lost') resolve(event.reason);
    });
  });
}

async function untilTheEnd(run: {
  output: Output;
  live: LiveAttachment;
  lost: Promise<string>;
  signal: AbortSignal;
  guardSeconds: number;
}): Promise<ExitCode> {
  const { output, live, lost, signal, guardSeconds } = run;
  const ended = new Promise<'ended'>((resolve) => {
    if (signal.aborted) resolve('ended');
    signal.addEventListener('abort', () => resolve('ended'), { once: true });
  });
  const waits: Promise<'ended' | 'confirmed' | 'unconfirmed' | { lost: string }>[] = [
    ended,
    lost.then((reason) => ({ lost: reason })),
  ];
  // A pending promise does not keep Node alive; the helper's pipe does.
  const outcome = await Promise.race(guardSeconds === 0 ? waits : [...waits, guard(output, live, guardSeconds)]);
  if (outcome === 'confirmed') {
    output.note('Confirmed.');
    return await untilTheEnd({ ...run, guardSeconds: 0 });
  }
  if (outcome === 'ended') return 0;
  if (outcome === 'unconfirmed') {
    output.note(`Not confirmed within ${guardSeconds} s: ${live.program} is detached from ${live.iface} again.`);
    return 1;
  }
  output.note(`${live.program} is not attached to ${live.iface} any more: ${outcome.lost}`);
  return 1;
}

/** Enter on a terminal confirms; without a terminal nobody can. */
async function guard(output: Output, live: LiveAttachment, seconds: number): Promise<'confirmed' | 'unconfirmed'> {
  output.note(`Guarded: press Enter within ${seconds} s to stay attached to ${live.iface}.`);
  const timeout = sleep(seconds * 1000, 'unconfirmed' as const);
  if (!process.stdin.isTTY) return await timeout;
  const { stdin } = process;
  const enter = new Promise<'confirmed'>((resolve) => stdin.once('data', () => resolve('confirmed')));
  try {
    return await Promise.race([enter, timeout]);
  } finally {
    stdin.pause();
  }
}
