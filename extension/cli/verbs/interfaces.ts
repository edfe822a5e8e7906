import { XdpError } from '../../core/errors.ts';
import type { Advice } from '../../core/preflight/situation.ts';
import { describeLifelines } from '../../session/attach/lifelines.ts';
import {
  passProgramOf,
  type SeenInterface,
  type SeenProgram,
  warningTexts,
} from '../../session/interfaces/describe.ts';
import { namespacesNeedPrivilege, survey, type Survey, surveyOne } from '../../session/interfaces/survey.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { type Context, parse, type Verb } from '../command.ts';
import { table } from '../output.ts';

export const interfaces: Verb = {
  summary: 'list interfaces, the modes they take, what is attached and what to know before attaching',
  usage: 'interfaces [--netns NS]',
  async run(args, context) {
    const { values } = parse(this.usage, args, { netns: { type: 'string' } }, { min: 0, max: 0 });
    const seen = await lookAround(context, values.netns);
    context.output.result(documentOf(seen), () => textOf(seen, values.netns));
    return 0;
  },
};

async function lookAround({ kernel, output, registry, build }: Context, netns: string | undefined): Promise<Survey> {
  const look = { registry, passProgram: passProgramOf(build.bundledInclude) };
  const from = async (client: HelperClient): Promise<Survey> =>
    netns === undefined
      ? await survey(client, look)
      : { interfaces: await surveyOne(client, look, netns), namespaces: [] };
  // Names of other people's programs and other namespaces need CAP_SYS_ADMIN; the interfaces themselves need nothing.
  return await kernel.withSystem(netns, from).catch((error: unknown) => {
    const lacking = error instanceof XdpError && (error.code === 'privilege' || error.code === 'elevation-refused');
    if (!lacking || netns !== undefined) throw error;
    output.note("Without privilege the names of other users' programs and other network namespaces are not known.");
    return kernel.withoutPrivilege(undefined, from);
  });
}

function documentOf({ interfaces: list, namespaces }: Survey): unknown {
  return {
    interfaces: list.map(interfaceDocument),
    namespaces: namespaces.map((each) => ({
      netns: each.netns,
      ...('problem' in each ? { problem: each.problem } : { interfaces: each.interfaces.map(interfaceDocument) }),
    })),
  };
}

function interfaceDocument({ attached, advice, ...iface }: SeenInterface): unknown {
  return {
    ...iface,
    warnings: warningTexts(advice),
    advice,
    attached: attached.map(({ holder, ...program }) => ({ ...program, owner: holder ?? program.owner })),
  };
}

function textOf({ interfaces: list, namespaces }: Survey, netns: string | undefined): string {
  const groups = [{ title: netns, list }];
  const closed: string[] = [];
  for (const each of namespaces) {
    if ('problem' in each) closed.push(`${each.label}: ${each.problem}.`);
    else groups.push({ title: each.label, list: each.interfaces });
  }
  const several = groups.length > 1;
  const rows = groups.flatMap(({ title, list: members }) =>
    members.map((iface) => [...(several ? [title ?? '(this one)'] : []), ...row(iface)]),
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

function row(iface: SeenInterface): string[] {
  const { native, generic, offload } = iface.modes;
  return [
    iface.name,
    iface.driver === '' ? '-' : iface.driver,
    iface.state,
    String(iface.mtu),
    queuesText(iface),
    ...[native, generic, offload].map(({ ok }) => (ok ? 'yes' : 'no')),
    iface.addresses.find((address) => !address.startsWith('fe80:')) ?? '-',
    iface.attached.length === 0 ? '-' : iface.attached.map(programText).join(', '),
  ];
}

/** `4` combined, `1rx/2tx` separate. */
export function queuesText({ channels, rxQueues, txQueues }: SeenInterface): string {
  if (channels === undefined) return `${rxQueues}rx/${txQueues}tx`;
  if (channels.rx === 0 && channels.tx === 0) return String(channels.combined);
  return `${channels.rx + channels.combined}rx/${channels.tx + channels.combined}tx`;
}

function programText({ program, progId, mode, owner, holder, behind }: SeenProgram): string {
  const name = program === '' ? `program ${progId}` : program;
  const inside =
    behind === undefined || behind.length === 0 ? '' : ` → ${behind.map((each) => each.program).join(' → ')}`;
  return `${name}${inside} (${mode}; ${holder ?? owner})`;
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
