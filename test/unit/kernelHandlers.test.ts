import { expect, test } from 'vitest';
import { verdictLine } from '../../extension/kernel/handlers/object/loadFailures.ts';
import { errnoText } from '../../extension/kernel/libbpf/errno.ts';
import { type FakeKernel, fakeLink, fakeMapInfo, fakeService } from '../support/kernelFake.ts';

const elf = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 0);
const load = (service: ReturnType<typeof fakeService>) =>
  Promise.resolve(service.handlers['object/load']({ elf, name: 'fake.o' }));

test.for<[string, FakeKernel, object]>([
  [
    'no privilege',
    { object: { load: -1 }, system: { capabilities: () => ['CAP_NET_ADMIN'] } },
    { code: 'privilege', details: { missing: ['CAP_PERFMON', 'CAP_BPF'] } },
  ],
  ['forbidden all the same', { object: { load: -1 } }, { code: 'privilege', fix: expect.stringContaining('lockdown') }],
  [
    'too many instructions',
    { object: { load: -7 } },
    { code: 'load-failed', fix: expect.stringContaining('tail calls'), details: { errnoName: 'E2BIG' } },
  ],
  ['too many files', { object: { load: -24 } }, { code: 'load-failed', fix: expect.stringContaining('open files') }],
  [
    'a map too large',
    { object: { load: -7, prints: ["map 'big': failed to create: Argument list too long(-7)"] } },
    {
      code: 'load-failed',
      message: expect.stringContaining('The map big'),
      details: { map: 'big', errnoName: 'E2BIG' },
    },
  ],
  [
    'no memory for a map',
    { object: { load: -12, prints: ["map 'big': failed to create: Cannot allocate memory(-12)"] } },
    { fix: expect.stringContaining('max_entries') },
  ],
  [
    'an unknown map type',
    { object: { load: -22, prints: ["map 'new': failed to create: Invalid argument(-22)"] } },
    { fix: expect.stringContaining('older kernel') },
  ],
  [
    'no privilege for a map',
    {
      object: { load: -1, prints: ["map 'm': failed to create: Operation not permitted(-1)"] },
      system: { capabilities: () => [] },
    },
    { code: 'privilege', message: expect.stringContaining('map m') },
  ],
  [
    'no BTF of the kernel',
    { object: { load: -3, prints: ['Error loading vmlinux BTF: -2'] } },
    { fix: expect.stringContaining('/sys/kernel/btf/vmlinux') },
  ],
  [
    'a missing kfunc',
    { object: { load: -3, prints: ["extern (func ksym) 'bpf_new': not found in kernel or module BTFs"] } },
    { fix: expect.stringContaining('__weak') },
  ],
  [
    'rejected',
    {
      object: {
        load: -13,
        programs: [
          { name: 'p', section: 'xdp', type: 'xdp', log: '0: (61) r1 = 1\ninvalid access\nprocessed 1 insns\n' },
        ],
      },
    },
    {
      code: 'program-rejected',
      message: 'The verifier rejected p: invalid access',
      details: { program: 'p', errno: 13 },
    },
  ],
  [
    'rejected for want of PERFMON',
    {
      object: {
        load: -13,
        programs: [
          { name: 'p', section: 'xdp', type: 'xdp', log: '7: (1f) r1 -= r2\nR1 pointer -= pointer prohibited\n' },
        ],
      },
      system: { capabilities: () => ['CAP_BPF'] },
    },
    { code: 'program-rejected', fix: expect.stringContaining('CAP_PERFMON') },
  ],
  ['no programs', { object: { programs: [] } }, { code: 'not-bpf-object', fix: expect.stringContaining('SEC("xdp")') }],
  [
    'other byte order',
    { libbpf: { openObject: () => -4003 } },
    { code: 'not-bpf-object', message: expect.stringContaining('byte order') },
  ],
  ['damaged', { libbpf: { openObject: () => -22 } }, { code: 'object-damaged' }],
])('loading: %s', async ([, kernel, expected]) => {
  const service = fakeService(kernel);
  await expect(load(service)).rejects.toMatchObject(expected);
  expect([...service.open]).toEqual([]);
});

const verify = (prints: string[], load = -22) =>
  Promise.resolve(
    fakeService({
      object: {
        load,
        prints,
        programs: ['one', 'two'].map((name) => ({ name, section: 'xdp', type: 'xdp' })),
      },
    }).handlers['object/verify']({ elf, name: 'fake.o' }),
  );

test('verifying: what libbpf refuses is a verdict in its own words', async () => {
  const extern = "extern (func ksym) 'bpf_new': not found in kernel or module BTFs";
  const refused = { verdict: 'rejected', errno: 3, reason: expect.stringContaining(extern), log: `${extern}\n` };
  expect(await verify([extern], -3)).toMatchObject({ programs: [refused, refused] });
});

test.for<[string, string[], number, string]>([
  ['another program', ["prog 'three': BPF program load failed: Argument list too long"], -7, 'load-failed'],
  ['damaged BTF', ['Error loading .BTF into kernel: -22.'], -22, 'load-failed'],
  ['a map', ["map 'm': failed to create: Invalid argument(-22)", "prog 'one': x"], -22, 'load-failed'],
  ['no privilege', ["prog 'one': BPF program load failed: Operation not permitted"], -1, 'privilege'],
])('verifying: %s fails as a whole', async ([, prints, result, code]) => {
  await expect(verify(prints, result)).rejects.toMatchObject({ code });
});

test('only an XDP program runs on a packet', async () => {
  const service = fakeService({ object: { programs: [{ name: 'tc', section: 'tc', type: 'sched_cls' }] } });
  const { object } = await Promise.resolve(service.handlers['object/load']({ elf, name: 'fake.o', programs: ['tc'] }));
  const run = { object, program: 'tc', data: new Uint8Array(64), repeat: 1, capturePrintk: false };
  await expect(Promise.resolve(service.handlers['program/testRun'](run))).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('sched_cls'),
  });
});

test('without CAP_SYS_ADMIN the way to it is elevation or root', async () => {
  const service = fakeService({ libbpf: { openById: () => -1 } });
  const read = async () => service.handlers['map/read']({ map: { id: 99 }, limit: 1 });
  await expect(read()).rejects.toMatchObject({
    code: 'privilege',
    details: { missing: ['CAP_SYS_ADMIN'] },
    fix: expect.stringMatching(process.getuid?.() === 0 ? /--cap-add SYS_ADMIN/ : /XDP_ELEVATION/),
  });
});

test('a log that does not fit is tried again larger, three times at most', async () => {
  const service = fakeService({
    object: { load: -28, programs: [{ name: 'p', section: 'xdp', type: 'xdp', log: 'too long' }] },
  });
  await expect(load(service)).rejects.toMatchObject({
    code: 'program-rejected',
    details: { log: 'too long', errnoName: 'ENOSPC' },
  });
  expect([...service.open]).toEqual([]);
});

const attach = async (kernel: FakeKernel, mode: 'auto' | 'native' | 'generic' | 'offload' = 'native') => {
  const service = fakeService(kernel);
  const loaded = await load(service);
  return Promise.resolve()
    .then(() =>
      service.handlers['xdp/attach']({
        object: loaded.object,
        program: 'xdp_prog',
        ifindex: 2,
        mode,
        via: 'link',
        keep: false,
      }),
    )
    .then((attachment) => ({ attachment, service }));
};
/** A link is refused with `result`, and netlink says why. */
const refusing = (result: number, message?: string): FakeKernel => ({
  libbpf: { createXdpLink: () => result },
  netlink: { xdpAttach: () => ({ result, message }) },
});
const holding = (result: number): FakeKernel => {
  const kernel = refusing(result);
  return {
    ...kernel,
    netlink: { ...kernel.netlink, link: () => ({ ...fakeLink, xdp: [{ mode: 'generic' as const, programId: 55 }] }) },
  };
};

test.for<[string, FakeKernel, object]>([
  [
    'no privilege',
    { ...refusing(-1), system: { capabilities: () => ['CAP_BPF'] } },
    { code: 'privilege', details: { capability: 'CAP_NET_ADMIN' } },
  ],
  ['gone', refusing(-19), { code: 'interface-gone' }],
  [
    'driver without XDP',
    refusing(-95, 'Underlying driver does not support XDP in native mode'),
    {
      code: 'mode-unsupported',
      message:
        'eth0 (fake_driver) cannot run XDP in native mode. The kernel says: Underlying driver does not support XDP in native mode',
    },
  ],
  [
    'MTU',
    refusing(-22, 'MTU too large w/ XDP enabled'),
    { code: 'attach-failed', fix: expect.stringContaining('mtu 3506') },
  ],
  ['LRO', refusing(-22, "can't enable XDP while LRO is on"), { fix: expect.stringContaining('lro off') }],
  ['queues', refusing(-28, 'not enough queues for XDP'), { fix: expect.stringContaining('ethtool -L eth0') }],
  [
    'held by another',
    holding(-16),
    {
      code: 'interface-busy',
      details: { progId: 55, holderMode: 'generic', owner: 'other' },
      message: expect.stringContaining('program id 55 (generic mode'),
      fix: expect.stringContaining('--force'),
    },
  ],
  [
    'held in the other mode',
    holding(-17),
    { code: 'interface-busy', message: expect.stringContaining('exclude each other') },
  ],
  [
    'held by a bond above',
    refusing(-17, 'Cannot attach when an upper device already has a program'),
    { code: 'interface-busy', fix: expect.stringContaining('bond') },
  ],
  [
    'no such program',
    { object: { programs: [{ name: 'other', section: 'xdp', type: 'xdp' }] } },
    { code: 'program-not-found', fix: expect.stringContaining('other') },
  ],
])('attaching: %s', async ([, kernel, expected]) => {
  await expect(attach(kernel)).rejects.toMatchObject(expected);
});

test('auto keeps the reason why not native; busy is busy in every mode', async () => {
  let tries = 0;
  const { attachment } = await attach(
    {
      libbpf: { createXdpLink: (_fd, _ifindex, flags) => (flags === 4 ? -95 : 200) },
      netlink: { xdpAttach: () => ({ result: -95, message: 'no native here' }) },
    },
    'auto',
  );
  expect(attachment).toMatchObject({ mode: 'generic', modeReason: expect.stringContaining('no native here') });
  const kernel = holding(-16);
  const counted = { ...kernel, libbpf: { createXdpLink: () => (tries++, -16) } };
  await expect(attach(counted, 'auto')).rejects.toMatchObject({ code: 'interface-busy' });
  expect(tries).toBe(1);
});

test('a refused link is tried once more where its reason can be overheard, and netlink is left alone', async () => {
  let tries = 0;
  const overhearing = (again: number): FakeKernel => ({
    libbpf: {
      createXdpLink: () => (tries++ === 0 ? -22 : again),
      overhearLinkFailure: (work) => ({ outcome: work(), words: again < 0 ? 'MTU too large' : undefined }),
    },
    netlink: {
      xdpAttach: () => {
        throw new Error('Nothing was to be asked of netlink');
      },
    },
  });
  await expect(attach(overhearing(-22))).rejects.toMatchObject({
    code: 'attach-failed',
    details: { kernel: 'MTU too large' },
  });
  tries = 0;
  const { attachment } = await attach(overhearing(200));
  expect([tries, attachment.mode]).toEqual([2, 'native']);
});

test('when netlink takes what a link did not, it is undone at once', async () => {
  const requests: { programFd: number; flags: number }[] = [];
  const kernel: FakeKernel = {
    libbpf: { createXdpLink: () => -22 },
    netlink: {
      xdpAttach: (request) => {
        requests.push(request);
        return { result: 0, message: undefined };
      },
    },
  };
  await expect(attach(kernel)).rejects.toMatchObject({ code: 'attach-failed' });
  expect(requests).toMatchObject([
    { programFd: expect.any(Number), flags: 4 | 1 },
    { programFd: -1, flags: 4 | 16 },
  ]);
});

test('a read ends where the map ends, whatever the kernel says', async () => {
  const type = 1;
  const service = fakeService({
    object: { maps: [{ name: 'm', type, keySize: 4, valueSize: 4 }] },
    libbpf: {
      mapInfo: () => fakeMapInfo({ type, maxEntries: 10 }),
      // A table that never says that it is at its end.
      mapNextKey: (_fd, _key, next) => (next.fill(1), 0),
      mapLookupBatch: () => ({ result: -524, count: 0 }),
    },
  });
  await load(service);
  const page = await service.handlers['map/read']({ map: { id: 7 }, limit: 1000 });
  expect(page).toMatchObject({ count: 10 });
  expect(page.cursor).toBeUndefined();
});

test('a page that is too small for a bucket grows, and not for ever', async () => {
  const limits: number[] = [];
  const service = fakeService({
    object: { maps: [{ name: 'm', type: 1, keySize: 4, valueSize: 4 }] },
    libbpf: {
      mapInfo: () => fakeMapInfo({ maxEntries: 100 }),
      mapLookupBatch: (_fd, { limit }) => {
        limits.push(limit);
        return { result: -28, count: 0 };
      },
    },
  });
  await load(service);
  const read = () => service.handlers['map/read']({ map: { id: 7 }, limit: 1 });
  expect(read).toThrow(expect.objectContaining({ code: 'map-unreadable' }));
  expect(limits).toEqual([1, 10, 28, 64, 100]);
});

test('per-CPU values have a slot for each possible CPU, rounded up to 8 bytes', async () => {
  const sizes: number[] = [];
  for (const valueSize of [1, 4, 8, 12, 20]) {
    const service = fakeService({
      object: { maps: [{ name: 'm', type: 6, keySize: 4, valueSize }] },
      libbpf: {
        mapInfo: () => fakeMapInfo({ type: 6, valueSize, maxEntries: 3 }),
        mapLookupBatch: (_fd, { values, limit }) => {
          sizes.push(values.length / limit);
          return { result: -2, count: 3 };
        },
      },
      system: { possibleCpus: () => Array.from({ length: 128 }, (_, cpu) => cpu), onlineCpus: () => [0, 1] },
    });
    await load(service);
    await service.handlers['map/read']({ map: { id: 7 }, limit: 100 });
  }
  expect(sizes).toEqual([8, 8, 8, 16, 24].map((slot) => slot * 128));
});

test.for([
  ['processed 5 insns (limit 1000000)\n', ''],
  ['0: (b7) r0 = 2\n1: (95) exit\nprocessed 2 insns\n', ''],
  [
    '; return x; @ a.c:3\n2: (71) r0 = *(u8 *)(r1 +0)\ninvalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)\nR1 offset is outside of the packet\nprocessed 3 insns\n',
    'invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); R1 offset is outside of the packet',
  ],
  ['unknown func bpf_x#999\n', 'unknown func bpf_x#999'],
] as const)('what the verifier says in the end: %j', ([log, line]) => {
  expect(verdictLine(log)).toBe(line);
});

test('an errno that we do not know keeps its number', () => {
  expect(errnoText(-16)).toBe('device or resource busy (EBUSY)');
  expect(errnoText(999)).toBe('errno 999');
});
