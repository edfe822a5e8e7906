import { inWords } from '../errors.ts';
import { translated } from '../../core/text/language.ts';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { trafficKinds, trafficLimits } from '../../protocol/labTraffic.ts';
import type { LabStatus } from '../../session/lab/lab.ts';
import type { LabTopology } from '../../session/lab/plan.ts';
import { commands } from '../ids.ts';
import { untilCancelled, withCancel } from '../progress.ts';
import type { Services } from '../services.ts';

/** What the pickers ask for. */
export interface LabWish {
  topology: LabTopology;
  /** As `xdp lab up --traffic` takes it; undefined: the usual mix. */
  mix: string | undefined;
  rate: number;
}

/** Topology → traffic → rate → up. Where it needs a password, a terminal asks for it. */
export async function startLabCommand(services: Services): Promise<void> {
  const wish = await askForWish();
  if (wish !== undefined) await startLab(services, wish);
}

export async function startLab(services: Services, wish: LabWish): Promise<void> {
  const { topology, mix, rate } = wish;
  const asWords = [
    'up',
    '--topology',
    topology,
    ...(mix === undefined ? [] : ['--traffic', mix]),
    '--rate',
    String(rate),
  ];
  const status = await orInTerminal(services, asWords, async () => {
    const { labDown, labUp } = await import('../../session/lab/lab.ts');
    const { labPlan } = await import('../../session/lab/plan.ts');
    const { parseMix } = await import('../../session/lab/trafficMix.ts');
    const trafficScript = inDist(services, 'lab-traffic.mjs');
    const plan = labPlan(topology);
    return await withCancel(vscode.l10n.t('Starting the lab'), (_, signal) => {
      const up = labUp({
        plan,
        packetsPerSecond: rate,
        trafficScript,
        ...(mix === undefined ? {} : { mix: parseMix(mix) }),
      });
      return untilCancelled(signal, up, () => labDown());
    });
  });
  if (status !== undefined) tellUp(services, status);
}

export async function stopLabCommand(services: Services): Promise<void> {
  const status = await orInTerminal(services, ['down'], async () => {
    const { labDown } = await import('../../session/lab/lab.ts');
    return await labDown();
  });
  if (status === undefined) return;
  vscode.window.setStatusBarMessage(vscode.l10n.t('$(check) The lab is down'), 5000);
}

export function tellUp(services: Services, { attach, warnings, traffic }: LabStatus): void {
  services.milestones.reach('lab');
  for (const warning of warnings) services.log.warn(warning);
  const where =
    attach === undefined ? '' : attach.netns === undefined ? attach.iface : `${attach.iface} @ ${attach.netns}`;
  const text = traffic.running
    ? vscode.l10n.t('The lab is up: attach to {0}, where {1} packets a second arrive.', where, traffic.packetsPerSecond)
    : vscode.l10n.t('The lab is up, without traffic: attach to {0}.', where);
  const attachNow = vscode.l10n.t('Attach…');
  // Not awaited: the command is done, whatever becomes of its message.
  void vscode.window
    .showInformationMessage(text, attachNow)
    .then((answer) => answer === attachNow && vscode.commands.executeCommand(commands.attach));
}

async function askForWish(): Promise<LabWish | undefined> {
  const topology = await vscode.window.showQuickPick<vscode.QuickPickItem & { topology: LabTopology }>(
    [
      {
        label: vscode.l10n.t('One pair'),
        detail: vscode.l10n.t('xdplab0 here; packets come from the other end, in a namespace of its own'),
        topology: 'pair',
      },
      {
        label: vscode.l10n.t('Client – router – server'),
        detail: vscode.l10n.t(
          'Three namespaces; attach to the router’s xdplabr0 and xdplabr1, where packets are forwarded',
        ),
        topology: 'router',
      },
    ],
    { title: vscode.l10n.t('Start Lab: topology'), ignoreFocusOut: true },
  );
  if (topology === undefined) return undefined;
  const traffic = await vscode.window.showQuickPick<vscode.QuickPickItem & { mix?: string; none?: true; typed?: true }>(
    [
      { label: vscode.l10n.t('The usual mix'), detail: vscode.l10n.t('mostly UDP, some TCP and pings, IPv4 and IPv6') },
      { label: vscode.l10n.t('Everything there is'), detail: trafficKinds.join(', '), mix: trafficKinds.join(',') },
      ...trafficKinds.map((kind) => ({ label: kind, detail: vscode.l10n.t('nothing else'), mix: kind })),
      { label: `$(edit) ${vscode.l10n.t('A mix of your own…')}`, typed: true as const },
      { label: vscode.l10n.t('No traffic'), none: true as const },
    ],
    { title: vscode.l10n.t('Start Lab: traffic'), ignoreFocusOut: true },
  );
  if (traffic === undefined) return undefined;
  if (traffic.none) return { topology: topology.topology, mix: undefined, rate: 0 };
  const mix = traffic.typed ? await askForMix() : traffic.mix;
  if (traffic.typed && mix === undefined) return undefined;
  const rate = await askForRate();
  return rate === undefined ? undefined : { topology: topology.topology, mix, rate };
}

async function askForMix(): Promise<string | undefined> {
  const { parseMix } = await import('../../session/lab/trafficMix.ts');
  return await vscode.window.showInputBox({
    title: vscode.l10n.t('Start Lab: traffic'),
    ignoreFocusOut: true,
    prompt: vscode.l10n.t('Kinds with their weights: udp=6,tcp,icmp'),
    validateInput: (text) => {
      try {
        parseMix(text);
        return undefined;
      } catch (error) {
        return error instanceof XdpError ? inWords(error) : String(error);
      }
    },
  });
}

async function askForRate(): Promise<number | undefined> {
  const rates = [10, trafficLimits.defaultPacketsPerSecond, 1000, trafficLimits.maxPacketsPerSecond];
  const picked = await vscode.window.showQuickPick(
    rates.map((rate) => ({ label: vscode.l10n.t('{0} packets a second', rate), rate })),
    { title: vscode.l10n.t('Start Lab: rate'), ignoreFocusOut: true },
  );
  return picked?.rate;
}

/** The same command in a terminal, where sudo can ask for the password. */
async function orInTerminal(
  services: Services,
  words: readonly string[],
  work: () => Promise<LabStatus>,
): Promise<LabStatus | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof XdpError) || error.code !== 'privilege') throw error;
    const inTerminal = vscode.l10n.t('Run in Terminal');
    const answer = await vscode.window.showWarningMessage(translated(error.message), inTerminal);
    if (answer === inTerminal) {
      const command = [process.execPath, inDist(services, 'cli.js'), 'lab', ...words].map(quoted).join(' ');
      const terminal = vscode.window.createTerminal({ name: vscode.l10n.t('XDP Lab') });
      terminal.show();
      terminal.sendText(`sudo env ELECTRON_RUN_AS_NODE=1 ${command}`);
      return await outcomeOf(terminal, words[0] === 'up' ? 'up' : 'down');
    }
    return undefined;
  }
}

/** How long somebody may look for a password. */
const passwordMs = 180_000;
const lookMs = 1000;

/** The lab as it was meant to be; undefined where the terminal was closed before, or nobody knew the password. */
async function outcomeOf(terminal: vscode.Terminal, meant: LabStatus['state']): Promise<LabStatus | undefined> {
  const { labStatus } = await import('../../session/lab/lab.ts');
  for (let waitedMs = 0; waitedMs < passwordMs && terminal.exitStatus === undefined; waitedMs += lookMs) {
    const status = await labStatus();
    if (status.state === meant) return status;
    await sleep(lookMs);
  }
  return undefined;
}

function inDist(services: Services, file: string): string {
  return path.join(services.extensionUri.fsPath, 'dist', file);
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w./=,:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
