import { translated } from '../../core/text/language.ts';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { ProgramSpec } from '../../core/object/spec.ts';
import { adviceText } from '../../core/preflight/advice.ts';
import type { Advice } from '../../core/preflight/situation.ts';
import { type XdpModeRequest, xdpModeRequests } from '../../core/xdp.ts';
import type { AttachRequest, LiveAttachment } from '../../session/attach/attachments.ts';
import { type BpfObject, chooseProgram, tcPrograms, xdpPrograms } from '../../session/bpfObject.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import type { SeenInterface } from '../../session/interfaces/describe.ts';
import { guardSecondsFor } from '../guards.ts';
import { views } from '../ids.ts';
import { type Preflight, preflightFor } from '../preflight.ts';
import { untilCancelled, withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { isNode } from '../views/interfaces/nodes.ts';
import { showError } from '../errors.ts';
import { offerPass } from './passToPeer.ts';
import { pickNamespace } from './pickNamespace.ts';
import { showVerdicts } from './verify.ts';

/** Program → interface → mode → attached. Each step that has only one answer is skipped. */
export async function attachCommand(services: Services, target: unknown): Promise<void> {
  const chosen = isNode(target) && target.kind === 'interface' ? target.iface : undefined;
  const file = await targetFile(chosen === undefined ? target : undefined);
  if (file) await attachFile(services, file, { chosen });
}

/** What need not be asked: the interface, by what was seen of it or by its name here, and the mode. */
interface AttachAnswers {
  chosen?: SeenInterface | string | undefined;
  mode?: XdpModeRequest;
}

export async function attachFile(services: Services, file: vscode.Uri, answers: AttachAnswers): Promise<void> {
  const object = await buildWithProgress(services, file);
  const program = await pickProgram(object);
  if (!program) return;
  const withTc = await pickTc(object);
  if (withTc === undefined) return;
  const where = await whereTo(services, object, program.name, answers.chosen);
  if (!where) return;
  const { iface, preflight } = where;
  const { netns } = iface;
  const mode = answers.mode ?? (await pickMode(where));
  if (!mode) return;
  const guardSeconds = await guardSecondsFor(services, iface.name, netns);
  const title = vscode.l10n.t('Attaching {0} to {1}', program.name, iface.name);
  const live = await withCancel(title, (_, signal) => {
    const attaching = attachOrExplain(services, file, {
      object,
      program: program.name,
      iface: iface.name,
      mode,
      via: 'link',
      keep: false,
      ...(withTc === 'none' ? {} : { withTc: withTc.name }),
      ...(netns === undefined ? {} : { netns }),
      ...(guardSeconds === undefined ? {} : { guardSeconds }),
    });
    return untilCancelled(signal, attaching, (attached) => services.attachments.detach(attached));
  });
  const advice = preflight.advice(iface, mode);
  for (const each of advice) services.log.warn(`${iface.name}: ${adviceText(each)}`);
  services.log.info(`${live.program} attached to ${live.iface} (${live.mode}), program id ${live.progId}`);
  if (live.modeReason !== undefined) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('{0} is attached in {1} mode: {2}', live.program, live.mode, translated(live.modeReason)),
    );
  }
  await vscode.commands.executeCommand(`${views.maps}.focus`);
  const lost = live.mode === 'native' ? advice.find(({ code }) => code === 'peer') : undefined;
  // Not awaited: the attach is done.
  if (lost !== undefined) void offerPass(iface, lost.cause).catch((error: unknown) => showError(services, error));
}

/** A rejected program is shown where it fails, not only in a message. */
async function attachOrExplain(services: Services, file: vscode.Uri, request: AttachRequest): Promise<LiveAttachment> {
  try {
    return await services.attachments.attach(request);
  } catch (error) {
    if (error instanceof XdpError && error.code === 'program-rejected') {
      await showVerdicts(services, file, request.object);
    }
    throw error;
  }
}

export async function pickProgram(
  object: BpfObject,
  title: string = vscode.l10n.t('Attach: program'),
): Promise<ProgramSpec | undefined> {
  const programs = xdpPrograms(object.spec);
  if (programs.length <= 1) return chooseProgram(object, undefined);
  const picked = await vscode.window.showQuickPick(
    programs.map((program) => ({
      label: program.name,
      description: `SEC("${program.section}")`,
      detail: vscode.l10n.t('{0} instructions', program.insns),
      program,
    })),
    { title, placeHolder: vscode.l10n.t('This object holds several programs') },
  );
  return picked?.program;
}

/** A tc program beside the XDP program: asked for only where the object holds one. */
async function pickTc(object: BpfObject): Promise<ProgramSpec | 'none' | undefined> {
  const programs = tcPrograms(object.spec);
  if (programs.length === 0) return 'none';
  const items: (vscode.QuickPickItem & { tc: ProgramSpec | 'none' })[] = [
    { label: vscode.l10n.t('XDP alone'), tc: 'none' },
    ...programs.map((program) => ({
      label: program.name,
      description: `SEC("${program.section}")`,
      detail: vscode.l10n.t('At the tc ingress of the same interface: it sees the metadata that XDP wrote'),
      tc: program,
    })),
  ];
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Attach: with a tc program?') });
  return picked?.tc;
}

interface Where {
  iface: SeenInterface;
  preflight: Preflight;
}

async function whereTo(
  services: Services,
  object: BpfObject,
  program: string,
  chosen: AttachAnswers['chosen'],
): Promise<Where | undefined> {
  if (chosen === undefined) return await pickInterface(services, object, program);
  const preflight = await preflightFor(
    services,
    object,
    program,
    typeof chosen === 'string' ? undefined : chosen.netns,
  );
  if (typeof chosen !== 'string') return { iface: chosen, preflight };
  const iface = preflight.seen.find(({ name }) => name === chosen);
  if (iface !== undefined) return { iface, preflight };
  throw new XdpError('interface-not-found', vscode.l10n.t('There is no interface {0} here.', chosen));
}

async function pickInterface(services: Services, object: BpfObject, program: string): Promise<Where | undefined> {
  const here = await interfaceFrom(services, object, program, undefined);
  if (here !== 'elsewhere') return here;
  const netns = await pickNamespace();
  if (netns === undefined) return undefined;
  const there = await interfaceFrom(services, object, program, netns);
  return there === 'elsewhere' ? undefined : there;
}

async function interfaceFrom(
  services: Services,
  object: BpfObject,
  program: string,
  netns: string | undefined,
): Promise<Where | 'elsewhere' | undefined> {
  const preflight = await preflightFor(services, object, program, netns);
  const items: (vscode.QuickPickItem & { iface: SeenInterface | 'elsewhere' })[] = preflight.seen.map((iface) => ({
    label: iface.name,
    description: [iface.driver, iface.state, `MTU ${iface.mtu}`].filter((part) => part !== '').join(' · '),
    detail: interfaceDetail(iface, preflight.advice(iface, 'auto')),
    iface,
  }));
  const elsewhere = {
    label: `$(server) ${vscode.l10n.t('In another network namespace…')}`,
    detail: vscode.l10n.t('a named one, or that of a container'),
    iface: 'elsewhere' as const,
  };
  const picked = await vscode.window.showQuickPick(netns === undefined ? [...items, elsewhere] : items, {
    title: vscode.l10n.t('Attach: interface'),
    placeHolder: vscode.l10n.t('Where the program sees every packet that arrives'),
    matchOnDescription: true,
  });
  if (picked === undefined || picked.iface === 'elsewhere') return picked && 'elsewhere';
  return { iface: picked.iface, preflight };
}

function interfaceDetail(iface: SeenInterface, advice: readonly Advice[]): string {
  const modes = (['native', 'generic', 'offload'] as const).filter((mode) => iface.modes[mode].ok);
  const warnings = advice.filter(({ level }) => level === 'warning');
  const [first] = warnings;
  const said = first === undefined ? [] : [`$(warning) ${translated(first.cause)}`];
  if (warnings.length > 1) said.push(vscode.l10n.t('and {0} more', warnings.length - 1));
  return [vscode.l10n.t('modes: {0}', modes.join(', ')), ...said].join(' · ');
}

async function pickMode({ iface, preflight }: Where): Promise<XdpModeRequest | undefined> {
  const about: Record<XdpModeRequest, string> = {
    auto: vscode.l10n.t('native where the driver can, else generic; says which'),
    native: vscode.l10n.t('in the driver, before the kernel makes an skb: fast'),
    generic: vscode.l10n.t('in the network stack, on any interface: slower'),
    offload: vscode.l10n.t('on the network card itself'),
  };
  const picked = await vscode.window.showQuickPick(
    xdpModeRequests.map((mode) => {
      const detail = modeDetail(iface, mode, preflight.advice(iface, mode));
      return { label: mode, description: about[mode], ...(detail === undefined ? {} : { detail }), mode };
    }),
    { title: vscode.l10n.t('Attach to {0}: mode', iface.name) },
  );
  return picked?.mode;
}

/** Why not, else what to know about this mode. */
function modeDetail(iface: SeenInterface, mode: XdpModeRequest, advice: readonly Advice[]): string | undefined {
  const support = mode === 'auto' ? undefined : iface.modes[mode];
  if (support?.ok === false && support.reason !== undefined) return `$(circle-slash) ${translated(support.reason)}`;
  if (mode === 'offload') return undefined;
  const [first] = advice;
  return first && `$(${first.level === 'warning' ? 'warning' : 'info'}) ${translated(first.cause)}`;
}
