import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { command, eventually, fixtureText, ipXdp, type VethLab, vethLab } from '../support/kernelHelper.ts';

/**
 * What hurts people who attach, on real interfaces: `xdp attach` says the cause and the next step beforehand, the kernel
 * then does what was said, and the next step helps.
 */
let cli: CliBundle;
let lab: VethLab;
let folder: string;
const file = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  cli = await bundleCli('cli-pains');
  folder = mkdtempSync(path.join(tmpdir(), 'xdp-pains-'));
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(
      file(name),
      fixtureText(`pains-${name}`, `${head}${text}\nchar _license[] SEC("license") = "GPL";\n`),
    );
  }
});
afterAll(() => {
  cli?.remove();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  lab = vethLab();
});
afterEach(() => lab.remove());

const head = `#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, int); __type(value, long); __uint(max_entries, 1); } seen SEC(".maps");
static __always_inline void count(void) { int key = 0; long *value = bpf_map_lookup_elem(&seen, &key); if (value) __sync_fetch_and_add(value, 1); }
`;
const tagged = `
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	if ((void *)(eth + 1) <= end && eth->h_proto == bpf_htons(ETH_P_8021Q)) count();
	return XDP_PASS;`;
const programs = {
  pass: 'SEC("xdp") int prog(struct xdp_md *ctx) { return XDP_PASS; }',
  frags: 'SEC("xdp.frags") int prog(struct xdp_md *ctx) { return XDP_PASS; }',
  back: 'SEC("xdp") int prog(struct xdp_md *ctx) { return XDP_TX; }',
  redirects: 'SEC("xdp") int prog(struct xdp_md *ctx) { return bpf_redirect(ctx->ingress_ifindex, 0); }',
  counts: 'SEC("xdp") int prog(struct xdp_md *ctx) { count(); return XDP_PASS; }',
  grows: 'SEC("xdp") int prog(struct xdp_md *ctx) { return bpf_xdp_adjust_tail(ctx, 64) ? XDP_DROP : XDP_PASS; }',
  tagged: `SEC("xdp") int prog(struct xdp_md *ctx) {${tagged}\n}`,
  tags: 'SEC("tc") int tag(struct __sk_buff *skb) { bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7); return 0; }',
} as const;
type Program = keyof typeof programs;

interface Attached {
  status: number | null;
  stderr: string;
  mode: unknown;
}

function attach(program: Program, iface: string, netns: string, ...more: string[]): Attached {
  const { status, stderr, json } = cli.run([
    'attach',
    file(program),
    '--iface',
    iface,
    '--netns',
    netns,
    '--keep',
    ...more,
  ]);
  return { status, stderr, mode: json['mode'] };
}
const detach = (iface: string, netns: string): number | null =>
  cli.run(['detach', '--iface', iface, '--netns', netns]).status;
const near = (program: Program, ...more: string[]): Attached => attach(program, lab.near, lab.ns, ...more);

interface Pain {
  pain: string;
  arrange?: () => void;
  program: Program;
  options?: string[];
  /** On which interface, when not on the near end of a veth pair. */
  iface?: string;
  /** What must be said, and the next step. */
  says: string[];
  /** In which mode it then is; `refused`: the kernel does what was foretold. */
  becomes: 'native' | 'generic' | 'refused';
  /** The next step, and what it leads to. */
  helps?: { step: () => void; program?: Program; becomes: 'native' | 'generic' };
}

const pains: Pain[] = [
  {
    pain: '5: no native mode on lo',
    program: 'pass',
    iface: 'lo',
    says: ['No native mode: no driver stands behind the loopback interface'],
    becomes: 'generic',
  },
  {
    pain: '5: no native mode on a bridge; its port has one',
    arrange: () => {
      lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
      lab.run('ip', 'link', 'set', lab.near, 'master', 'br0');
    },
    program: 'pass',
    iface: 'br0',
    says: ['attach to its ports, where packets arrive first'],
    becomes: 'generic',
    helps: { step: () => {}, becomes: 'native' },
  },
  {
    pain: '5: no native mode on a macvlan; the device below has one',
    arrange: () => lab.run('ip', 'link', 'add', 'mv0', 'link', lab.near, 'type', 'macvlan'),
    program: 'pass',
    iface: 'mv0',
    says: ['a macvlan device has no native XDP: attach to kn'],
    becomes: 'generic',
    helps: { step: () => {}, becomes: 'native' },
  },
  {
    pain: '5: no native mode on a tun',
    arrange: () => lab.run('ip', 'tuntap', 'add', 'dev', 'tun0', 'mode', 'tun'),
    program: 'pass',
    iface: 'tun0',
    says: ['make it a tap'],
    becomes: 'generic',
  },
  {
    pain: '5: no native mode on an ifb',
    arrange: () => lab.run('ip', 'link', 'add', 'ifb7', 'type', 'ifb'),
    program: 'pass',
    iface: 'ifb7',
    says: ['attach where the packets arrive'],
    becomes: 'generic',
  },
  {
    pain: '6: the MTU is too large for one buffer',
    arrange: () => lab.runFar('ip', 'link', 'set', lab.far, 'mtu', '9000'),
    program: 'pass',
    options: ['--mode', 'native'],
    says: ['the MTU 9000 of its peer kf', 'above 3506', 'write SEC("xdp.frags")'],
    becomes: 'refused',
    helps: { step: () => {}, program: 'frags', becomes: 'native' },
  },
  {
    pain: '6: too few queues',
    arrange: () => lab.runFar('ethtool', '-L', lab.far, 'tx', '2'),
    program: 'pass',
    says: ['at least as many receive queues as its peer has transmit queues', 'ethtool -L PEER tx N'],
    becomes: 'generic',
    helps: { step: () => lab.runFar('ethtool', '-L', lab.far, 'tx', '1'), becomes: 'native' },
  },
  {
    pain: '13: generic mode, and a helper that differs there',
    program: 'grows',
    options: ['--mode', 'generic'],
    says: ['Generic mode runs on a copy', 'bpf_xdp_adjust_tail may fail to grow'],
    becomes: 'generic',
  },
];

test.for(pains)('$pain', ({ arrange, program, options = [], iface, says, becomes, helps }) => {
  arrange?.();
  const first = attach(program, iface ?? lab.near, lab.ns, ...options);
  for (const text of says) expect(first.stderr).toContain(text);
  expect([first.status === 0 ? first.mode : 'refused', first.stderr]).toEqual([becomes, first.stderr]);
  if (first.status === 0) expect(detach(iface ?? lab.near, lab.ns)).toBe(0);
  if (helps === undefined) return;
  helps.step();
  const second = near(helps.program ?? program, ...options);
  expect([second.status, second.mode]).toEqual([0, helps.becomes]);
  for (const text of says) expect(second.stderr).not.toContain(text);
  expect(ipXdp(lab)).toBeDefined();
  expect(detach(lab.near, lab.ns)).toBe(0);
});

/** `count` frames from the far end. */
function send(count: number): void {
  const text = `import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(("${lab.far}", 0x88b5))\nfor _ in range(${count}): s.send(bytes([0xff] * 6 + [2, 0, 0, 0, 0, 9]) + b"\\x88\\xb5" + bytes(50))`;
  lab.runFar('python3', '-c', text);
}

/** What the one kept program on an interface counted. */
function counted(netns: string, iface: string): number {
  const kept = cli.run(['interfaces', '--netns', netns]).json['interfaces'] as {
    name: string;
    attached: { progId: number }[];
  }[];
  const progId = kept.find(({ name }) => name === iface)?.attached[0]?.progId;
  const [program] = JSON.parse(
    command('bpftool', ['-j', 'prog', 'show', 'id', String(progId)])
      .replace(/^\{/, '[{')
      .replace(/\}\s*$/, '}]'),
  ) as [{ map_ids: number[] }];
  const { entries } = cli.run(['map', String(program.map_ids[0])]).json as { entries: { value: string }[] };
  return Number(entries[0]?.value);
}

/** What the near end's own kernel may send meanwhile: IPv6 neighbours and routers. */
const stray = 50;

/** Received packets, as the kernel counts them for an interface. */
function received(): number {
  const [link] = JSON.parse(lab.runFar('ip', '-s', '-j', 'link', 'show', lab.far)) as [
    { stats64: { rx: { packets: number } } },
  ];
  return link.stats64.rx.packets;
}

test('7: a veth drops what XDP_TX sends back until the other end has a program', async () => {
  const first = near('back', '--mode', 'native');
  expect(first.stderr).toContain(
    `prog may return XDP_TX, and its peer ${lab.far} (in the namespace ${lab.farNs}) has no program`,
  );
  expect(first.stderr).toMatch(
    new RegExp(`xdp attach \\S+xdp_pass\\.bpf\\.c --iface ${lab.far} --netns ${lab.farNs} --mode native --keep`),
  );
  const before = received();
  send(100);
  expect(received() - before).toBeLessThan(stray);
  expect(attach('counts', lab.far, lab.farNs, '--mode', 'native').status).toBe(0);
  const still = received();
  send(100);
  await eventually('100 packets', () => received() - still >= 100);
  expect(counted(lab.farNs, lab.far)).toBeGreaterThanOrEqual(100);
  expect(detach(lab.near, lab.ns)).toBe(0);
  expect(near('back', '--mode', 'native').stderr).not.toContain('has no program');
  expect([detach(lab.near, lab.ns), detach(lab.far, lab.farNs)]).toEqual([0, 0]);
});

test('7: GRO at the other end helps redirects, and not XDP_TX', async () => {
  const lost = near('redirects', '--mode', 'native');
  expect(lost.stderr).toContain(`prog may redirect, and what goes to ${lab.near} is dropped`);
  expect(lost.stderr).toContain(`ip netns exec ${lab.farNs} ethtool -K ${lab.far} gro on`);
  let before = received();
  send(100);
  expect(received() - before).toBeLessThan(stray);
  lab.runFar('ethtool', '-K', lab.far, 'gro', 'on');
  before = received();
  send(100);
  await eventually('100 packets', () => received() - before >= 100);
  expect(detach(lab.near, lab.ns)).toBe(0);
  expect(near('redirects', '--mode', 'native').stderr).not.toContain('may redirect');
  expect(detach(lab.near, lab.ns)).toBe(0);
  expect(near('back', '--mode', 'native').stderr).toContain('has no program');
  before = received();
  send(100);
  expect(received() - before).toBeLessThan(stray);
  expect(detach(lab.near, lab.ns)).toBe(0);
});

test('8: who is there is said, in whatever mode', () => {
  const object = file('pass');
  lab.run('ip', 'link', 'set', lab.near, 'xdpgeneric', 'obj', object, 'sec', 'xdp');
  const { json } = cli.run(['interfaces', '--netns', lab.ns]);
  const seen = (json['interfaces'] as { name: string; warnings: string[]; attached: object[] }[]).find(
    ({ name }) => name === lab.near,
  );
  expect(seen?.attached).toEqual([
    expect.objectContaining({ program: 'prog', mode: 'generic', via: 'netlink', owner: 'other' }),
  ]);
  expect(seen?.warnings[0]).toMatch(/^prog \(program \d+\) of another process is attached in generic mode\. .*--force/);
  const refused = cli.run(['attach', object, '--iface', lab.near, '--netns', lab.ns, '--keep', '--mode', 'native']);
  expect(refused).toMatchObject({
    status: 2,
    json: { error: { code: 'interface-busy', message: expect.stringContaining('generic mode') } },
  });
  expect(cli.run(['detach', '--iface', lab.near, '--netns', lab.ns, '--force']).status).toBe(0);
});

test('9: a program by the name of libxdp’s dispatcher is called one (freplace is refused on this kernel: not seen live)', () => {
  const object = file('dispatcher');
  writeFileSync(
    object,
    fixtureText(
      'pains-dispatcher',
      `SEC("xdp") int xdp_dispatcher(struct xdp_md *ctx) { return XDP_PASS; }\nchar _license[] SEC("license") = "GPL";\n`,
    ),
  );
  lab.run('ip', 'link', 'set', lab.near, 'xdpdrv', 'obj', object, 'sec', 'xdp');
  const { json } = cli.run(['interfaces', '--netns', lab.ns]);
  const seen = (json['interfaces'] as { name: string; warnings: string[]; attached: object[] }[]).find(
    ({ name }) => name === lab.near,
  );
  expect(seen?.attached).toEqual([expect.objectContaining({ program: 'xdp_dispatcher', behind: [] })]);
  expect(seen?.warnings[0]).toContain('the libxdp dispatcher');
});

test('12: the tag that a sender leaves to its hardware is not in the packet, and it is said', async () => {
  lab.runFar('tc', 'qdisc', 'add', 'dev', lab.far, 'clsact');
  lab.runFar('tc', 'filter', 'add', 'dev', lab.far, 'egress', 'bpf', 'da', 'obj', file('tags'), 'sec', 'tc');
  const first = near('tagged', '--mode', 'native');
  expect(first.stderr).toContain(
    'warning: prog looks for VLAN headers, and VLAN offload (tx-vlan-offload) of its peer',
  );
  expect(first.stderr).toContain(`ip netns exec ${lab.farNs} ethtool -K ${lab.far} txvlan off`);
  send(10);
  expect(counted(lab.ns, lab.near)).toBe(0);
  lab.runFar('ethtool', '-K', lab.far, 'txvlan', 'off');
  send(10);
  // And what the kernel sends by itself (IPv6 neighbours).
  await eventually('10 tagged packets', () => counted(lab.ns, lab.near) >= 10);
  expect(detach(lab.near, lab.ns)).toBe(0);
});

test('14: how many packets a program sees, and how long it takes, while somebody watches', () => {
  expect(near('pass').status).toBe(0);
  const enabled = (): string => command('cat', ['/proc/sys/kernel/bpf_stats_enabled']).trim();
  const before = enabled();
  const watching = spawnSync(
    'timeout',
    ['--signal=TERM', '4', process.execPath, cli.file, 'interfaces', '--netns', lab.ns, '--watch', '500', '--json'],
    {
      encoding: 'utf8',
      env: process.env,
      input: '',
    },
  );
  expect(enabled()).toBe(before);
  const documents = watching.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { interfaces: { name: string; attached: Record<string, unknown>[] }[] });
  expect(documents.length).toBeGreaterThan(1);
  const last = documents.at(-1)?.interfaces.find(({ name }) => name === lab.near)?.attached[0];
  expect(last).toMatchObject({ runs: expect.stringMatching(/^\d+$/), packetsPerSecond: expect.any(Number) });
  expect(detach(lab.near, lab.ns)).toBe(0);
});
