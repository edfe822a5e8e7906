import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import { labPlan } from '../../session/lab/plan.ts';
import type { LiveAttachment } from '../../session/attach/attachmentTypes.ts';
import { attachFile } from '../commands/attach.ts';
import { compileCommand } from '../commands/compile.ts';
import { detachLive } from '../commands/detach.ts';
import { startLab, tellUp } from '../commands/lab.ts';
import { verifyCommand } from '../commands/verify.ts';
import { startDebugging } from '../debug/debugging.ts';
import { walkthroughId } from '../ids.ts';
import type { MapPanels } from '../maps/mapPanels.ts';
import type { PacketPanel } from '../panels/packetPanel.ts';
import type { Services } from '../services.ts';
import type { PacketTests } from '../testing/packetTests.ts';
import { besideWalkthrough, openPractice, practiceFile } from './practiceProject.ts';

/** What the steps work with. */
export interface Practice {
  services: Services;
  mapPanels: MapPanels;
  packets: PacketPanel;
  tests: PacketTests;
}

const plan = labPlan('pair');
const lab = plan.traffic.to.interface;
/** Where the lab's traffic comes from. */
const sender = plan.traffic.from.ipv4;
const program = 'xdp_firewall';

/**
 * The walkthrough's buttons. Each does its step on the practice project and in the lab without a question: somebody who sees
 * XDP for the first time cannot answer one, and VS Code takes the focus back from a picker when a step slides open.
 */
const steps: Readonly<Record<string, (practice: Practice, about: unknown) => unknown>> = {
  firewall: ({ services }) => read(services, 'firewall'),
  broken: ({ services }) => read(services, 'broken'),
  compile: async ({ services }) => compileCommand(services, await openPractice(services, 'firewall')),
  verify: ({ services }) => verify(services),
  lab: ({ services }) => startPracticeLab(services),
  attach: (practice) => attach(practice),
  watch: (practice) => watch(practice),
  block: (practice) => block(practice),
  packet: (practice) => packet(practice),
  debug: ({ services }, test) => debug(services, test),
  test: async ({ services, tests }) => tests.runFile(await openPractice(services, 'tests')),
  detach: ({ services }) => detachLive(services, attached(services)),
  notes: ({ services }, step) => showNotes(services, step),
};

/** `asked`: what a button of the walkthrough names. `about`: the test to debug, or the step that notes are about. */
export async function practiceCommand(practice: Practice, asked: unknown, about: unknown): Promise<void> {
  const step = typeof asked === 'string' && Object.hasOwn(steps, asked) ? steps[asked] : undefined;
  if (step === undefined) throw new XdpError('usage', vscode.l10n.t('The walkthrough has no step {0}.', String(asked)));
  await step(practice, about);
}

/** XDP: Get Started. */
export async function openWalkthroughCommand(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openWalkthrough', walkthroughId, false);
}

async function read(services: Services, which: 'firewall' | 'broken'): Promise<void> {
  await openPractice(services, which, { reading: true });
  services.milestones.reach('practice');
}

/** A lab that somebody works in is not taken down for this. */
async function startPracticeLab(services: Services): Promise<void> {
  const { labStatus } = await import('../../session/lab/lab.ts');
  const status = await labStatus();
  const { state, topology, traffic } = status;
  if (state === 'up' && topology !== plan.topology) {
    throw new XdpError('usage', vscode.l10n.t('A lab with client, router and server is up.'), {
      fix: vscode.l10n.t('Stop it first (XDP: Stop Lab), or go on with it by hand.'),
    });
  }
  if (state === 'up' && traffic.running) tellUp(services, status);
  else await startLab(services, { topology: plan.topology, mix: undefined, rate: 1000 });
}

/** VS Code shows a step's notes only in a window that is wide enough for them: never with an editor beside it. */
async function showNotes({ extensionUri }: Services, step: unknown): Promise<void> {
  if (typeof step !== 'string' || !/^[a-z]+$/.test(step)) return;
  const suffix = vscode.env.language.toLowerCase() === 'zh-cn' ? '.zh-cn' : '';
  const notes = vscode.Uri.joinPath(extensionUri, 'extension/host/media/walkthrough', `${step}${suffix}.md`);
  await vscode.commands.executeCommand('vscode.openWith', notes, 'vscode.markdown.preview.editor', {
    viewColumn: besideWalkthrough(),
    preserveFocus: true,
    // The next notes take their place.
    preview: true,
  });
}

/** Problems make room again when there are none. */
async function verify(services: Services): Promise<void> {
  const outcome = await verifyCommand(services, await openPractice(services, 'broken'));
  if (outcome === 'accepted') await vscode.commands.executeCommand('workbench.action.closePanel');
}

async function attach({ services }: Practice): Promise<void> {
  const file = await openPractice(services, 'firewall');
  if (!(await hasLab())) {
    throw new XdpError('interface-not-found', vscode.l10n.t('There is no interface {0} here.', lab), {
      fix: vscode.l10n.t('Start the lab first: the step before this one.'),
    });
  }
  if (attachedHere(services) === undefined) await attachFile(services, file, { chosen: lab, mode: 'auto' });
}

async function hasLab(): Promise<boolean> {
  const { labStatus } = await import('../../session/lab/lab.ts');
  return (await labStatus()).interfaces.includes(lab);
}

function watch({ services, mapPanels }: Practice): void {
  const { info } = mapOf(services, 'dropped');
  services.milestones.look();
  mapPanels.show(info, { viewColumn: besideWalkthrough(), preserveFocus: true });
}

async function block(practice: Practice): Promise<void> {
  const { services } = practice;
  const { client } = attached(services);
  const { setEntries } = await import('../../session/maps/edit.ts');
  const entry = { key: { prefixlen: 32, addr: sender }, value: 1 };
  const { done, failures } = await setEntries(client, mapOf(services, 'blocklist'), [entry]);
  const [failure] = failures;
  if (failure !== undefined) throw failure.error;
  if (done > 0) services.milestones.reach('mapWritten');
  watch(practice);
}

/** From the address that was blocked: dropped where the firewall is attached, passed on fresh maps. */
async function packet({ services, packets }: Practice): Promise<void> {
  const file = await openPractice(services, 'firewall');
  const here = attachedHere(services);
  const proposal = {
    expression: `Ether()/IP(src="${sender}")/UDP(dport=53)`,
    ...(here === undefined ? {} : { attachedProgId: here.progId }),
  };
  await packets.open(file, { proposal, viewColumn: besideWalkthrough() });
}

async function debug(services: Services, test: unknown): Promise<void> {
  if (typeof test !== 'string') return;
  const file = await openPractice(services, 'firewall');
  const { testConfiguration } = await import('../debug/configuration.ts');
  const tests = await practiceFile(services, 'tests');
  const started = await startDebugging(file, testConfiguration(tests, test));
  // Variables and call stack, in the place of XDP's own view.
  if (started) await vscode.commands.executeCommand('workbench.view.debug');
}

function attachedHere({ attachments }: Services): LiveAttachment | undefined {
  return attachments.live.find((live) => live.program === program && live.iface === lab && live.netns === undefined);
}

function attached(services: Services): LiveAttachment {
  const live = attachedHere(services);
  if (live !== undefined) return live;
  throw new XdpError('nothing-attached', vscode.l10n.t('{0} is not attached to {1}.', program, lab), {
    fix: vscode.l10n.t('Attach it first: an earlier step of the walkthrough.'),
  });
}

function mapOf(services: Services, name: string): LiveAttachment['maps'][number] {
  const map = attached(services).maps.find(({ info }) => info.name === name);
  if (map !== undefined) return map;
  throw new XdpError('map-not-found', vscode.l10n.t('{0} has no map {1}.', program, name));
}
