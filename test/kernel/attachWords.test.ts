import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bindMachine } from '../../extension/kernel/ffi/machine.ts';
import { createHandlers } from '../../extension/kernel/handlers/attach/create.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { bundleCli } from '../support/cliBundle.ts';
import { eventually, fixture, helper, openFilesAtRest, type VethLab, vethLab } from '../support/kernelHelper.ts';

/** What the kernel says of a refused link to its tracepoint alone, as tracefs shows it, is what the user is told. */
const instance = `/sys/kernel/tracing/instances/xdp-vscode-test-${process.pid}`;
let lab: VethLab;
let client: HelperClient;
let loaded: LoadedObject;

beforeAll(async () => {
  lab = vethLab();
  lab.run('ip', 'link', 'add', 'big0', 'mtu', '9000', 'type', 'veth', 'peer', 'name', 'big1', 'mtu', '9000');
  mkdirSync(instance);
  writeFileSync(`${instance}/events/xdp/bpf_xdp_link_attach_failed/enable`, '1');
  client = await helper({ netns: lab.ns });
  loaded = await client.call('object/load', { elf: fixture('kernelReplace'), name: 'words.o' });
});
afterAll(async () => {
  await client?.dispose();
  rmdirSync(instance);
  lab?.remove();
});

const said = (): string[] =>
  readFileSync(`${instance}/trace`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const match = new RegExp(`-(\\d+) .*bpf_xdp_link_attach_failed: errmsg=(.*)$`).exec(line);
      return match?.[1] === String(client.hello.pid) ? [match[2] ?? ''] : [];
    });
type Mode = 'native' | 'generic' | 'offload';
const attach = (ifindex: number, mode: Mode) => {
  const { object } = loaded;
  return client.call('xdp/attach', { object, program: 'xdp_replaced', ifindex, mode, via: 'link', keep: false });
};
const ifindexOf = (name: string): number => Number(/^\d+/.exec(lab.run('ip', '-o', 'link', 'show', name))?.[0]);

test.for<{ what: string; iface: () => string; mode: Mode; taken?: Mode }>([
  { what: 'lo in native mode', iface: () => 'lo', mode: 'native' },
  { what: 'a veth with a large MTU', iface: () => 'big0', mode: 'native' },
  { what: 'an interface that runs another program', iface: () => lab.near, mode: 'native', taken: 'native' },
  { what: 'an interface that runs one in the other mode', iface: () => lab.near, mode: 'generic', taken: 'native' },
])('$what', async ({ iface, mode, taken }) => {
  const ifindex = ifindexOf(iface());
  const held = taken === undefined ? undefined : await attach(ifindex, taken);
  try {
    const before = said().length;
    const refused = await attach(ifindex, mode).catch((error: unknown) => error);
    const words = await eventually('the trace', () => said().slice(before)[0]);
    expect(words).not.toBe('');
    expect(refused).toMatchObject({ details: { kernel: words } });
  } finally {
    if (held !== undefined) await client.call('xdp/detach', { attachment: held.attachment });
  }
});

test('listening leaves nothing open, and no packet meets a program that netlink was asked to try', async () => {
  const files = await openFilesAtRest(client.hello.pid);
  for (let times = 0; times < 5; times++) await expect(attach(ifindexOf('lo'), 'native')).rejects.toThrow();
  expect(await openFilesAtRest(client.hello.pid)).toEqual(files);

  const machine = bindMachine();
  const asked: unknown[] = [];
  const xdpAttach = (request: unknown): never => {
    asked.push(request);
    throw new Error('netlink was asked');
  };
  const service = createHandlers({
    profile: 'own',
    ...machine,
    netlink: { ...machine.netlink, xdpAttach },
    pins: { problem: 'no pins in this test' },
    emit: () => {},
  });
  try {
    const { object } = await service.handlers['object/load']({ elf: fixture('kernelReplace'), name: 'words.o' });
    // lo of the namespace that this test runs in: it takes no program in native mode.
    const request = { object, program: 'xdp_replaced', ifindex: 1, mode: 'native', via: 'link', keep: false } as const;
    const attached = async (): Promise<unknown> => service.handlers['xdp/attach'](request);
    await expect(attached()).rejects.toMatchObject({ details: { kernel: expect.stringContaining('native mode') } });
    expect(asked).toEqual([]);
  } finally {
    service.dispose();
  }
});

test('where the kernel has no words, none are made up', async () => {
  const before = said().length;
  const refused: unknown = await attach(ifindexOf(lab.near), 'offload').catch((error: unknown) => error);
  expect(await eventually('the trace', () => said().slice(before)[0])).toBe('(null)');
  expect(refused).toMatchObject({ code: 'mode-unsupported', message: expect.not.stringContaining('The kernel says') });
});

test('the words of another process are not taken for ours', async () => {
  const cli = await bundleCli('cli-words');
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'xdp-words-')), 'words.o');
  writeFileSync(file, fixture('kernelReplace'));
  try {
    const { libbpf } = bindMachine();
    const other = ['attach', file, '--iface', 'lo', '--netns', lab.ns, '--mode', 'native', '--keep'];
    const heard = libbpf.overhearLinkFailure(() => cli.run(other));
    expect(heard?.outcome.stderr).toContain('The kernel says');
    expect(heard?.words).toBeUndefined();
  } finally {
    cli.remove();
    rmSync(path.dirname(file), { recursive: true });
  }
});
