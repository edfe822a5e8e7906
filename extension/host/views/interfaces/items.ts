import { translated } from '../../../core/text/language.ts';
import path from 'node:path';
import * as vscode from 'vscode';
import type { AdviceCode } from '../../../core/preflight/situation.ts';
import type { LiveAttachment } from '../../../session/attach/attachmentTypes.ts';
import type { ProgramRate } from '../../../session/interfaces/rates.ts';
import { commands } from '../../ids.ts';
import { type Node, nodeId, type NodeOf } from './nodes.ts';
import { adviceTooltip, interfaceTooltip, programTooltip } from './tooltips.ts';

export type Rates = ReadonlyMap<number, ProgramRate>;

const warning = new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
const good = new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed'));
const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;

export function itemOf(node: Node, rates: Rates): vscode.TreeItem {
  const item = drawn(node, rates);
  item.id = nodeId(node);
  const label = typeof item.label === 'string' ? item.label : '';
  item.accessibilityInformation ??= {
    label: [label, item.description].filter((part) => typeof part === 'string' && part !== '').join(', '),
  };
  return item;
}

function drawn(node: Node, rates: Rates): vscode.TreeItem {
  switch (node.kind) {
    case 'here':
      return named(vscode.l10n.t('This namespace'), Expanded, new vscode.ThemeIcon('home'), 'namespace');
    case 'namespace':
      return namespaceItem(node);
    case 'interface':
      return interfaceItem(node);
    case 'program':
      return programItem(node, rates);
    case 'behind':
      return behindItem(node, rates);
    case 'modes':
      return modesItem(node);
    case 'mode':
      return modeItem(node);
    case 'advice':
      return adviceItem(node);
    case 'unseen':
      return unseenItem(node.live);
    case 'keptElsewhere':
      return keptItem(node);
    case 'plain':
      return plainItem(node.closed);
    case 'failed':
      return failedItem(translated(node.message));
  }
}

function named(
  label: string,
  state: vscode.TreeItemCollapsibleState,
  icon: vscode.ThemeIcon,
  contextValue: string,
): vscode.TreeItem {
  const item = new vscode.TreeItem(label, state);
  item.iconPath = icon;
  item.contextValue = contextValue;
  return item;
}

function namespaceItem({ namespace }: NodeOf<'namespace'>): vscode.TreeItem {
  const open = 'interfaces' in namespace;
  const holds = open && namespace.interfaces.some(({ attached }) => attached.length > 0);
  const state = !open ? None : holds ? Expanded : Collapsed;
  const item = named(namespace.label, state, new vscode.ThemeIcon('server'), 'namespace');
  item.description = open
    ? namespace.kind === 'process'
      ? vscode.l10n.t('process {0}', namespace.netns)
      : ''
    : translated(namespace.problem);
  item.tooltip = open ? vscode.l10n.t('Network namespace {0}', namespace.label) : translated(namespace.problem);
  return item;
}

function interfaceItem({ iface }: NodeOf<'interface'>): vscode.TreeItem {
  const busy = iface.attached.length > 0;
  const item = named(
    iface.name,
    busy ? Expanded : Collapsed,
    busy
      ? new vscode.ThemeIcon('circle-filled', new vscode.ThemeColor('testing.iconPassed'))
      : new vscode.ThemeIcon(iface.lifelines.length > 0 ? 'shield' : iface.up ? 'circle-outline' : 'circle-slash'),
    busy ? 'interface.busy' : 'interface.free',
  );
  const warnings = iface.advice.filter(({ level, code }) => level === 'warning' && code !== 'occupied').length;
  item.description = [
    iface.driver,
    iface.up ? iface.state : vscode.l10n.t('down'),
    iface.addresses.find((address) => !address.startsWith('fe80:')) ?? '',
    iface.modes.native.ok ? '' : vscode.l10n.t('generic only'),
    iface.lifelines.length > 0 ? vscode.l10n.t('your connection') : '',
    warnings === 0 ? '' : vscode.l10n.t('⚠ {0}', warnings),
  ]
    .filter((part) => part !== '')
    .join(' · ');
  item.tooltip = interfaceTooltip(iface);
  return item;
}

function programItem({ iface, program, live }: NodeOf<'program'>, rates: Rates): vscode.TreeItem {
  const dispatcher = program.behind !== undefined || program.program === 'xdp_dispatcher';
  const label = program.program === '' ? vscode.l10n.t('program {0}', program.progId) : program.program;
  const item = named(
    label,
    (program.behind?.length ?? 0) > 0 ? Expanded : None,
    programIcon(program.owner, live, dispatcher),
    programContext(program, live),
  );
  item.description = [
    program.mode,
    rateText(rates.get(program.progId)),
    dispatcher ? vscode.l10n.t('libxdp dispatcher') : ownerText(program, live),
  ]
    .filter((part) => part !== '')
    .join(' · ');
  item.tooltip = programTooltip({ iface, program, live, rate: rates.get(program.progId) });
  const file = live?.object?.file ?? program.file;
  if (file) openOnClick(item, { kind: 'program', iface, program, live }, file);
  return item;
}

function keptContext(file: string | undefined): string {
  return file ? 'program.kept.source' : 'program.kept';
}

function programIcon(owner: string, live: LiveAttachment | undefined, dispatcher: boolean): vscode.ThemeIcon {
  if (dispatcher) return new vscode.ThemeIcon('list-tree');
  if (live !== undefined) return new vscode.ThemeIcon(live.pin === undefined ? 'plug' : 'pinned');
  return new vscode.ThemeIcon(owner === 'kept' ? 'pinned' : 'person');
}

/** `program.mine` is this window's; `.source`: where its text is, is known; `.tied`: it ends with the window. */
function programContext(program: NodeOf<'program'>['program'], live: LiveAttachment | undefined): string {
  if (live !== undefined) {
    return `program.mine${live.object === undefined ? '' : '.source'}${live.pin === undefined ? '.tied' : ''}`;
  }
  if (program.owner === 'kept') return keptContext(program.file);
  return program.holder === undefined ? 'program.other' : 'program.session';
}

function ownerText(program: NodeOf<'program'>['program'], live: LiveAttachment | undefined): string {
  if (live !== undefined) return live.pin === undefined ? vscode.l10n.t('this window') : vscode.l10n.t('kept');
  if (program.owner === 'kept') {
    return program.holder === undefined
      ? vscode.l10n.t('kept by an earlier session')
      : vscode.l10n.t('kept by {0}', program.holder);
  }
  return program.holder ?? vscode.l10n.t('another process');
}

/** `1,234 packets/s · 85 ns`. */
export function rateText(rate: ProgramRate | undefined): string {
  if (rate === undefined) return '';
  const packets = vscode.l10n.t('{0} packets/s', Math.round(rate.perSecond).toLocaleString(vscode.env.language));
  return rate.nsPerRun === undefined ? packets : `${packets} · ${rate.nsPerRun.toFixed(0)} ns`;
}

function behindItem({ program, position }: NodeOf<'behind'>, rates: Rates): vscode.TreeItem {
  const label = program.program === '' ? vscode.l10n.t('program {0}', program.progId) : program.program;
  const item = named(label, None, new vscode.ThemeIcon('symbol-function'), 'behind');
  item.description = [vscode.l10n.t('runs {0} of the dispatcher', `#${position}`), rateText(rates.get(program.progId))]
    .filter((part) => part !== '')
    .join(' · ');
  item.tooltip = vscode.l10n.t('program id {0}, called by the libxdp dispatcher', program.progId);
  return item;
}

function modesItem({ iface: { modes } }: NodeOf<'modes'>): vscode.TreeItem {
  const item = named(vscode.l10n.t('Modes'), Collapsed, new vscode.ThemeIcon('settings'), 'modes');
  const taken = (['native', 'generic', 'offload'] as const).filter((mode) => modes[mode].ok).join(', ');
  item.description = modes.native.ok
    ? taken
    : vscode.l10n.t('{0}; not native: {1}', taken, translated(modes.native.reason ?? ''));
  item.tooltip = item.description;
  return item;
}

function modeItem({ iface, mode }: NodeOf<'mode'>): vscode.TreeItem {
  const { ok, reason: why } = iface.modes[mode];
  const reason = why === undefined ? undefined : translated(why);
  const item = named(mode, None, ok ? good : new vscode.ThemeIcon('circle-slash'), ok ? 'mode.ok' : 'mode');
  item.description = ok ? (reason ?? vscode.l10n.t('yes')) : (reason ?? vscode.l10n.t('no'));
  item.tooltip = ok ? vscode.l10n.t('{0} takes programs in {1} mode', iface.name, mode) : reason;
  item.accessibilityInformation = {
    label: ok ? vscode.l10n.t('{0} mode: yes', mode) : vscode.l10n.t('{0} mode: no, {1}', mode, reason ?? ''),
  };
  return item;
}

function adviceItem({ iface, advice }: NodeOf<'advice'>): vscode.TreeItem {
  const peer = advice.code === 'peer' && iface.peer !== undefined;
  const item = named(
    adviceTitle(advice.code),
    None,
    advice.level === 'warning' ? warning : new vscode.ThemeIcon('info'),
    peer ? 'advice.peer' : 'advice',
  );
  item.description = translated(advice.cause);
  item.tooltip = adviceTooltip(advice);
  item.accessibilityInformation = { label: `${advice.level}: ${translated(advice.cause)}. ${translated(advice.fix)}` };
  return item;
}

function adviceTitle(code: AdviceCode): string {
  switch (code) {
    case 'down':
      return vscode.l10n.t('Down');
    case 'occupied':
      return vscode.l10n.t('Taken');
    case 'mtu':
      return vscode.l10n.t('Large MTU');
    case 'lro':
      return vscode.l10n.t('LRO');
    case 'gro-hw':
      return vscode.l10n.t('Hardware GRO');
    case 'queues':
      return vscode.l10n.t('Queues');
    case 'peer':
      return vscode.l10n.t('Peer without a program');
    case 'redirect-target':
      return vscode.l10n.t('Redirects get lost');
    case 'generic':
      return vscode.l10n.t('Generic mode');
    case 'vlan':
      return vscode.l10n.t('VLAN tags');
    case 'bridge-port':
      return vscode.l10n.t('Port');
    case 'stacked':
      return vscode.l10n.t('Stands on another');
  }
}

function unseenItem(live: LiveAttachment): vscode.TreeItem {
  const item = named(
    live.program,
    None,
    new vscode.ThemeIcon(live.pin === undefined ? 'plug' : 'pinned'),
    `program.mine${live.object === undefined ? '' : '.source'}${live.pin === undefined ? '.tied' : ''}`,
  );
  const where = live.netns === undefined ? live.iface : `${live.iface}, ${live.netns}`;
  item.description = `${where} (${live.mode})`;
  item.tooltip = vscode.l10n.t('{0} on {1}, {2} mode, program id {3}', live.program, where, live.mode, live.progId);
  if (live.object !== undefined) openOnClick(item, { kind: 'unseen', live }, live.object.file);
  return item;
}

function keptItem(node: NodeOf<'keptElsewhere'>): vscode.TreeItem {
  const { program, iface, mode, netns, file } = node.kept;
  const item = named(program, None, new vscode.ThemeIcon('pinned'), keptContext(file));
  const where = netns === undefined ? iface : `${iface}, ${netns}`;
  item.description = vscode.l10n.t('kept on {0} ({1})', where, mode);
  item.tooltip = file || vscode.l10n.t('kept by an earlier session');
  if (file) openOnClick(item, node, file);
  return item;
}

function plainItem(closed: number): vscode.TreeItem {
  const item = named(vscode.l10n.t('Show all…'), None, new vscode.ThemeIcon('unlock'), 'plain');
  item.description =
    closed === 0
      ? vscode.l10n.t('names and run counts of programs, with privilege')
      : vscode.l10n.t('{0} other namespaces, names and run counts, with privilege', closed);
  item.tooltip = vscode.l10n.t(
    'Looking into other network namespaces, naming programs of others and counting runs need CAP_SYS_ADMIN. This starts the kernel helper with it while the view is visible; it may ask for a password.',
  );
  item.command = { command: commands.lookAround, title: vscode.l10n.t('Show all…') };
  return item;
}

function failedItem(message: string): vscode.TreeItem {
  const item = named(vscode.l10n.t('The interfaces are not known'), None, warning, 'failed');
  item.description = message;
  item.tooltip = `${message}\n${vscode.l10n.t('Click to try again.')}`;
  item.command = { command: commands.refreshInterfaces, title: vscode.l10n.t('Refresh') };
  return item;
}

function openOnClick(item: vscode.TreeItem, node: Node, file: string): void {
  item.command = {
    command: commands.goToSource,
    title: vscode.l10n.t('Go to Source of {0}', path.basename(file)),
    arguments: [node],
  };
}
