import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { preflight } from '../../extension/core/preflight/advice.ts';
import { itemOf } from '../../extension/host/views/interfaces/items.ts';
import { childrenOf, type Node, nodeId, rootsOf } from '../../extension/host/views/interfaces/nodes.ts';
import type { SeenInterface, SeenProgram } from '../../extension/session/interfaces/describe.ts';
import type { LookoutState } from '../../extension/session/interfaces/lookout.ts';

/** What the tree makes of what is seen: labels, what a screen reader says, what menus go by. */
const veth: SeenInterface = {
  netns: undefined,
  name: 'va',
  ifindex: 3,
  driver: 'veth',
  kind: 'veth',
  state: 'up',
  up: true,
  mtu: 1500,
  mac: '02:00:00:00:00:01',
  addresses: ['fe80::1/64', '10.0.0.1/24'],
  rxQueues: 2,
  txQueues: 2,
  loopback: false,
  ethernet: true,
  modes: { native: { ok: true }, generic: { ok: true }, offload: { ok: false, reason: 'no hardware' } },
  xdpFeatures: ['basic', 'redirect'],
  channels: { rx: 1, tx: 1, combined: 0, maxRx: 2, maxTx: 2, maxCombined: 0 },
  offloads: { rxVlan: { on: true, fixed: false } },
  peer: { name: '[x](command:evil)', here: true, mtu: 1500, txVlan: false, hasProgram: false },
  lifelines: [{ kind: 'default-route', family: 'IPv4' }],
  attached: [],
  advice: [],
};
const seen: SeenInterface = { ...veth, advice: preflight({ iface: veth }) };
const program = (more: Partial<SeenProgram>): SeenProgram => ({
  program: 'prog',
  progId: 9,
  mode: 'native',
  via: 'link',
  owner: 'other',
  ...more,
});
const open = (
  interfaces: SeenInterface[],
  more: Partial<Extract<LookoutState, { kind: 'open' }>> = {},
): LookoutState => ({
  kind: 'open',
  how: 'privileged',
  survey: { interfaces, namespaces: [] },
  rates: new Map(),
  ...more,
});
const draw = (node: Node, rates = new Map()) => itemOf(node, rates);
const tooltipOf = (node: Node): string => {
  const { tooltip } = draw(node);
  return tooltip instanceof vscode.MarkdownString ? tooltip.value : (tooltip ?? '');
};

describe('the tree of interfaces', () => {
  it('has the interfaces at its root where there is one namespace, else the namespaces', () => {
    assert.deepEqual(rootsOf(open([seen]), [], []).map(nodeId), ['/3']);
    const blue = { netns: 'blue', label: 'blue', kind: 'name' as const, interfaces: [{ ...seen, netns: 'blue' }] };
    const red = { netns: 'red', label: 'red', kind: 'name' as const, problem: 'not allowed' };
    const survey = { interfaces: [seen], namespaces: [blue, red] };
    assert.deepEqual(rootsOf(open([], { survey }), [], []).map(nodeId), ['here', 'ns:blue', 'ns:red']);
    assert.deepEqual(rootsOf(open([], { survey, how: 'plain' }), [], []).map(nodeId), ['plain', 'here', 'ns:blue']);
    assert.equal(draw({ kind: 'namespace', namespace: red }).description, 'not allowed');
  });

  it('says of an interface what matters, to eyes and ears', () => {
    const item = draw({ kind: 'interface', iface: seen });
    assert.equal(item.label, 'va');
    assert.equal(item.description, 'veth · up · 10.0.0.1/24 · your connection');
    assert.equal(item.accessibilityInformation?.label, 'va, veth · up · 10.0.0.1/24 · your connection');
    assert.equal(item.contextValue, 'interface.free');
    assert.match(tooltipOf({ kind: 'interface', iface: seen }), /IPv4 default route/);
  });

  it('never makes a link of a name that the kernel tells', () => {
    assert.match(tooltipOf({ kind: 'interface', iface: seen }), /\\\[x\\\]\\\(command:evil\\\)/);
    const { tooltip } = draw({ kind: 'interface', iface: seen });
    assert.ok(tooltip instanceof vscode.MarkdownString && tooltip.isTrusted !== true && tooltip.supportHtml !== true);
  });

  it('lists programs, what to know, and the modes with their reasons', () => {
    const busy = { ...seen, attached: [program({})] };
    const children = childrenOf({ kind: 'interface', iface: busy }, []);
    assert.deepEqual(
      children.map(({ kind }) => kind),
      ['program', 'advice', 'modes'],
    );
    const advice = draw(children[1]!);
    assert.equal(advice.contextValue, 'advice.peer');
    assert.match(advice.accessibilityInformation?.label ?? '', /^note: .*has no program/);
    const [native, , offload] = childrenOf(children[2]!, []).map((node) => draw(node));
    assert.equal(native?.accessibilityInformation?.label, 'native mode: yes');
    assert.equal(offload?.accessibilityInformation?.label, 'offload mode: no, no hardware');
  });

  const owners: [about: string, SeenProgram, contextValue: string, description: RegExp][] = [
    ['another process', program({}), 'program.other', /another process/],
    ['a pin of ours', program({ owner: 'kept' }), 'program.kept', /kept by an earlier session/],
    ['another window', program({ holder: 'another VS Code window (process 4)' }), 'program.session', /process 4/],
    [
      'a dispatcher',
      program({ program: 'xdp_dispatcher', behind: [{ program: 'xdp_filter', progId: 11 }] }),
      'program.other',
      /libxdp dispatcher/,
    ],
  ];
  for (const [about, attached, contextValue, description] of owners) {
    it(`shows whose a program is: ${about}`, () => {
      const node: Node = { kind: 'program', iface: seen, program: attached, live: undefined };
      const item = draw(node, new Map([[9, { perSecond: 1234.4, nsPerRun: 85.2, runs: 5n }]]));
      assert.equal(item.contextValue, contextValue);
      assert.match(String(item.description), description);
      assert.match(String(item.description), /^native · 1,234 packets\/s · 85 ns/);
      assert.deepEqual(
        childrenOf(node, []).map((child) => draw(child).label),
        attached.behind?.map((each) => each.program) ?? [],
      );
    });
  }

  it('says why nothing is known', () => {
    const failed: LookoutState = {
      kind: 'failed',
      how: 'plain',
      error: { code: 'environment', message: 'no Linux here' },
    };
    const [node] = rootsOf(failed, [], []);
    assert.equal(draw(node!).description, 'no Linux here');
  });
});
