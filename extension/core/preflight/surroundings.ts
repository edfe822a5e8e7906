import { type Advice, expectedMode, inNetns, netnsOfPeer, type Situation } from './situation.ts';
import type { AttachedFacts, InterfaceFacts } from './facts.ts';

/** What else is there: other programs, the other end of a pair, the devices around it. */

export function pathAdvice({ iface, program, netns }: Situation): Advice[] {
  const found: Advice[] = [];
  if (!iface.up) {
    found.push({
      code: 'down',
      level: program === undefined ? 'note' : 'warning',
      cause: 'the interface is down: no packet reaches a program until it is set up',
      fix: `Set it up: ${inNetns(netns, `ip link set ${iface.name} up`)}`,
    });
  }
  if (iface.master !== undefined) {
    const { name, kind } = iface.master;
    found.push({
      code: 'bridge-port',
      level: 'note',
      cause: `${iface.name} is a port of the ${kind} ${name}: in native mode a program here sees packets before ${name} does, and what it drops or redirects never reaches ${name}`,
      fix: `That is the right place for all that arrives at this port; for what is sent to ${name} itself, attach there in generic mode.`,
    });
  }
  if (iface.lower !== undefined) {
    found.push({
      code: 'stacked',
      level: 'note',
      cause: `packets for ${iface.name} arrive at ${iface.lower} first, and a program there sees them before it`,
      fix: `To see them in native mode, attach to ${iface.lower}.`,
    });
  }
  return found;
}

export function occupiedAdvice(situation: Situation): Advice[] {
  const { iface, netns } = situation;
  const where = `--iface ${iface.name}${netns === undefined ? '' : ` --netns ${netns}`}`;
  const mode = expectedMode(situation);
  return iface.attached.map((held): Advice => {
    const excluded = situation.program !== undefined && held.mode !== mode && mode !== 'offload';
    return {
      code: 'occupied',
      level: 'warning',
      cause: `${describeAttached(held)} is attached in ${held.mode} mode${excluded ? `, which excludes ${mode} mode` : ''}`,
      fix: whatToDo(held, where),
    };
  });
}

/** `xdp_pass (id 7) of another process`. */
export function describeAttached({ program, progId, owner, holder }: AttachedFacts): string {
  const name = program === '' ? `program ${progId}` : `${program} (program ${progId})`;
  if (program === dispatcherName)
    return `the libxdp dispatcher (program ${progId}), which runs several programs in turn,`;
  switch (owner) {
    case 'this':
      return `${name} of this session`;
    case 'kept':
      return `${name}, which you kept,`;
    case 'other':
      return `${name} of ${holder ?? 'another process'}`;
    default:
      return `${name} of ${owner}`;
  }
}

/** The name of the program that libxdp attaches in place of those it is given: lib/libxdp/xdp-dispatcher.c.in. */
export const dispatcherName = 'xdp_dispatcher';

function whatToDo(held: AttachedFacts, where: string): string {
  if (held.program === dispatcherName) {
    return `Loaded with xdp-loader or another libxdp tool: add to it or unload it there (xdp-loader unload), or take it all away: xdp detach ${where} --force`;
  }
  switch (held.owner) {
    case 'this':
    case 'kept':
      return `Put a new program in its place without a gap: xdp attach FILE ${where} --replace; or detach it: xdp detach ${where}`;
    case 'other':
      return held.holder === undefined
        ? `Detach it with the tool that attached it, or: xdp detach ${where} --force`
        : `Detach it first: xdp detach ${where}`;
    default:
      return `Detach it first: xdp detach ${where}`;
  }
}

/**
 * A veth drops frames that are redirected to it unless its receiving end runs NAPI, that is with a native program or with
 * GRO on: drivers/net/veth.c, veth_xdp_xmit().
 */
function losesRedirects(iface: InterfaceFacts): boolean {
  if (iface.kind !== 'veth' || iface.peer?.hasProgram === true) return false;
  // The kernel's own flag says it of both causes, and for a peer that cannot be seen.
  return iface.xdpFeatures !== undefined && !iface.xdpFeatures.includes('ndo-xmit');
}

/** Frames of XDP_TX wait for ever in an end that has GRO but no program: veth_xdp_flush() wakes it only for a program. */
function losesTransmitted(iface: InterfaceFacts): boolean {
  if (iface.kind !== 'veth') return false;
  return iface.peer === undefined ? losesRedirects(iface) : !iface.peer.hasProgram;
}

export function peerAdvice(situation: Situation): Advice[] {
  const { iface, program, others = [] } = situation;
  if (expectedMode(situation) !== 'native') return [];
  const found: Advice[] = [];
  const may = (action: 'XDP_TX' | 'XDP_REDIRECT'): boolean => program === undefined || program.actions.has(action);
  const transmits = losesTransmitted(iface) && may('XDP_TX');
  if (transmits) {
    const redirects = losesRedirects(iface) ? `, and so is what is redirected to ${iface.name}` : '';
    found.push({
      code: 'peer',
      level: program === undefined ? 'note' : 'warning',
      cause:
        program === undefined
          ? `what a native program here sends back with XDP_TX is lost${redirects}: ${peerNamed(iface)} has no program`
          : `${program.name} may return XDP_TX${program.actionsKnown ? '' : ' (its object does not show what it returns)'}, and ${peerNamed(iface)} has no program: a veth loses such packets without a word`,
      fix: `Attach one that passes everything: ${passCommand(situation)}`,
    });
  }
  if (program === undefined || !may('XDP_REDIRECT')) return found;
  // That this very interface loses packets has just been said.
  const losing = others.filter((other) => losesRedirects(other) && !(transmits && other.name === iface.name));
  const redirects = program.actionsKnown || [...program.calls].some((name) => name.startsWith('bpf_redirect'));
  if (losing.length > 0 && redirects) {
    const names = losing.map(({ name }) => name).join(', ');
    const [first = iface] = losing;
    found.push({
      code: 'redirect-target',
      level: 'warning',
      cause: `${program.name} may redirect, and what goes to ${names} is dropped without a word: the other end of ${losing.length === 1 ? 'this veth' : 'these veths'} has no program`,
      fix: `Attach one that passes everything to the other end of the one that it redirects to: ${passCommand({ ...situation, iface: first })}; or switch GRO on there: ${inNetns(netnsOfPeer({ ...situation, iface: first }), `ethtool -K ${first.peer?.name ?? 'PEER'} gro on`)}`,
    });
  }
  return found;
}

function peerNamed({ peer }: InterfaceFacts): string {
  if (peer === undefined) return 'its peer (in another namespace)';
  if (peer.here) return `its peer ${peer.name}`;
  return peer.netns === undefined
    ? `its peer ${peer.name} (in another namespace)`
    : `its peer ${peer.name} (in the namespace ${peer.netns})`;
}

function passCommand(situation: Situation): string {
  const { iface, passProgram = 'PASS.bpf.c' } = situation;
  const netns = netnsOfPeer(situation);
  const where = netns === undefined ? '' : ` --netns ${netns}`;
  return `xdp attach ${passProgram} --iface ${iface.peer?.name ?? 'PEER'}${where} --mode native --keep`;
}

/** net/core/dev.c, bpf_prog_run_generic_xdp() and netif_receive_generic_xdp(). */
export const genericDifferences =
  'Generic mode runs on a copy that the stack made: slower; a VLAN tag that hardware took off is not in the packet, and headroom and tail differ from native mode';

/** Helpers whose answer differs between the modes, and how. */
const differing: Readonly<Record<string, string>> = {
  bpf_xdp_adjust_tail: 'bpf_xdp_adjust_tail may fail to grow a packet (there is only what room the skb has)',
  bpf_redirect_map: 'a redirect to an AF_XDP socket copies each packet',
  bpf_xdp_metadata_rx_vlan_tag: 'metadata kfuncs (bpf_xdp_metadata_rx_…) do not work',
  bpf_xdp_metadata_rx_hash: 'metadata kfuncs (bpf_xdp_metadata_rx_…) do not work',
  bpf_xdp_metadata_rx_timestamp: 'metadata kfuncs (bpf_xdp_metadata_rx_…) do not work',
};

export function genericAdvice(situation: Situation): Advice[] {
  const { iface, program } = situation;
  if (program === undefined || expectedMode(situation) !== 'generic') return [];
  const own = new Set([...program.calls].flatMap((name) => differing[name] ?? []));
  const why = iface.modes.native.ok
    ? 'Native mode is there: choose it.'
    : `No native mode: ${iface.modes.native.reason ?? 'the driver has none'}.`;
  return [
    {
      code: 'generic',
      level: own.size > 0 ? 'warning' : 'note',
      cause: [genericDifferences, ...own].join('; '),
      fix: why,
    },
  ];
}
