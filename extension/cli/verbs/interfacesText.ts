import type { Advice } from '../../core/preflight/situation.ts';
import { t, translated } from '../../core/text/language.ts';
import { describeLifelines } from '../../session/attach/lifelines.ts';
import type { SeenInterface, SeenProgram } from '../../session/interfaces/describe.ts';
import type { ProgramRate } from '../../session/interfaces/rates.ts';
import { namespacesNeedPrivilege, type Survey } from '../../session/interfaces/survey.ts';
import { padded } from '../columns.ts';
import { table } from '../output.ts';

export type Rates = ReadonlyMap<number, ProgramRate>;

/** A table of everything, and below it what to know, each thing once. */
export function interfacesText(
  { interfaces: list, namespaces }: Survey,
  netns: string | undefined,
  rates: Rates = new Map(),
): string {
  const groups = [{ title: netns, list }];
  const closed: Closed[] = [];
  for (const each of namespaces) {
    if ('problem' in each) closed.push({ label: each.label, problem: each.problem });
    else groups.push({ title: each.label, list: each.interfaces });
  }
  const several = groups.length > 1;
  const rows = groups.flatMap(({ title, list: members }) =>
    members.map((iface) => [...(several ? [title ?? t('(this one)')] : []), ...row(iface, rates)]),
  );
  const header = [...(several ? ['NETNS'] : []), ...columns()];
  const all = groups.flatMap((group) => group.list);
  const sections = [
    table(header, rows),
    reasons(all),
    remarks(all, 'warning'),
    remarks(all, 'note'),
    groupClosed(closed),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** A namespace that could not be looked into. */
interface Closed {
  label: string;
  problem: string;
}

function columns(): string[] {
  return [
    t('INTERFACE'),
    t('DRIVER'),
    t('STATE'),
    'MTU',
    t('QUEUES'),
    'NATIVE',
    'GENERIC',
    'OFFLOAD',
    t('ADDRESS'),
    t('ATTACHED'),
  ];
}

function row(iface: SeenInterface, rates: Rates): string[] {
  const { native, generic, offload } = iface.modes;
  return [
    iface.name,
    iface.driver === '' ? '-' : iface.driver,
    iface.state,
    String(iface.mtu),
    queuesText(iface),
    ...[native, generic, offload].map(({ ok }) => (ok ? t('yes') : t('no'))),
    iface.addresses.find((address) => !address.startsWith('fe80:')) ?? '-',
    iface.attached.length === 0 ? '-' : iface.attached.map((each) => programText(each, rates)).join(', '),
  ];
}

/** `4` combined, `1rx/2tx` separate. */
function queuesText({ channels, rxQueues, txQueues }: SeenInterface): string {
  if (channels === undefined) return `${rxQueues}rx/${txQueues}tx`;
  if (channels.rx === 0 && channels.tx === 0) return String(channels.combined);
  return `${channels.rx + channels.combined}rx/${channels.tx + channels.combined}tx`;
}

function programText({ program, progId, mode, owner, holder, behind }: SeenProgram, rates: Rates): string {
  const name = program === '' ? t('program {0}', progId) : program;
  const inside =
    behind === undefined || behind.length === 0 ? '' : ` → ${behind.map((each) => each.program).join(' → ')}`;
  const rate = rates.get(progId);
  return `${name}${inside} (${[mode, translated(holder ?? owner), ...(rate === undefined ? [] : [rateText(rate)])].join('; ')})`;
}

/** `1,234 packets/s at 85 ns`. */
function rateText({ perSecond, nsPerRun }: ProgramRate): string {
  const packets = t('{0} packets/s', Math.round(perSecond).toLocaleString('en'));
  return nsPerRun === undefined ? packets : t('{0} at {1} ns', packets, nsPerRun.toFixed(0));
}

/** Why native mode is not there: it is what people miss. Offload is nearly never, and says so in --json. */
function reasons(list: readonly SeenInterface[]): string {
  const lines = new Map<string, string[]>();
  for (const { name, modes } of list) {
    if (modes.native.reason === undefined) continue;
    lines.set(modes.native.reason, [...(lines.get(modes.native.reason) ?? []), name]);
  }
  const carriers = list.filter(({ lifelines }) => lifelines.length > 0);
  return [
    ...[...lines].map(([reason, names]) => `${lead(t('no native mode'))}${unique(names)}: ${translated(reason)}`),
    ...carriers.map(
      ({ name, lifelines }) =>
        `${lead(t('careful'))}${name}: ${t('{0}; attaching there is guarded', describeLifelines(lifelines))}`,
    ),
  ].join('\n');
}

/** What several interfaces share is said once. */
function remarks(list: readonly SeenInterface[], level: Advice['level']): string {
  const lines = new Map<string, { names: string[]; fixes: Set<string> }>();
  for (const { name, advice } of list) {
    for (const each of advice.filter((one) => one.level === level)) {
      const line = lines.get(each.cause) ?? { names: [], fixes: new Set() };
      line.names.push(name);
      line.fixes.add(each.fix);
      lines.set(each.cause, line);
    }
  }
  return [...lines]
    .map(([cause, { names, fixes }]) => {
      const steps = [...fixes].slice(0, 3).map((fix) => `${lead('')}→ ${translated(fix)}`);
      return [
        `${lead(t(level === 'warning' ? 'warning' : 'note'))}${unique(names)}: ${translated(cause)}`,
        ...steps,
      ].join('\n');
    })
    .join('\n');
}

function groupClosed(closed: readonly Closed[]): string {
  if (closed.length === 0) return '';
  const lineOf = (labels: string, problem: string): string => `${labels}: ${translated(problem)}.`;
  return closed.every(({ problem }) => problem === namespacesNeedPrivilege)
    ? lead(t('not shown')) + lineOf(closed.map(({ label }) => label).join(', '), namespacesNeedPrivilege)
    : closed.map(({ label, problem }) => lineOf(label, problem)).join('\n');
}

/** The word that a line begins with. */
function lead(word: string): string {
  return padded(word, 16);
}

function unique(names: readonly string[]): string {
  return [...new Set(names)].join(', ');
}
