import { XdpError } from '../../core/errors.ts';
import type { AdviceCode } from '../../core/preflight/advice.ts';
import { genericDifferences } from '../../core/preflight/surroundings.ts';
import { xdpModeRequests } from '../../core/xdp.ts';
import { t, translated } from '../../core/text/language.ts';
import { Attachments } from '../../session/attach/attachments.ts';
import type { LiveAttachment } from '../../session/attach/attachmentTypes.ts';
import { chooseProgram, openObject, tcProgramOf } from '../../session/bpfObject.ts';
import { type Context, type ExitCode, oneOf, parse, type Verb } from '../command.ts';
import type { Output } from '../output.ts';
import { awaitConfirmation, type Ending, guardSecondsFor } from './attachGuard.ts';
import { noteBeforeAttaching } from './attachNotes.ts';
import { noteMaps, watchFile } from './attachWatch.ts';

export const attach: Verb = {
  summary: 'attach a program to an interface until Ctrl-C (or --keep)',
  usage:
    'attach FILE --iface IF [--prog NAME] [--with-tc PROG] [--mode auto|native|generic|offload] [--netns NS]\n' +
    '           [--via link|netlink] [--guard S] [--keep] [--replace [--fresh-maps]] [--watch]',
  async run(args, context) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        iface: { type: 'string' },
        prog: { type: 'string' },
        'with-tc': { type: 'string' },
        mode: { type: 'string', default: 'auto' },
        netns: { type: 'string' },
        via: { type: 'string', default: 'link' },
        guard: { type: 'string' },
        keep: { type: 'boolean', default: false },
        replace: { type: 'boolean', default: false },
        'fresh-maps': { type: 'boolean', default: false },
        watch: { type: 'boolean', default: false },
      },
      { min: 1, max: 1 },
    );
    if (values.iface === undefined) {
      throw new XdpError('usage', 'No interface was named.', { fix: `Usage: xdp ${this.usage}` });
    }
    if (values.watch && values.keep) {
      throw new XdpError('usage', '--watch stays in the foreground and --keep returns: they exclude each other.', {
        fix: 'Attach with --keep, and later put a new build in its place: xdp attach FILE --iface IF --replace',
      });
    }
    return await run(context, {
      file: positionals[0] ?? '',
      iface: values.iface,
      program: values.prog,
      tc: values['with-tc'],
      mode: oneOf('--mode', values.mode, xdpModeRequests),
      via: oneOf('--via', values.via, ['link', 'netlink'] as const),
      guard: values.guard,
      keep: values.keep,
      replace: values.replace,
      keepMaps: !values['fresh-maps'],
      watch: values.watch,
      netns: values.netns,
    });
  },
};

interface Options {
  file: string;
  iface: string;
  program: string | undefined;
  tc: string | undefined;
  mode: (typeof xdpModeRequests)[number];
  via: 'link' | 'netlink';
  guard: string | undefined;
  keep: boolean;
  replace: boolean;
  keepMaps: boolean;
  watch: boolean;
  netns: string | undefined;
}

async function run(context: Context, options: Options): Promise<ExitCode> {
  const { output, kernel, registry, build, signal } = context;
  const { iface, netns, mode, via, keep } = options;
  const object = await openObject(options.file, build);
  const { name: program } = chooseProgram(object, options.program);
  const withTc = options.tc === undefined ? {} : { withTc: tcProgramOf(object, options.tc) };
  const attachments = new Attachments(kernel, registry);
  try {
    const guardSeconds = await guardSecondsFor({ attachments, output, iface, netns, via, asked: options.guard });
    const ending = endOf(attachments);
    const guarded = guardSeconds === undefined ? {} : { guardSeconds };
    const before = options.replace ? await attachments.adoptIfKept(iface, netns) : undefined;
    const said = await noteBeforeAttaching(context, { object, program, iface, netns, mode: before?.mode ?? mode });
    let live: LiveAttachment;
    if (before === undefined) {
      const where = netns === undefined ? {} : { netns };
      live = await attachments.attach({ object, program, iface, mode, via, keep, ...withTc, ...where, ...guarded });
    } else {
      const replaced = await attachments.replace(before, { object, program, keepMaps: options.keepMaps, ...guarded });
      noteMaps(output, replaced, before);
      live = replaced.attachment;
    }
    const returns = keep || before !== undefined;
    if (!returns) announce(output, live, said);
    if (guardSeconds !== undefined) {
      const answer = await awaitConfirmation({ attachments, output, live, guardSeconds, ending, signal });
      if (answer !== 'confirmed') {
        if (returns)
          output.result({ program: live.program, iface, confirmed: false }, () =>
            t('Not kept: {0} is as it was.', iface),
          );
        return answer;
      }
    }
    if (returns) {
      announce(output, live, said);
      return 0;
    }
    await followExceptions(output, live);
    const reload = options.watch ? watchFile(context, attachments, live) : undefined;
    try {
      const code = await untilTheEnd(output, ending, signal);
      // Said, and failed aloud: whoever ends it wants to know that nothing stays.
      if (code === 0) await detachAll(output, attachments);
      return code;
    } finally {
      reload?.dispose();
    }
  } catch (error) {
    const { explainRejection } = await import('../../session/verify.ts');
    throw explainRejection(error, object);
  } finally {
    await attachments.dispose();
  }
}

async function detachAll(output: Output, attachments: Attachments): Promise<void> {
  for (const live of attachments.live) {
    await attachments.detach(live);
    output.note(`${live.program} detached from ${live.iface} (${live.mode})`);
  }
}

/** Where packets get lost, as it happens; that it cannot be seen is said once. */
async function followExceptions(output: Output, { client }: LiveAttachment): Promise<void> {
  const { countExceptions, exceptionLine } = await import('../../session/attach/exceptions.ts');
  countExceptions(client, (total) => output.note(exceptionLine(total)));
  const { problem } = await client.call('trace/follow', { printk: false });
  if (problem !== undefined) output.note(`Exceptions of XDP are not shown: ${problem}`);
}

/** `said`: what was to be known before. */
function announce(output: Output, live: LiveAttachment, said: ReadonlySet<AdviceCode>): void {
  const { program, progId, iface, mode, linkId, pin, netns } = live;
  const document = {
    program,
    progId,
    iface,
    mode,
    ...(linkId === undefined ? {} : { linkId }),
    ...(pin === undefined ? {} : { pin }),
    ...(live.tc === undefined ? {} : { tc: live.tc }),
    ...(live.modeReason === undefined ? {} : { modeReason: live.modeReason }),
  };
  output.result(document, () => {
    const detaching = `xdp detach --iface ${iface}${netns === undefined ? '' : ` --netns ${netns}`}`;
    const kept = pin === undefined ? t('Ctrl-C detaches.') : t('Kept by {0}; `{1}` removes it.', pin, detaching);
    const along = live.tc === undefined ? '' : t(', with {0} at its tc ingress ({1})', live.tc.program, live.tc.via);
    return t('{0} attached to {1} ({2}){3}, program id {4}. {5}', program, iface, mode, along, progId, kept);
  });
  for (const { name, section, reason } of live.loaded?.left ?? []) {
    if (reason !== 'not asked for') output.note(`${name} (section ${section}) is not loaded: ${reason}.`);
  }
  if (live.modeReason !== undefined) output.note(`auto took ${mode} mode: ${live.modeReason}`);
  // Said before, unless native mode was refused against what the kernel's flags promised.
  if (mode === 'generic' && !said.has('generic')) output.note(t('note: {0}.', translated(genericDifferences)));
  if (live.tc?.via === 'clsact') {
    output.note(
      `This kernel has no tcx links: ${live.tc.program} is a filter of clsact, which survives a crash of this process.`,
    );
  }
  if (live.via === 'netlink') {
    output.note('Attached through netlink: it survives a crash of this process, and other tools may replace it.');
  }
}

function endOf(attachments: Attachments): Ending {
  return new Promise((resolve) => {
    attachments.onDidChange((event) => {
      if (event.kind === 'lost') resolve({ lost: `${event.attachment.iface}: ${event.reason}` });
      if (event.kind === 'reverted' && event.restored === undefined) resolve('reverted');
    });
  });
}

async function untilTheEnd(output: Output, ending: Ending, signal: AbortSignal): Promise<ExitCode> {
  const asked = new Promise<'asked'>((resolve) => {
    if (signal.aborted) resolve('asked');
    signal.addEventListener('abort', () => resolve('asked'), { once: true });
  });
  // A pending promise does not keep Node alive; the helper's pipe does.
  const outcome = await Promise.race([asked, ending]);
  if (outcome === 'asked') return 0;
  output.note(outcome === 'reverted' ? 'Not confirmed in time: reverted.' : `Not attached any more: ${outcome.lost}`);
  return 1;
}
