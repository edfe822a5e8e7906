import { translated } from '../../../core/text/language.ts';
import * as vscode from 'vscode';
import type { Advice } from '../../../core/preflight/situation.ts';
import { describeLifelines } from '../../../session/attach/lifelines.ts';
import type { SeenInterface } from '../../../session/interfaces/describe.ts';
import type { ProgramRate } from '../../../session/interfaces/rates.ts';
import type { NodeOf } from './nodes.ts';

/**
 * Text as it is, in Markdown. Names come from the kernel and from other people's programs. `appendText` would join all words
 * by spaces that do not break, and lines here are long.
 */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-!~|<>&]/g, String.raw`\$&`).replaceAll(/\s+/g, ' ');
}

function table(title: string, rows: readonly (readonly [name: string, value: string])[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown(`**${plain(title)}**\n\n`);
  for (const [name, value] of rows) {
    if (value === '') continue;
    text.appendMarkdown(`- ${plain(`${name}: ${value}`)}\n`);
  }
  return text;
}

export function interfaceTooltip(iface: SeenInterface): vscode.MarkdownString {
  const { channels, offloads } = iface;
  const on = Object.entries(offloads ?? {}).flatMap(([name, state]) =>
    state?.on === true ? [offloadTitles[name] ?? name] : [],
  );
  const queues =
    channels === undefined
      ? `${iface.rxQueues} rx, ${iface.txQueues} tx`
      : channels.rx + channels.tx === 0
        ? vscode.l10n.t('{0} of {1} combined', channels.combined, channels.maxCombined)
        : vscode.l10n.t('{0} of {1} rx, {2} of {3} tx', channels.rx, channels.maxRx, channels.tx, channels.maxTx);
  const peer =
    iface.peer &&
    `${iface.peer.name}${iface.peer.here ? '' : ` (${iface.peer.netns ?? vscode.l10n.t('in another namespace')})`}`;
  return table(iface.name, [
    [vscode.l10n.t('driver'), iface.driver],
    [vscode.l10n.t('state'), iface.state],
    ['MTU', String(iface.mtu)],
    ['MAC', iface.mac],
    [vscode.l10n.t('addresses'), iface.addresses.join(', ')],
    [vscode.l10n.t('queues'), queues],
    [vscode.l10n.t('offloads on'), on.join(', ')],
    [vscode.l10n.t('other end'), peer ?? ''],
    [vscode.l10n.t('port of'), iface.master === undefined ? '' : `${iface.master.name} (${iface.master.kind})`],
    [vscode.l10n.t('stands on'), iface.lower ?? ''],
    [vscode.l10n.t('XDP features'), iface.xdpFeatures?.join(', ') ?? ''],
    [
      vscode.l10n.t('careful'),
      iface.lifelines.length === 0
        ? ''
        : vscode.l10n.t('{0}; attaching here is guarded', describeLifelines(iface.lifelines)),
    ],
  ]);
}

const offloadTitles: Readonly<Record<string, string>> = {
  lro: 'LRO',
  groHw: 'rx-gro-hw',
  gro: 'GRO',
  rxVlan: 'rx-vlan-offload',
  txVlan: 'tx-vlan-offload',
};

export function programTooltip(about: {
  iface: SeenInterface;
  program: NodeOf<'program'>['program'];
  live: NodeOf<'program'>['live'];
  rate: ProgramRate | undefined;
}): vscode.MarkdownString {
  const { iface, program, live, rate } = about;
  return table(program.program === '' ? vscode.l10n.t('program {0}', program.progId) : program.program, [
    [vscode.l10n.t('interface'), iface.name],
    [vscode.l10n.t('mode'), program.mode],
    [vscode.l10n.t('program id'), String(program.progId)],
    [vscode.l10n.t('held by'), heldBy(program)],
    [vscode.l10n.t('holder'), live === undefined ? (program.holder ?? '') : vscode.l10n.t('this window')],
    [vscode.l10n.t('source'), live?.object?.file ?? ''],
    [vscode.l10n.t('pinned at'), live?.pin ?? ''],
    [vscode.l10n.t('runs'), rate === undefined ? '' : rate.runs.toLocaleString(vscode.env.language)],
    [vscode.l10n.t('time per run'), rate?.nsPerRun === undefined ? '' : `${rate.nsPerRun.toFixed(0)} ns`],
    [vscode.l10n.t('runs behind it'), program.behind?.map((each) => each.program).join(' → ') ?? ''],
  ]);
}

function heldBy({ via, linkId }: NodeOf<'program'>['program']): string {
  switch (via) {
    case 'link':
      return linkId === undefined ? vscode.l10n.t('a link') : vscode.l10n.t('link {0}', linkId);
    case 'netlink':
      return vscode.l10n.t('netlink: it stays until somebody detaches it');
    case 'unknown':
      return '';
  }
}

export function adviceTooltip({ cause, fix }: Advice): vscode.MarkdownString {
  return new vscode.MarkdownString(`${plain(translated(`${cause}.`))}\n\n${plain(translated(fix))}`);
}
