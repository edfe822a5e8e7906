import type { Advice } from '../../../core/preflight/situation.ts';
import type { XdpMode } from '../../../core/xdp.ts';
import type { LiveAttachment } from '../../../session/attach/attachmentTypes.ts';
import type { KeptProgram } from '../../../session/attach/kept.ts';
import type { SeenInterface, SeenProgram } from '../../../session/interfaces/describe.ts';
import type { LookoutState } from '../../../session/interfaces/lookout.ts';
import type { SeenNamespace } from '../../../session/interfaces/survey.ts';

/** What the tree shows. The commands of its items get a node as their argument. */
export type Node =
  | { kind: 'here'; interfaces: readonly SeenInterface[] }
  | { kind: 'namespace'; namespace: SeenNamespace }
  | { kind: 'interface'; iface: SeenInterface }
  | { kind: 'program'; iface: SeenInterface; program: SeenProgram; live: LiveAttachment | undefined }
  /** What a libxdp dispatcher runs. */
  | { kind: 'behind'; iface: SeenInterface; program: { program: string; progId: number }; position: number }
  | { kind: 'modes'; iface: SeenInterface }
  | { kind: 'mode'; iface: SeenInterface; mode: XdpMode }
  | { kind: 'advice'; iface: SeenInterface; advice: Advice }
  /** An attachment of this window in a namespace that nobody looks into now. */
  | { kind: 'unseen'; live: LiveAttachment }
  /** One that an earlier session kept, in a namespace that nobody looks into now. */
  | { kind: 'keptElsewhere'; kept: KeptProgram }
  | { kind: 'plain'; closed: number }
  | { kind: 'failed'; message: string };

export type NodeOf<K extends Node['kind']> = Extract<Node, { kind: K }>;

/** The first level: the namespaces, or the interfaces where there is only one. */
export function rootsOf(state: LookoutState, live: readonly LiveAttachment[], kept: readonly KeptProgram[]): Node[] {
  const held = [
    ...live.map((each) => ({ kind: 'unseen', live: each }) as const),
    ...kept.map((each) => ({ kind: 'keptElsewhere', kept: each }) as const),
  ];
  if (state.kind === 'failed') return [{ kind: 'failed', message: state.error.message }, ...held];
  if (state.kind !== 'open') return held;
  const { interfaces, namespaces } = state.survey;
  const seen = new Set([
    ...programIds(interfaces),
    ...namespaces.flatMap((each) => ('interfaces' in each ? programIds(each.interfaces) : [])),
  ]);
  const unseen = held.filter((node) => !seen.has(node.kind === 'unseen' ? node.live.progId : node.kept.progId));
  const closed = namespaces.filter((each) => 'problem' in each);
  const open = namespaces.filter((each) => 'interfaces' in each);
  return [
    ...(state.how === 'plain' ? [{ kind: 'plain', closed: closed.length } as const] : []),
    ...unseen,
    ...(open.length === 0
      ? interfaces.map((iface): Node => ({ kind: 'interface', iface }))
      : [{ kind: 'here', interfaces } as const, ...open.map((namespace): Node => ({ kind: 'namespace', namespace }))]),
    // Without privilege all of them are closed for the same reason, which stands above.
    ...(state.how === 'plain' ? [] : closed.map((namespace): Node => ({ kind: 'namespace', namespace }))),
  ];
}

export function childrenOf(node: Node, live: readonly LiveAttachment[]): Node[] {
  switch (node.kind) {
    case 'here':
      return node.interfaces.map((iface) => ({ kind: 'interface', iface }));
    case 'namespace':
      return 'interfaces' in node.namespace
        ? node.namespace.interfaces.map((iface) => ({ kind: 'interface', iface }))
        : [];
    case 'interface':
      return partsOf(node.iface, live);
    case 'program':
      return (node.program.behind ?? []).map((program, index) => ({
        kind: 'behind',
        iface: node.iface,
        program,
        position: index + 1,
      }));
    case 'modes':
      return modes.map((mode) => ({ kind: 'mode', iface: node.iface, mode }));
    case 'behind':
    case 'mode':
    case 'advice':
    case 'unseen':
    case 'keptElsewhere':
    case 'plain':
    case 'failed':
      return [];
  }
}

const modes = ['native', 'generic', 'offload'] as const;

/** Programs first, then what to know, then the modes. That a program is there needs no warning beside the program. */
function partsOf(iface: SeenInterface, live: readonly LiveAttachment[]): Node[] {
  const programs = iface.attached.map(
    (program): Node => ({
      kind: 'program',
      iface,
      program,
      live: live.find(({ progId, ifindex }) => progId === program.progId && ifindex === iface.ifindex),
    }),
  );
  const advice = iface.advice
    .filter(({ code }) => code !== 'occupied')
    .map((each): Node => ({ kind: 'advice', iface, advice: each }));
  return [...programs, ...advice, { kind: 'modes', iface }];
}

/** The same as long as it is about the same thing, so that the tree keeps what is unfolded. */
export function nodeId(node: Node): string {
  switch (node.kind) {
    case 'here':
      return 'here';
    case 'namespace':
      return `ns:${node.namespace.netns}`;
    case 'interface':
      // Another one when something is attached: VS Code then unfolds it, whatever was before.
      return `${ifaceId(node.iface)}${node.iface.attached.length > 0 ? ':attached' : ''}`;
    case 'program':
      return `${ifaceId(node.iface)}:program:${node.program.progId}:${node.program.mode}`;
    case 'behind':
      return `${ifaceId(node.iface)}:behind:${node.program.progId}`;
    case 'modes':
      return `${ifaceId(node.iface)}:modes`;
    case 'mode':
      return `${ifaceId(node.iface)}:mode:${node.mode}`;
    case 'advice':
      return `${ifaceId(node.iface)}:advice:${node.advice.code}`;
    case 'unseen':
      return `unseen:${node.live.progId}`;
    case 'keptElsewhere':
      return `kept:${node.kept.progId}`;
    case 'plain':
    case 'failed':
      return node.kind;
  }
}

function ifaceId({ netns, ifindex }: SeenInterface): string {
  return `${netns ?? ''}/${ifindex}`;
}

function programIds(interfaces: readonly SeenInterface[]): number[] {
  return interfaces.flatMap(({ attached }) => attached.map(({ progId }) => progId));
}

/** A node of this tree, as a command gets it from a menu. */
export function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    kinds.has(value.kind)
  );
}

const kinds: ReadonlySet<string> = new Set<Node['kind']>([
  'here',
  'namespace',
  'interface',
  'program',
  'behind',
  'modes',
  'mode',
  'advice',
  'unseen',
  'keptElsewhere',
  'plain',
  'failed',
]);

/** The attachment of this window that a menu's argument is about. */
export function attachmentOf(target: unknown): LiveAttachment | undefined {
  return isNode(target) && (target.kind === 'program' || target.kind === 'unseen') ? target.live : undefined;
}

/** Where a program is that this window does not hold, by a menu's argument. */
export function placeOf(
  target: unknown,
): { iface: string; netns: string | undefined; program: string; file: string } | undefined {
  if (!isNode(target)) return undefined;
  if (target.kind === 'keptElsewhere') return target.kept;
  if (target.kind !== 'program') return undefined;
  const { iface, program } = target;
  const name = program.program === '' ? `id ${program.progId}` : program.program;
  return { iface: iface.name, netns: iface.netns, program: name, file: program.file ?? '' };
}
