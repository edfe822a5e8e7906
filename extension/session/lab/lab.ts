import { statSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';
import { Ip } from './ip.ts';
import { defaultLab, type LabEnd, type LabPlan } from './plan.ts';
import { asRoot, findPrivilege } from './privileged.ts';
import { endProcess, identify, isAlive, type ProcessIdentity } from './processIdentity.ts';
import { type LabRecord, LabState } from './state.ts';
import { trafficLimits } from './trafficPlan.ts';
import { defaultTrafficScript, startTraffic } from './trafficProcess.ts';

export interface LabOptions {
  readonly plan?: LabPlan;
  /** 0 for none; at most 10,000. Default 200. */
  readonly packetsPerSecond?: number;
  /**
   * The traffic ends when the process with this id does. Default: XDP_LAB_OWNER, else nobody, and the traffic goes on
   * until the lab is taken down (or for twelve hours).
   */
  readonly ownerPid?: number;
  /** The bundled traffic.ts. Default: beside this bundle. */
  readonly trafficScript?: string;
}

export interface LabStatus {
  readonly name: string;
  /** `broken`: something of it was removed, or making it was interrupted; `lab up` makes it whole. */
  readonly state: 'up' | 'down' | 'broken';
  /** The host's end first: that is the one to attach to. Empty when down. */
  readonly interfaces: readonly string[];
  readonly namespaces: readonly string[];
  readonly addresses: readonly string[];
  readonly traffic: { readonly running: boolean; readonly packetsPerSecond: number; readonly pid?: number };
}

/** Makes the lab, or makes it whole again. Nothing happens to one that is up with its traffic running. */
export async function labUp(options: LabOptions = {}): Promise<LabStatus> {
  const plan = options.plan ?? defaultLab;
  const packetsPerSecond = checkRate(options.packetsPerSecond ?? trafficLimits.defaultPacketsPerSecond);
  const before = await labStatus(plan);
  if (before.state === 'up' && (before.traffic.running || packetsPerSecond === 0)) return before;
  const ip = new Ip(await findPrivilege('up'));
  await remove(plan, ip);
  await requireFreeNames(plan, ip);

  const state = LabState.own(plan.name);
  const maker = identify(process.pid);
  if (!maker) throw new XdpError('environment', 'The lab needs /proc.');
  let record: LabRecord = { version: 1, phase: 'making', maker, hostNamespace: hostNamespace() };
  state.create(record);
  try {
    await ip.batch([`netns add ${plan.peer.namespace}`]);
    record = { ...record, namespace: namespaceInode(plan.peer.namespace) };
    state.update(record);
    await ip.batch(makeLinks(plan));
    record = { ...record, hostIfindex: (await ip.link(plan.host.interface))?.ifindex };
    state.update(record);
    await ip.batch(configureEnd(plan.host, plan.peer));
    await ip.batch(['link set lo up', ...configureEnd(plan.peer, plan.host)], plan.peer.namespace);
    if (packetsPerSecond > 0) {
      const traffic = await startTraffic(ip, plan, {
        packetsPerSecond,
        owner: findOwner(options.ownerPid),
        script: options.trafficScript ?? defaultTrafficScript,
      });
      record = { ...record, traffic: { ...traffic, packetsPerSecond } };
    }
    state.update({ ...record, phase: 'ready' });
  } catch (error) {
    // The maker is this process, still alive: what it has made so far is taken back by itself.
    await takeBack(plan, ip, state, record);
    throw error;
  }
  return labStatus(plan);
}

/** Removes what `labUp` made, and only that. Nothing happens when there is no lab. */
export async function labDown(options: Pick<LabOptions, 'plan'> = {}): Promise<LabStatus> {
  const plan = options.plan ?? defaultLab;
  if (LabState.own(plan.name).read()) {
    await remove(plan, new Ip(await findPrivilege('down')));
  } else if (LabState.system(plan.name).read()) {
    throw new XdpError('privilege', `The lab ${plan.name} was made by root.`, {
      fix: asRoot('down'),
      details: { capability: 'CAP_NET_ADMIN' },
    });
  }
  return labStatus(plan);
}

/** Looks, and needs no privilege. */
export async function labStatus(plan: LabPlan = defaultLab): Promise<LabStatus> {
  const record = LabState.own(plan.name).read() ?? LabState.system(plan.name).read();
  const traffic = record?.traffic;
  const running = traffic !== undefined && isAlive(traffic);
  const status = {
    name: plan.name,
    traffic: {
      running,
      packetsPerSecond: running ? traffic.packetsPerSecond : 0,
      ...(running && { pid: traffic.pid }),
    },
  };
  if (!record) return { ...status, state: 'down', interfaces: [], namespaces: [], addresses: [] };

  const hasNamespace = record.namespace !== undefined && namespaceInode(plan.peer.namespace) === record.namespace;
  // From another namespace the host's end cannot be seen; the two ends live and die together.
  const elsewhere = record.hostNamespace !== hostNamespace();
  const link = elsewhere ? undefined : await new Ip([]).link(plan.host.interface);
  const hasLink = elsewhere ? hasNamespace : link !== undefined && link.ifindex === record.hostIfindex;
  const whole = hasNamespace && hasLink && record.phase === 'ready';
  return {
    ...status,
    state: whole ? 'up' : 'broken',
    interfaces: hasLink ? [plan.host.interface, plan.peer.interface] : [],
    namespaces: hasNamespace ? [plan.peer.namespace] : [],
    addresses: hasLink ? [plan.host.ipv4, plan.host.ipv6, plan.peer.ipv4, plan.peer.ipv6] : [],
  };
}

/** Removes a recorded lab that nobody is making at this moment. */
async function remove(plan: LabPlan, ip: Ip): Promise<void> {
  const state = LabState.own(plan.name);
  const record = state.read();
  if (!record) return;
  if (record.phase === 'making' && isAlive(record.maker)) {
    throw new XdpError('environment', `Process ${record.maker.pid} is making the lab right now.`, {
      fix: 'Try again when it has ended.',
    });
  }
  await takeBack(plan, ip, state, record);
}

async function takeBack(plan: LabPlan, ip: Ip, state: LabState, record: LabRecord): Promise<void> {
  if (record.traffic) await endProcess(record.traffic);
  const { host, peer } = plan;
  const inode = namespaceInode(peer.namespace);
  if (inode !== undefined && inode === (record.namespace ?? inode)) {
    const inside = (await ip.links(peer.namespace)).filter((link) => link.name !== 'lo');
    const ours = inside.some((link) => link.name === peer.interface && link.mac === peer.mac);
    if (ours) await ip.batch([`link delete ${peer.interface}`], peer.namespace);
    // Stopped before its number was written down: ours when it is still as empty as we make it.
    if (record.namespace !== undefined || inside.length === 0) await ip.batch([`netns delete ${peer.namespace}`]);
  }
  if (record.hostNamespace === hostNamespace()) {
    const left = await ip.link(host.interface);
    const ours = left !== undefined && left.mac === host.mac && left.ifindex === (record.hostIfindex ?? left.ifindex);
    if (ours) await ip.batch([`link delete ${host.interface}`]);
  }
  state.remove();
}

async function requireFreeNames(plan: LabPlan, ip: Ip): Promise<void> {
  const taken: string[] = [];
  if (namespaceInode(plan.peer.namespace) !== undefined) taken.push(`network namespace ${plan.peer.namespace}`);
  if (await ip.link(plan.host.interface)) taken.push(`interface ${plan.host.interface}`);
  if (taken.length === 0) return;
  throw new XdpError(
    'environment',
    `The lab cannot be made: ${taken.join(' and ')} exists and was not made by this lab.`,
    {
      fix: 'Rename or remove what has that name. A lab that another user made is removed by that user.',
      details: { taken },
    },
  );
}

function makeLinks({ host, peer }: LabPlan): string[] {
  const peerPart = `peer name ${peer.interface} address ${peer.mac} netns ${peer.namespace}`;
  return [`link add name ${host.interface} address ${host.mac} type veth ${peerPart}`];
}

/** Neighbours are fixed, so that traffic goes on when a program drops everything, ARP and neighbour discovery too. */
function configureEnd(end: LabEnd, other: LabEnd): string[] {
  return [
    `address add ${end.ipv4}/24 dev ${end.interface}`,
    `address add ${end.ipv6}/64 dev ${end.interface} nodad`,
    `link set ${end.interface} up`,
    `neighbour replace ${other.ipv4} lladdr ${other.mac} dev ${end.interface} nud permanent`,
    `neighbour replace ${other.ipv6} lladdr ${other.mac} dev ${end.interface} nud permanent`,
  ];
}

function checkRate(packetsPerSecond: number): number {
  if (packetsPerSecond >= 0 && packetsPerSecond <= trafficLimits.maxPacketsPerSecond) return packetsPerSecond;
  throw new XdpError('usage', `The lab cannot send ${packetsPerSecond} packets per second.`, {
    fix: `Choose 0 to ${trafficLimits.maxPacketsPerSecond}.`,
  });
}

function findOwner(pid = Number(process.env['XDP_LAB_OWNER'])): ProcessIdentity | undefined {
  return Number.isInteger(pid) && pid > 0 ? identify(pid) : undefined;
}

/** The namespace that this process is in. */
function hostNamespace(): number {
  return statSync('/proc/self/ns/net').ino;
}

function namespaceInode(name: string): number | undefined {
  return statSync(`/run/netns/${name}`, { throwIfNoEntry: false })?.ino;
}
