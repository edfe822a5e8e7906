import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { XdpError } from '../../core/errors.ts';
import type { Ip } from './ip.ts';
import type { LabPlan } from './plan.ts';
import { requireTool } from './privileged.ts';
import { identify, type ProcessIdentity } from './processIdentity.ts';
import { type TrafficMix, type TrafficPlan, type TrafficReady, trafficLimits } from '../../protocol/labTraffic.ts';

export interface TrafficOptions {
  readonly packetsPerSecond: number;
  readonly mix: TrafficMix;
  readonly owner: ProcessIdentity | undefined;
  /** The bundled labTraffic.ts. */
  readonly script: string;
}

/** Starts the traffic source inside the lab's namespace; it goes on after this process has ended. */
export async function startTraffic(ip: Ip, lab: LabPlan, options: TrafficOptions): Promise<ProcessIdentity> {
  if (!existsSync(options.script)) {
    throw new XdpError('environment', `${options.script} is missing.`, { fix: 'Build it again: npm run build' });
  }
  const { from, to, through } = lab.traffic;
  const plan: TrafficPlan = {
    interface: from.interface,
    mac: { from: from.mac, to: through.mac },
    ipv4: { from: from.ipv4, to: to.ipv4 },
    ipv6: { from: from.ipv6, to: to.ipv6 },
    mix: options.mix,
    packetsPerSecond: options.packetsPerSecond,
    maxSeconds: trafficLimits.maxSeconds,
    ...(options.owner && { owner: options.owner }),
  };
  const command: readonly string[] = [
    ...ip.inside(from.namespace ?? ''),
    // A session of its own, so that it outlives this process and its terminal; not earlier, since sudo remembers
    // a password by terminal.
    requireTool('setsid', 'util-linux'),
    '--fork',
    requireTool('setpriv', 'util-linux'),
    ...withRawSocketsOnly(options.script),
    // sudo empties the environment; in a desktop VS Code, the Node at hand is Electron.
    'env',
    'ELECTRON_RUN_AS_NODE=1',
    process.execPath,
    options.script,
    JSON.stringify(plan),
  ];
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  const { pid } = await new Promise<TrafficReady>((resolve, reject) => {
    let words = '';
    const fail = (why: string): void =>
      reject(
        new XdpError('environment', `The lab's traffic source did not start: ${why}`, { details: { output: words } }),
      );
    const timer = setTimeout(() => fail('it did not answer within 10 seconds'), 10_000);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      clearTimeout(timer);
      resolve(JSON.parse(text) as TrafficReady);
    });
    child.on('error', (error) => fail(error.message));
    child.on('close', () => {
      clearTimeout(timer);
      fail(reasonIn(words));
    });
  });
  // From here on it is on its own: nothing of it may keep this process alive.
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  const identity = identify(pid);
  if (identity) return identity;
  throw new XdpError('environment', "The lab's traffic source ended right after its start.");
}

/** The line that says why, of what a program or Node itself has left; all of it goes along as the error's details. */
function reasonIn(words: string): string {
  const lines = words.trim().split('\n');
  const reason = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
  return reason === '' ? 'it ended at once' : reason;
}

/**
 * setpriv's arguments: CAP_NET_RAW and nothing else, now or later; it can be used in the lab's namespace alone, which the
 * process cannot leave. Root starts it as the owner of the script, who can read it even where root without capabilities
 * could not.
 */
function withRawSocketsOnly(script: string): string[] {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const { uid, gid } = self.uid === 0 ? statSync(script) : self;
  return [
    ...(uid === 0 ? [] : [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']),
    '--inh-caps=-all,+net_raw',
    '--ambient-caps=-all,+net_raw',
    '--bounding-set=-all,+net_raw',
    '--securebits=+noroot,+noroot_locked',
    '--no-new-privs',
    '--',
  ];
}
