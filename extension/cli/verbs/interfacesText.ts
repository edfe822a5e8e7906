import type { Advice } from '../../core/preflight/situation.ts';
import { describeLifelines } from '../../session/attach/lifelines.ts';
import type { SeenInterface, SeenProgram } from '../../session/interfaces/describe.ts';
import type { ProgramRate } from '../../session/interfaces/rates.ts';
import { namespacesNeedPrivilege, type Survey } from '../../session/interfaces/survey.ts';
import { table } from '../output.ts';

export type Rates = ReadonlyMap<number, ProgramRate>;

/** A table of everything, and below it what to know, each thing once. */
export function interfacesText(
  { interfaces: list, namespaces }: Survey,
  netns: string | undefined,
  rates: Rates = new Map(),
): string {
  const groups = [{ title: netns, list }];
  const closed: string[] = [];
  for (const each of namespaces) {
    if ('problem' in each) closed.push(`${each.label}: ${each.problem}.`);
    else groups.push({ title: each.label, list: each.interfaces });
  }
  const several = groups.length > 1;
  const rows = groups.flatMap(({ title, list: members }) =>
    members.map((iface) => [...(several ? [title ?? '(this one)'] : []), ...row(iface, rates)]),
  );
  const header = [...(several ? ['NETNS'] : []), ...columns];
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

const columns = [
  'INTERFACE',
  'DRIVER',
  'STATE',
  'MTU',
  'QUEUES',
  'NATIVE',
  'GENERIC',
  'OFFLOAD',
  'ADDRESS',
  'ATTACHED',
];

function row(iface: SeenInterface, rates: Rates): string[] {
  const { native, generic, offload } = iface.modes;
  return [
    iface.name,
    iface.driver === '' ? '-' : iface.driver,
    iface.state,
    String(iface.mtu),
    queuesText(iface),
    ...[native, generic, offload].map(({ ok }) => (ok ? 'yes' : 'no')),
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
  const name = program === '' ? `program ${progId}` : program;
  const inside =
    behind === undefined || behind.length === 0 ? '' : ` → ${behind.map((each) => each.program).join(' → ')}`;
  const rate = rates.get(progId);
  return `${name}${inside} (${[mode, holder ?? owner, ...(rate === undefined ? [] : [rateText(rate)])].join('; ')})`;
}

/** `1,234 packets/s at 85 ns`. */
function rateText({ perSecond, nsPerRun }: ProgramRate): string {
  const packets = `${Math.round(perSecond).toLocaleString('en')} packets/s`;
  return nsPerRun === undefined ? packets : `${packets} at ${nsPerRun.toFixed(0)} ns`;
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
    ...[...lines].map(([reason, names]) => `no native mode  ${unique(names)}: ${reason}`),
    ...carriers.map(
      ({ name, lifelines }) => `careful         ${name}: ${describeLifelines(lifelines)}; attaching there is guarded`,
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
      const steps = [...fixes].slice(0, 3).map((fix) => `                → ${fix}`);
      return [`${level.padEnd(16)}${unique(names)}: ${cause}`, ...steps].join('\n');
    })
    .join('\n');
}

function groupClosed(closed: readonly string[]): string {
  if (closed.length === 0) return '';
  return closed.every((line) => line.endsWith(`${namespacesNeedPrivilege}.`))
    ? `not shown       ${closed.map((line) => line.split(':')[0]).join(', ')}: ${namespacesNeedPrivilege}.`
    : closed.join('\n');
}

function unique(names: readonly string[]): string {
  return [...new Set(names)].join(', ');
}
