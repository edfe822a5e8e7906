import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AttachmentRegistry } from '../../extension/session/attach/registry.ts';
import type { SeenInterface } from '../../extension/session/interfaces/describe.ts';
import { Lookout, type LookoutState } from '../../extension/session/interfaces/lookout.ts';
import { KernelAccess } from '../../extension/session/kernelAccess.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { bundleCli } from '../support/cliBundle.ts';
import {
  bpftool,
  buildHelper,
  command,
  eventually,
  fixture,
  helper,
  openFiles,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';
import { testUser } from '../support/kernelUser.ts';

/** Looking at everything for as long as somebody wants to see it: what the Interfaces view stands on. */
let access: KernelAccess;
let helperPid = 0;
let lookout: Lookout;
let lab: VethLab;

beforeAll(async () => {
  const helperPath = await buildHelper();
  const { startHelper } = await import('../../extension/kernel/client.ts');
  access = new KernelAccess({
    helperPath,
    execPath: process.execPath,
    elevation: 'none',
    start: async (options) => {
      const client = await startHelper(options);
      helperPid = client.hello.pid;
      return client;
    },
  });
});
afterAll(() => access?.dispose());
beforeEach(() => {
  lab = vethLab();
  lookout = new Lookout(access, { registry: new AttachmentRegistry('cli'), passProgram: undefined });
});
afterEach(async () => {
  await lookout.close();
  lab.remove();
});

const openState = (): Extract<LookoutState, { kind: 'open' }> => {
  if (lookout.state.kind !== 'open') throw new Error(`The lookout is ${JSON.stringify(lookout.state)}`);
  return lookout.state;
};
const interfacesIn = (netns: string): SeenInterface[] | undefined => {
  const found = openState().survey.namespaces.find((each) => each.netns === netns);
  return found !== undefined && 'interfaces' in found ? found.interfaces : undefined;
};
const near = (): SeenInterface | undefined => interfacesIn(lab.ns)?.find(({ name }) => name === lab.near);

async function attach(
  client: HelperClient,
  mode: 'native' | 'generic',
): Promise<{ attachment: number; progId: number }> {
  const { object } = await client.call('object/load', { elf: fixture('kernelCounter'), name: 'kernelCounter.o' });
  return await client.call('xdp/attach', {
    object,
    program: 'xdp_counter',
    ifindex: lab.ifindex,
    mode,
    via: 'link',
    keep: false,
  });
}

test('every named namespace is there, and what happens in one is seen by itself', async () => {
  await lookout.open('privileged');
  const names = command('ip', ['netns', 'list'])
    .split('\n')
    .flatMap((line) => line.split(' ')[0] || []);
  expect(
    openState()
      .survey.namespaces.filter(({ kind }) => kind === 'name')
      .map(({ netns }) => netns),
  ).toEqual(expect.arrayContaining([lab.ns, lab.farNs].filter((name) => names.includes(name))));
  lab.run('ip', 'link', 'add', 'later0', 'type', 'bridge');
  await eventually('the new interface', () => interfacesIn(lab.ns)?.some(({ name }) => name === 'later0'));
  const client = await helper({ netns: lab.ns });
  try {
    for (const mode of ['generic', 'native'] as const) {
      const { attachment, progId } = await attach(client, mode);
      await eventually(`the program in ${mode} mode`, () =>
        near()?.attached.some((one) => one.progId === progId && one.mode === mode),
      );
      await client.call('xdp/detach', { attachment });
      await eventually('its end', () => near()?.attached.length === 0);
    }
  } finally {
    await client.dispose();
  }
});

test('what is attached, as bpftool net tells it', async () => {
  const object = path.join(tmpdir(), `xdp-lookout-${process.pid}.o`);
  writeFileSync(object, fixture('kernelCounter'));
  const client = await helper({ netns: lab.ns });
  try {
    await attach(client, 'native');
    lab.runFar('ip', 'link', 'set', lab.far, 'xdpgeneric', 'obj', object, 'sec', 'xdp');
    await lookout.open('privileged');
    for (const netns of [lab.ns, lab.farNs]) {
      const [theirs] = JSON.parse(command('ip', ['netns', 'exec', netns, 'bpftool', '-j', 'net'])) as [
        { xdp: { devname: string; id?: number; mode?: string; multi_attachments?: unknown }[] },
      ];
      const ours = interfacesIn(netns)?.flatMap(({ name, attached }) =>
        attached.map(({ progId, mode }) => ({ devname: name, mode: mode === 'native' ? 'driver' : mode, id: progId })),
      );
      expect(ours).toEqual(theirs.xdp.map(({ devname, mode, id }) => ({ devname, mode, id })));
    }
  } finally {
    lab.runFar('ip', 'link', 'set', lab.far, 'xdpgeneric', 'off');
    rmSync(object);
    await client.dispose();
  }
});

test('run counts are the kernel’s, and nobody counts after the last look', async () => {
  const client = await helper({ netns: lab.ns });
  try {
    const { progId } = await attach(client, 'native');
    await lookout.open('privileged');
    const pid = helperPid;
    expect(openFiles(pid).get('anon_inode:bpf-stats')).toBe(1);
    await eventually('a first count', () => openState().rates.has(progId));
    lab.runFar(
      'python3',
      '-c',
      `import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(("${lab.far}", 0x88b5))\nfor _ in range(1000): s.send(bytes([0xff] * 6 + [2, 0, 0, 0, 0, 9]) + b"\\x88\\xb5" + bytes(50))`,
    );
    const rate = await eventually('1000 packets', () => {
      const now = openState().rates.get(progId);
      return now !== undefined && now.runs >= 1000n && now.nsPerRun !== undefined && now;
    });
    const theirs = bpftool('prog', 'show', 'id', String(progId)) as { run_cnt: number; run_time_ns: number };
    expect(Number(rate.runs)).toBeLessThanOrEqual(theirs.run_cnt);
    expect(rate.nsPerRun).toBeLessThan(theirs.run_time_ns);
    await lookout.close();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  } finally {
    await client.dispose();
  }
});

test('a namespace that is deleted goes, and is not held by the watch', async () => {
  await lookout.open('privileged');
  expect(interfacesIn(lab.farNs)).toBeDefined();
  command('ip', ['netns', 'del', lab.farNs]);
  await eventually('its end in the view', () => interfacesIn(lab.farNs) === undefined);
  // With the namespace its end of the pair goes, and with that end the other.
  await eventually('the end of the pair', () => near() === undefined);
});

test('a lookout whose helper is killed says so, and opens again', async () => {
  await lookout.open('privileged');
  process.kill(helperPid, 'SIGKILL');
  await eventually('the failure', () => lookout.state.kind === 'failed');
  await lookout.open('privileged');
  expect(near()?.name).toBe(lab.near);
});

test('without privilege other namespaces are listed with the reason, and nothing is counted', async () => {
  await lookout.open('plain');
  const { survey, ratesProblem } = openState();
  expect(survey.interfaces.map(({ name }) => name)).toContain('lo');
  const far = survey.namespaces.find(({ netns }) => netns === lab.farNs);
  expect(far).toMatchObject({ problem: expect.stringContaining('CAP_SYS_ADMIN') });
  expect(ratesProblem).toContain('CAP_SYS_ADMIN');
});

test('xdp interfaces of an ordinary user: what everybody may see, and what is missing', async () => {
  const cli = await bundleCli('cli-plain');
  const user = testUser();
  const [become = '', ...args] = user.become;
  const run = (...more: string[]) =>
    spawnSync(become, [...args, process.execPath, cli.file, 'interfaces', '--json', ...more], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], XDP_ELEVATION: 'none' },
    });
  try {
    const { status, stdout, stderr } = run();
    expect(stderr).toContain('Without privilege');
    expect(status).toBe(0);
    const seen = JSON.parse(stdout) as {
      interfaces: { name: string }[];
      namespaces: { netns: string; problem?: string }[];
    };
    expect(seen.interfaces.map(({ name }) => name)).toContain('lo');
    expect(seen.namespaces.find(({ netns }) => netns === lab.ns)?.problem).toContain('CAP_SYS_ADMIN');
    expect(run('--netns', lab.ns)).toMatchObject({ status: 2, stdout: expect.stringContaining('CAP_SYS_ADMIN') });
    expect(run('--watch', '100')).toMatchObject({ status: 2, stdout: expect.stringContaining('CAP_SYS_ADMIN') });
  } finally {
    user.remove();
    cli.remove();
  }
});
