import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { XdpError } from '../../core/errors.ts';
import { type TrafficMix, trafficLimits } from '../../protocol/labTraffic.ts';
import { configure, makeLinks } from './build.ts';
import { Ip } from './ip.ts';
import { type Removed, removePins } from './pins.ts';
import { defaultLab, type LabEnd, type LabPlan, labPlan, type LabTopology } from './plan.ts';
import { asRoot, findPrivilege } from './privileged.ts';
import { endProcess, identify, isAlive, type ProcessIdentity } from './processIdentity.ts';
import { type LabRecord, LabState } from './state.ts';
import { defaultMix, mixText } from './trafficMix.ts';
import { startTraffic } from './trafficProcess.ts';

export interface LabOptions {
  readonly plan?: LabPlan;
  /** 0 for none; at most 10,000. Default 200. */
  readonly packetsPerSecond?: number;
  readonly mix?: TrafficMix;
  /**
   * The traffic ends when the process with this id does. Default: XDP_LAB_OWNER, else nobody, and the traffic goes on
   * until the lab is taken down (or for twelve hours).
   */
  readonly ownerPid?: number;
  /** dist/lab-traffic.mjs. */
  readonly trafficScript: string;
}

export interface LabStatus {
  readonly name: string;
  readonly topology: LabTopology;
  /** `broken`: something of it was removed, or making it was interrupted; `lab up` makes it whole. */
  readonly state: 'up' | 'down' | 'broken';
  /** The one to attach to first. Empty when down. */
  readonly interfaces: readonly string[];
  readonly namespaces: readonly string[];
  readonly addresses: readonly string[];
  /** Where to attach; absent when down. `netns` absent: here. */
  readonly attach?: { readonly iface: string; readonly netns?: string };
  readonly traffic: {
    readonly running: boolean;
    readonly packetsPerSecond: number;
    readonly mix?: string;
    readonly pid?: number;
  };
  readonly warnings: readonly string[];
}

/**
 * Makes the lab, or makes it whole again; one of another topology is taken down first. Nothing happens to one that is up
 * with the same traffic, and of one with other traffic only that is exchanged.
 */
export async function labUp(options: LabOptions): Promise<LabStatus> {
  const plan = options.plan ?? defaultLab;
  const packetsPerSecond = checkRate(options.packetsPerSecond ?? trafficLimits.defaultPacketsPerSecond);
  const mix = options.mix ?? defaultMix;
  const before = await labStatus(plan);
  const same = before.state === 'up' && before.topology === plan.topology;
  if (same && hasTraffic(before, packetsPerSecond, mix)) return before;
  const ip = new Ip(await findPrivilege('up'));
  const state = LabState.own(plan.name);
  const traffic = async (record: LabRecord): Promise<LabRecord> => {
    if (packetsPerSecond === 0) return record;
    const owner = findOwner(options.ownerPid);
    const started = await startTraffic(ip, plan, { packetsPerSecond, mix, owner, script: options.trafficScript });
    return { ...record, traffic: { ...started, packetsPerSecond, mix: mixText(mix) } };
  };
  const known = state.read();
  if (same && known !== undefined) {
    if (known.traffic) await endProcess(known.traffic);
    const { traffic: _ended, ...quiet } = known;
    state.update(quiet);
    state.update(await traffic(quiet));
  } else {
    await remove(plan, ip);
    await requireFreeNames(plan, ip);
    await make(plan, ip, state, traffic);
  }
  return labStatus(plan);
}

function hasTraffic({ traffic }: LabStatus, packetsPerSecond: number, mix: TrafficMix): boolean {
  if (packetsPerSecond === 0) return !traffic.running;
  return traffic.running && traffic.packetsPerSecond === packetsPerSecond && traffic.mix === mixText(mix);
}

async function make(
  plan: LabPlan,
  ip: Ip,
  state: LabState,
  traffic: (record: LabRecord) => Promise<LabRecord>,
): Promise<void> {
  const maker = identify(process.pid);
  if (!maker) throw new XdpError('environment', 'The lab needs /proc.');
  const { topology } = plan;
  let record: LabRecord = {
    version: 2,
    topology,
    phase: 'making',
    maker,
    hostNamespace: hostNamespace(),
    namespaces: {},
  };
  state.create(record);
  try {
    for (const name of plan.namespaces) {
      await ip.batch([`netns add ${name}`]);
      const inode = namespaceInode(name);
      if (inode !== undefined) record = { ...record, namespaces: { ...record.namespaces, [name]: inode } };
      state.update(record);
    }
    await makeLinks(ip, plan);
    const host = endsOf(plan).find(({ namespace }) => namespace === undefined);
    if (host !== undefined) record = { ...record, hostIfindex: (await ip.link(host.interface))?.ifindex };
    state.update(record);
    record = { ...record, warnings: await configure(ip, plan) };
    record = await traffic(record);
    state.update({ ...record, phase: 'ready' });
  } catch (error) {
    // The maker is this process, still alive: what it has made so far is taken back by itself.
    await takeBack(ip, state, record, plan);
    throw error;
  }
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
export async function labStatus(asked: LabPlan = defaultLab): Promise<LabStatus> {
  const record = LabState.own(asked.name).read() ?? LabState.system(asked.name).read();
  const plan = record === undefined ? asked : planOf(asked, record);
  const traffic = record?.traffic;
  const running = traffic !== undefined && isAlive(traffic);
  const status = {
    name: plan.name,
    topology: plan.topology,
    traffic: {
      running,
      packetsPerSecond: running ? traffic.packetsPerSecond : 0,
      ...(running && { mix: traffic.mix, pid: traffic.pid }),
    },
    warnings: record?.warnings ?? [],
  };
  if (!record) return { ...status, state: 'down', interfaces: [], namespaces: [], addresses: [] };

  const namespaces = plan.namespaces.filter((name) => isRecorded(record, name));
  const hasNamespaces = namespaces.length === plan.namespaces.length;
  // Inside a namespace of the lab, or from another one, its links cannot be seen: the ends live and die together.
  const host = endsOf(plan).find(({ namespace }) => namespace === undefined);
  const elsewhere = host === undefined || record.hostNamespace !== hostNamespace();
  const link = elsewhere ? undefined : await new Ip([]).link(host.interface);
  const hasLinks = elsewhere ? hasNamespaces : link !== undefined && link.ifindex === record.hostIfindex;
  const whole = hasNamespaces && hasLinks && record.phase === 'ready';
  const [first] = plan.links;
  const target = first?.[0];
  const attach = target && {
    iface: target.interface,
    ...(target.namespace === undefined ? {} : { netns: target.namespace }),
  };
  return {
    ...status,
    state: whole ? 'up' : 'broken',
    interfaces: hasLinks ? endsOf(plan).map((end) => end.interface) : [],
    namespaces,
    addresses: hasLinks ? endsOf(plan).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]) : [],
    ...(whole && attach ? { attach } : {}),
  };
}

/** Ends for programs first. */
function endsOf({ links }: LabPlan): LabEnd[] {
  return [...links.map(([end]) => end), ...links.map(([, other]) => other)];
}

/** The record may be of the other topology. */
function planOf(asked: LabPlan, { topology }: LabRecord): LabPlan {
  return asked.topology === topology ? asked : labPlan(topology, asked.names);
}

/** Removes a recorded lab that nobody is making at this moment. */
async function remove(asked: LabPlan, ip: Ip): Promise<void> {
  const state = LabState.own(asked.name);
  const record = state.read();
  if (!record) return;
  if (record.phase === 'making' && isAlive(record.maker)) {
    throw new XdpError('environment', `Process ${record.maker.pid} is making the lab right now.`, {
      fix: 'Try again when it has ended.',
    });
  }
  // A maker that was killed may have left its last `ip` running.
  if (record.phase === 'making') await sleep(500);
  await takeBack(ip, state, record, planOf(asked, record));
}

async function takeBack(ip: Ip, state: LabState, record: LabRecord, plan: LabPlan): Promise<void> {
  if (record.traffic) await endProcess(record.traffic);
  const removed: Removed[] = [];
  for (const name of plan.namespaces) {
    const inode = namespaceInode(name);
    const recorded = record.namespaces[name];
    if (inode === undefined || inode !== (recorded ?? inode)) continue;
    const inside = (await ip.links(name)).filter((link) => link.name !== 'lo');
    const ours = endsOf(plan).filter(
      (end) => end.namespace === name && inside.some((link) => link.name === end.interface && link.mac === end.mac),
    );
    if (ours.length > 0)
      await ip.batch(
        ours.map((end) => `link delete ${end.interface}`),
        name,
      );
    // Stopped before its number was written down: ours when it is still as empty as we make it.
    if (recorded === undefined && inside.length > 0) continue;
    await ip.batch([`netns delete ${name}`]);
    removed.push({ namespaceInode: inode });
  }
  const host = endsOf(plan).find(({ namespace }) => namespace === undefined);
  if (host !== undefined && record.hostNamespace === hostNamespace()) {
    const left = await ip.link(host.interface);
    const ours = left !== undefined && left.mac === host.mac && left.ifindex === (record.hostIfindex ?? left.ifindex);
    if (ours) await ip.batch([`link delete ${host.interface}`]);
    // It went with its other end, or just now.
    const ifindex = record.hostIfindex ?? left?.ifindex;
    if (ifindex !== undefined && (ours || left === undefined)) {
      removed.push({ namespaceInode: record.hostNamespace, ifindex });
    }
  }
  await removePins(ip.prefix, removed);
  state.remove();
}

async function requireFreeNames(plan: LabPlan, ip: Ip): Promise<void> {
  const taken = plan.namespaces
    .filter((name) => namespaceInode(name) !== undefined)
    .map((name) => `network namespace ${name}`);
  const host = endsOf(plan).find(({ namespace }) => namespace === undefined);
  if (host !== undefined && (await ip.link(host.interface))) taken.push(`interface ${host.interface}`);
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

function isRecorded(record: LabRecord, name: string): boolean {
  const inode = record.namespaces[name];
  return inode !== undefined && namespaceInode(name) === inode;
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
