import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { decodeLinkInfo } from '../../extension/kernel/ffi/info.ts';
import type { BpfLinkInfo, BpfProgramInfo } from '../../extension/kernel/libbpf/port.ts';
import { fakeLink, fakeService } from '../support/kernelFake.ts';

/**
 * A libxdp dispatcher with two programs behind it. The kernel of this project's tests refuses extension programs (freplace), so
 * that one was never seen live: these are the answers that the kernel gives to the queries, by its sources (kernel/bpf/syscall.c,
 * bpf_tracing_link_fill_link_info()) and libxdp's (libxdp.c, xdp_multiprog__link_prog()).
 */
const folder = mkdtempSync(path.join(tmpdir(), 'xdp-dispatcher-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define SLOT(n) __attribute__((noinline)) int prog##n(struct xdp_md *ctx) { volatile int ret = 31; if (!ctx) return XDP_ABORTED; return ret; }
SLOT(0) SLOT(1) SLOT(2)
SEC("xdp") int xdp_dispatcher(struct xdp_md *ctx) { int ret = prog0(ctx); if (ret == 31) ret = prog1(ctx); if (ret == 31) ret = prog2(ctx); return XDP_PASS; }
char _license[] SEC("license") = "GPL";
`;

/** The type information that the kernel would have of it. */
function dispatcherBtf(): { bytes: Uint8Array; idOf(name: string): number } {
  const [file, object] = [path.join(folder, 'd.bpf.c'), path.join(folder, 'd.o')];
  writeFileSync(file, source);
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', '-I/usr/include/x86_64-linux-gnu', '-c', file, '-o', object]);
  const { btf, btfBytes } = parseObject(readFileSync(object));
  return {
    bytes: btfBytes ?? new Uint8Array(),
    idOf: (name) => btf?.types.findIndex((type) => type.kind === 'func' && type.name === name) ?? -1,
  };
}

const program = (id: number, name: string, btfId = 0): BpfProgramInfo => ({
  type: name === 'xdp_dispatcher' ? 'xdp' : 'ext',
  id,
  name,
  tag: '',
  mapIds: [],
  btfId,
  runTimeNs: 850n * BigInt(id),
  runCount: 10n * BigInt(id),
});

function machine(
  links: BpfLinkInfo[],
  programs: BpfProgramInfo[],
  btf: Uint8Array,
  profile: 'own' | 'system' = 'system',
) {
  const opened = new Map<number, { kind: string; id: number }>();
  const closed: number[] = [];
  let fd = 1000;
  const service = fakeService({
    libbpf: {
      openById: (kind, id) => {
        const known =
          kind === 'link'
            ? links.some((one) => one.id === id)
            : kind === 'btf' || programs.some((one) => one.id === id);
        if (profile === 'own') return -1;
        if (!known) return -2;
        fd++;
        opened.set(fd, { kind, id });
        return fd;
      },
      nextId: (kind, id) => (kind === 'link' ? (links.find((one) => one.id > id)?.id ?? -2) : -2),
      linkInfo: (given) => links.find((one) => one.id === opened.get(given)?.id) ?? -9,
      programInfo: (given) => programs.find((one) => one.id === opened.get(given)?.id) ?? -9,
      btfInfo: () => ({ id: 7, bytes: Buffer.from(btf) }),
      close: (given) => {
        closed.push(given);
        opened.delete(given);
      },
    },
    netlink: { links: () => [{ ...fakeLink, xdp: [{ mode: 'native', programId: 50 }] }] },
  });
  return { service, opened, closed };
}

const xdpLink: BpfLinkInfo = { id: 1, xdp: true, programId: 50, ifindex: 2 };
const behind = (id: number, programId: number, btfId: number, target = 50): BpfLinkInfo => ({
  id,
  xdp: false,
  programId,
  ifindex: 0,
  target: { programId: target, btfId },
});

test('a dispatcher is shown with the programs behind it, in the order in which it runs them', async () => {
  const btf = dispatcherBtf();
  const links = [xdpLink, behind(2, 62, btf.idOf('prog1')), behind(3, 61, btf.idOf('prog0')), behind(4, 99, 5, 77)];
  const { service, opened } = machine(
    links,
    [program(50, 'xdp_dispatcher', 7), program(61, 'xdp_filter'), program(62, 'xdp_monitor')],
    btf.bytes,
  );
  const { interfaces } = await service.handlers['interfaces/list']({});
  expect(interfaces[0]?.attached).toEqual([
    {
      program: 'xdp_dispatcher',
      progId: 50,
      mode: 'native',
      via: 'link',
      linkId: 1,
      owner: 'other',
      behind: [
        { program: 'xdp_filter', progId: 61 },
        { program: 'xdp_monitor', progId: 62 },
      ],
    },
  ]);
  expect(opened.size).toBe(0);
});

test('without its type information the order still stands; damaged information harms nothing', async () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3)]) {
    const { service } = machine(
      [xdpLink, behind(2, 62, 12), behind(3, 61, 11)],
      [program(50, 'xdp_dispatcher', 7), program(61, 'a'), program(62, 'b')],
      bytes,
    );
    const { interfaces } = await service.handlers['interfaces/list']({});
    expect(interfaces[0]?.attached[0]?.behind?.map((each) => each.program)).toEqual(['a', 'b']);
  }
});

test('without privilege neither names nor what is behind can be told', async () => {
  const { service } = machine([xdpLink], [program(50, 'xdp_dispatcher')], new Uint8Array(), 'own');
  const { interfaces } = await service.handlers['interfaces/list']({});
  expect(interfaces[0]?.attached).toEqual([
    { program: '', progId: 50, mode: 'native', via: 'unknown', owner: 'other' },
  ]);
});

test('the link of an extension program says which function of which program it took the place of', () => {
  const bytes = Buffer.alloc(64); // struct bpf_link_info
  for (const [at, value] of [
    [0, 2],
    [4, 9],
    [8, 61],
    [16, 0],
    [20, 50],
    [24, 17],
  ] as const)
    bytes.writeUInt32LE(value, at);
  expect(decodeLinkInfo(bytes)).toEqual({
    id: 9,
    programId: 61,
    xdp: false,
    ifindex: 0,
    target: { programId: 50, btfId: 17 },
  });
  bytes.writeUInt32LE(6, 0);
  bytes.writeUInt32LE(3, 16);
  expect(decodeLinkInfo(bytes)).toEqual({ id: 9, programId: 61, xdp: true, ifindex: 3 });
});

test('run counts are held once, read for what is there, and let go', async () => {
  const { service, closed } = machine([], [program(50, 'xdp_prog')], new Uint8Array());
  await service.handlers['stats/hold']({});
  const held = [...service.open];
  await service.handlers['stats/hold']({});
  expect([...service.open]).toEqual(held);
  expect(await service.handlers['stats/read']({ programs: [50, 51] })).toEqual({
    atNs: 1n,
    programs: [{ id: 50, runCount: 500n, runTimeNs: 42500n }],
  });
  await service.handlers['stats/release']({});
  expect(closed).toContain(held.at(-1));
});

test('counting that is refused says what is missing', async () => {
  const refused = fakeService({ libbpf: { enableStats: () => -1 } });
  await expect(async () => refused.handlers['stats/hold']({})).rejects.toMatchObject({
    code: 'privilege',
    message: expect.stringContaining('CAP_SYS_ADMIN'),
  });
});

test('what brings no notification is found by comparing, in each namespace that is watched', async () => {
  vi.useFakeTimers();
  try {
    let inside = 0;
    let programs: number[] = [];
    const service = fakeService({
      netlink: {
        links: () => [
          { ...fakeLink, xdp: inside > 0 ? programs.map((programId) => ({ mode: 'generic', programId })) : [] },
        ],
        watch: () => ({ stop: () => {} }),
      },
      system: {
        inNetns: (file, work) => {
          if (!file.endsWith('/blue')) return -2;
          inside++;
          try {
            return work();
          } finally {
            inside--;
          }
        },
      },
    });
    const { problems } = await service.handlers['interfaces/watch']({ netns: ['blue', 'gone'] });
    expect(problems).toEqual([{ netns: 'gone', problem: expect.stringContaining('ENOENT') }]);
    vi.advanceTimersByTime(3000);
    expect(service.events).toEqual([]);
    programs = [7];
    vi.advanceTimersByTime(1000);
    expect(service.events).toEqual([{ event: 'interfaces/changed', data: { netns: 'blue' } }]);
    await service.handlers['interfaces/watch']({ netns: [] });
    programs = [];
    vi.advanceTimersByTime(3000);
    expect(service.events).toHaveLength(1);
    service.dispose();
  } finally {
    vi.useRealTimers();
  }
});
