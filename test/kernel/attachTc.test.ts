import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { bindMachine } from '../../extension/kernel/ffi/machine.ts';
import { createHandlers } from '../../extension/kernel/handlers/attach/create.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import {
  bpftoolList,
  command,
  eventually,
  fixture,
  fixtureText,
  helper,
  ipXdp,
  isAlive,
  type VethLab,
  vethLab,
} from '../support/kernelHelper.ts';

/** A tc program that comes and goes with its XDP program, and finds the metadata that XDP wrote. */
const source = path.resolve(import.meta.dirname, '../fixtures/bpf/kernelTc.bpf.c');
const [xdp, tc] = ['xdp_marks', 'tc_reads_the_marks'];
let cli: CliBundle;
let lab: VethLab;

beforeAll(async () => {
  cli = await bundleCli('cli-tc');
});
afterAll(() => cli?.remove());
beforeEach(() => {
  lab = vethLab();
});
afterEach(() => lab.remove());

const where = () => ['--iface', lab.near, '--netns', lab.ns];

/** tcx of kernel ≥ 6.6 is newer than bpftool of Debian 12: BPF_PROG_QUERY by libbpf would be ours; the link list is the kernel's. */
function tcxPrograms(): number[] {
  const tcx = bpftoolList('link').filter(({ type }) => type === 'tcx' || type === 11);
  return tcx.map(({ prog_id }) => prog_id ?? 0);
}

const ping = () =>
  spawnSync('ip', ['netns', 'exec', lab.farNs, 'ping', '-c', '5', '-i', '0.05', '-W', '2', '10.99.0.1']);

function counts(pinOrId: string): [number, number] {
  const { entries } = cli.run(['map', pinOrId]).json as { entries: { value: string }[] };
  return [Number(entries[0]?.value), Number(entries[1]?.value)];
}

test.for(['native', 'generic'])('metadata of XDP reaches tc: %s', (mode) => {
  const attached = cli.run(['attach', source, ...where(), '--prog', xdp, '--with-tc', tc, '--mode', mode, '--keep']);
  expect(attached.stderr).toMatch(/to_device \(section xdp\/devmap\) is not loaded: it runs from a devmap entry/);
  expect(attached.stderr).toMatch(/on_other_cpu \(section xdp\/cpumap\) is not loaded: it runs from a cpumap entry/);
  expect(attached.stderr).toMatch(/on_exception \(section raw_tp\/xdp_exception\) is not loaded: .*raw_tracepoint/);
  expect(attached.json).toMatchObject({ program: xdp, mode, tc: { program: tc, via: 'tcx' } });
  const tcId = (attached.json['tc'] as { progId: number }).progId;
  expect(tcxPrograms()).toContain(tcId);
  const map = (attached.json['pin'] as string).replace(/link$/, 'maps/found');
  expect(ping().status).toBe(0);
  const [marked, unmarked] = counts(map);
  expect(marked).toBeGreaterThanOrEqual(5);
  expect(unmarked).toBe(0);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
  expect(ipXdp(lab)).toBeUndefined();
  expect(tcxPrograms()).not.toContain(tcId);
});

test('without a named program the devmap and cpumap programs are no candidates', () => {
  const attached = cli.run(['attach', source, ...where(), '--keep']);
  expect(attached.json).toMatchObject({ program: xdp });
  expect(attached.json['tc']).toBeUndefined();
  expect(cli.run(['detach', ...where()]).status).toBe(0);
  expect(cli.run(['attach', source, ...where(), '--with-tc', 'nobody'])).toMatchObject({
    status: 2,
    json: { error: { code: 'program-not-found', fix: expect.stringContaining(tc) } },
  });
});

test('replaced together with its XDP program, its map kept; adopted from its pin', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'xdp-tc-'));
  try {
    const first = cli.run(['attach', source, ...where(), '--prog', xdp, '--with-tc', tc, '--keep']);
    const map = (first.json['pin'] as string).replace(/link$/, 'maps/found');
    expect(ping().status).toBe(0);
    const [before] = counts(map);
    const changed = path.join(folder, 'changed.bpf.c');
    writeFileSync(changed, `#define MARK 0x12345678\n#include "${source}"\n`);
    const second = cli.run(['attach', changed, ...where(), '--prog', xdp, '--replace']);
    expect(second.status).toBe(0);
    expect(second.json['tc']).toMatchObject({ program: tc });
    const [firstTc, secondTc] = [first, second].map(({ json }) => (json['tc'] as { progId: number }).progId);
    expect(tcxPrograms()).not.toContain(firstTc);
    expect(tcxPrograms()).toContain(secondTc);
    // Both are of the new build: a mark of the old one would not be counted.
    expect(ping().status).toBe(0);
    expect(counts(map)[0]).toBeGreaterThanOrEqual(before + 5);
    // A build without the tc program changes nothing.
    writeFileSync(changed, `#define tc_reads_the_marks another\n#include "${source}"\n`);
    const refused = cli.run(['attach', changed, ...where(), '--prog', xdp, '--replace']);
    expect(refused).toMatchObject({ status: 2, json: { error: { code: 'program-not-found' } } });
    expect(ipXdp(lab)?.id).toBe(second.json['progId']);
    expect(tcxPrograms()).toContain(secondTc);
    expect(cli.run(['detach', ...where()]).status).toBe(0);
    expect(tcxPrograms()).not.toContain(secondTc);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a guard that runs out takes both away, or brings both back', () => {
  const before = tcxPrograms();
  expect(cli.run(['attach', source, ...where(), '--prog', xdp, '--with-tc', tc, '--guard', '1']).status).toBe(1);
  expect([ipXdp(lab), tcxPrograms()]).toEqual([undefined, before]);
  const kept = cli.run(['attach', source, ...where(), '--prog', xdp, '--with-tc', tc, '--keep']);
  const tcId = (kept.json['tc'] as { progId: number }).progId;
  const guarded = cli.run(['attach', source, ...where(), '--prog', xdp, '--replace', '--guard', '1']);
  expect(guarded).toMatchObject({ status: 1, json: { program: xdp, iface: lab.near, confirmed: false } });
  expect(ipXdp(lab)?.id).toBe(kept.json['progId']);
  expect(tcxPrograms()).toContain(tcId);
  expect(cli.run(['detach', ...where()]).status).toBe(0);
});

test('a helper that is killed takes both with it', async () => {
  const client = await helper({ netns: lab.ns });
  const loaded = await client.call('object/load', { elf: fixture('kernelTc'), name: 'tc.o', programs: [xdp, tc] });
  const { object } = loaded;
  const asked = { object, program: xdp, withTc: tc, ifindex: lab.ifindex, mode: 'native', via: 'link' } as const;
  const attached = await client.call('xdp/attach', { ...asked, keep: false });
  expect(tcxPrograms()).toContain(attached.tc?.progId);
  process.kill(client.hello.pid, 'SIGKILL');
  await eventually('its end', () => !isAlive(client.hello.pid));
  await eventually('detaching', () => ipXdp(lab) === undefined && !tcxPrograms().includes(attached.tc?.progId ?? 0));
});

test('when XDP cannot be attached, tc is not either', async () => {
  const client = await helper({ netns: lab.ns });
  try {
    const before = tcxPrograms();
    const { object } = await client.call('object/load', { elf: fixture('kernelTc'), name: 't.o', programs: [xdp, tc] });
    const asked = { object, program: xdp, withTc: tc, ifindex: 1, mode: 'native', via: 'link', keep: false } as const;
    await expect(client.call('xdp/attach', asked)).rejects.toMatchObject({ code: 'mode-unsupported' });
    expect(tcxPrograms()).toEqual(before);
  } finally {
    await client.dispose();
  }
});

test('where the kernel has no tcx a clsact filter does it, and its qdisc goes with it unless others use it', async () => {
  // In this process's namespace: the handlers with the port answering as a kernel before 6.6 does.
  const [iface, peer] = [`xtc${process.pid % 10000}`, `xtp${process.pid % 10000}`];
  command('ip', ['link', 'add', iface, 'type', 'veth', 'peer', 'name', peer]);
  const machine = bindMachine();
  const service = createHandlers({
    profile: 'own',
    ...machine,
    libbpf: { ...machine.libbpf, createTcxLink: () => -22 },
    pins: { problem: 'no pins in this test' },
    emit: () => {},
  });
  const filters = () => command('tc', ['filter', 'show', 'dev', iface, 'ingress']);
  const qdiscs = () => command('tc', ['qdisc', 'show', 'dev', iface]);
  try {
    const { handlers } = service;
    const [link] = JSON.parse(command('ip', ['-j', 'link', 'show', iface])) as [{ ifindex: number }];
    const load = () => handlers['object/load']({ elf: fixture('kernelTc'), name: 'tc.o', programs: [xdp, tc] });
    const asked = {
      program: xdp,
      withTc: tc,
      ifindex: link.ifindex,
      mode: 'native',
      via: 'link',
      keep: false,
    } as const;
    const { object } = await load();
    const first = await handlers['xdp/attach']({ ...asked, object });
    expect(first.tc).toMatchObject({ via: 'clsact' });
    expect(filters()).toContain(`id ${first.tc?.progId}`);
    const next = await load();
    const replaced = await handlers['xdp/replace']({ attachment: first.attachment, object: next.object, program: xdp });
    expect(filters()).toContain(`id ${replaced.tc?.progId}`);
    expect(filters()).not.toContain(`id ${first.tc?.progId}`);
    await handlers['xdp/detach']({ attachment: first.attachment });
    expect(qdiscs()).not.toContain('clsact');
    const second = await handlers['xdp/attach']({ ...asked, object });
    fixtureText('tcOther', 'SEC("tc") int other(struct __sk_buff *skb) { return -1; }');
    const others = path.resolve(import.meta.dirname, `../../.cache/test-helper/tcOther-${process.pid}.o`);
    command('tc', ['filter', 'add', 'dev', iface, 'egress', 'bpf', 'da', 'object-file', others, 'section', 'tc']);
    await handlers['xdp/detach']({ attachment: second.attachment });
    expect(qdiscs()).toContain('clsact');
    expect(filters()).toBe('');
    expect(() => handlers['xdp/attach']({ ...asked, object, guardSeconds: 5 })).toThrow(/no tcx links/);
  } finally {
    service.dispose();
    command('ip', ['link', 'del', iface]);
  }
});
