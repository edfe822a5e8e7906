import { expect, test } from 'vitest';
import { adviceText, preflight } from '../../extension/core/preflight/advice.ts';
import type { InterfaceFacts } from '../../extension/core/preflight/facts.ts';
import { modesOf } from '../../extension/core/preflight/modes.ts';
import type { ProgramFacts } from '../../extension/core/preflight/programFacts.ts';
import type { Situation } from '../../extension/core/preflight/situation.ts';
import { xdpActions, type XdpActionName } from '../../extension/core/xdp.ts';

const nic: InterfaceFacts = {
  name: 'eth0',
  driver: 'mlx5_core',
  kind: '',
  up: true,
  loopback: false,
  ethernet: true,
  mtu: 1500,
  modes: { native: { ok: true }, generic: { ok: true }, offload: { ok: false } },
  xdpFeatures: ['basic', 'redirect', 'ndo-xmit', 'rx-sg'],
  attached: [],
};
const peer = { name: 'vb', here: true, mtu: 1500, txVlan: false, hasProgram: false };
const veth: InterfaceFacts = {
  ...nic,
  name: 'va',
  driver: 'veth',
  kind: 'veth',
  xdpFeatures: ['basic', 'redirect', 'rx-sg'],
  peer,
};
const on = { on: true, fixed: false };

const program = (actions: XdpActionName[], more: Partial<ProgramFacts> = {}): ProgramFacts => ({
  name: 'prog',
  frags: false,
  actions: new Set(actions),
  actionsKnown: true,
  calls: new Set(),
  looksForVlan: false,
  ...more,
});
const passes = program(['XDP_PASS']);
const unknown = program([...xdpActions], { actionsKnown: false });
const cards = (channels: Partial<InterfaceFacts['channels'] & object>) => ({
  rx: 0,
  tx: 0,
  combined: 0,
  maxRx: 0,
  maxTx: 0,
  maxCombined: 0,
  ...channels,
});

/** What is said, as `level code: …`; `text` must be in it. */
interface Case {
  when: string;
  iface: InterfaceFacts;
  about?: Omit<Situation, 'iface'>;
  says: [about: string, ...text: string[]][];
}

const cases: Case[] = [
  { when: 'nothing speaks against it', iface: nic, about: { program: passes }, says: [] },
  {
    when: 'it is down',
    iface: { ...nic, up: false },
    about: { program: passes },
    says: [['warning down', 'ip link set eth0 up']],
  },
  {
    when: 'it is down in another namespace',
    iface: { ...nic, up: false },
    about: { netns: 'blue' },
    says: [['note down', 'ip netns exec blue ip link set eth0 up']],
  },
  {
    when: 'it is down in a container',
    iface: { ...nic, up: false },
    about: { netns: '77' },
    says: [['note down', 'nsenter --net=/proc/77/ns/net ip link set eth0 up']],
  },
  // Pain 6: bare EINVAL, ERANGE.
  {
    when: 'the MTU is too large for one buffer',
    iface: { ...nic, driver: 'virtio_net', mtu: 9000 },
    about: { program: passes },
    says: [['warning mtu', 'MTU 9000 is above 3506', 'SEC("xdp.frags")', 'ip link set eth0 mtu 3506']],
  },
  {
    when: 'the driver has no rule for the MTU that we know',
    iface: { ...nic, mtu: 9000 },
    about: { program: passes },
    says: [['warning mtu', 'may be above what one buffer of mlx5_core holds']],
  },
  {
    when: 'the program takes several buffers',
    iface: { ...nic, mtu: 9000 },
    about: { program: { ...passes, frags: true } },
    says: [],
  },
  {
    when: 'the driver does not',
    iface: { ...nic, mtu: 9000, xdpFeatures: ['basic'] },
    about: { program: passes },
    says: [['warning mtu', 'the driver takes packets in one buffer only', 'Lower it']],
  },
  {
    when: 'generic mode takes any MTU',
    iface: { ...nic, mtu: 9000 },
    about: { program: passes, mode: 'generic' },
    says: [['note generic', 'Native mode is there']],
  },
  {
    when: "the MTU of a veth's peer counts",
    iface: { ...veth, xdpFeatures: nic.xdpFeatures, peer: { ...peer, mtu: 9000 } },
    about: { program: passes },
    says: [['warning mtu', 'MTU 9000 of its peer vb is above 3506', 'ip link set vb mtu 3506']],
  },
  {
    when: 'LRO is on',
    iface: { ...nic, offloads: { lro: on } },
    about: { program: passes },
    says: [['warning lro', 'LRO is on', 'ethtool -K eth0 lro off']],
  },
  {
    when: 'hardware GRO cannot be switched off',
    iface: { ...nic, offloads: { groHw: { on: true, fixed: true } } },
    about: { program: passes },
    says: [['warning gro-hw', 'rx-gro-hw', 'cannot be switched off']],
  },
  {
    when: 'LRO in generic mode, which switches it off',
    iface: { ...nic, offloads: { lro: on } },
    about: { mode: 'generic' },
    says: [],
  },
  {
    when: 'ena has too few channels left',
    iface: { ...nic, driver: 'ena', channels: cards({ combined: 8, maxCombined: 8 }) },
    about: { program: passes },
    says: [['warning queues', '8 of 8 channels', 'ethtool -L eth0 combined 4']],
  },
  {
    when: 'ena has enough',
    iface: { ...nic, driver: 'ena', channels: cards({ combined: 4, maxCombined: 8 }) },
    about: { program: passes },
    says: [],
  },
  {
    when: 'bnxt has separate channels',
    iface: { ...nic, driver: 'bnxt_en', channels: cards({ rx: 4, tx: 4 }) },
    about: { program: passes },
    says: [['warning queues', 'ethtool -L eth0 rx 0 tx 0 combined 4']],
  },
  {
    when: 'virtio has no queue for each CPU',
    iface: { ...nic, driver: 'virtio_net', channels: cards({ combined: 2, maxCombined: 2 }) },
    about: { program: program(['XDP_TX']), cpus: 4 },
    says: [['note queues', 'each of 4 CPUs']],
  },
  {
    when: 'virtio, and nothing is sent',
    iface: { ...nic, driver: 'virtio_net', channels: cards({ combined: 2, maxCombined: 2 }) },
    about: { program: passes, cpus: 4 },
    says: [],
  },
  // Pain 7: veth loses packets silently.
  {
    when: 'a veth sends back and its peer has no program',
    iface: veth,
    about: { program: program(['XDP_TX']), netns: 'blue', passProgram: '/p/pass.c' },
    says: [
      [
        'warning peer',
        'prog may return XDP_TX',
        'its peer vb has no program',
        'xdp attach /p/pass.c --iface vb --netns blue --mode native --keep',
      ],
    ],
  },
  {
    when: 'its verdict is not in the object',
    iface: veth,
    about: { program: unknown },
    says: [['warning peer', 'does not show what it returns']],
  },
  { when: 'no program is chosen yet', iface: veth, says: [['note peer', 'XDP_TX is lost']] },
  { when: 'the program only passes', iface: veth, about: { program: passes }, says: [] },
  {
    when: 'the peer has a program',
    iface: { ...veth, peer: { ...peer, hasProgram: true } },
    about: { program: program(['XDP_TX']) },
    says: [],
  },
  {
    when: 'the peer has GRO, which helps redirects and not XDP_TX',
    iface: { ...veth, xdpFeatures: nic.xdpFeatures },
    about: { program: program(['XDP_TX']) },
    says: [['warning peer', 'loses such packets']],
  },
  {
    when: 'the kernel says that a peer which is not seen takes frames',
    iface: { ...veth, xdpFeatures: nic.xdpFeatures, peer: undefined, offloads: { rxVlan: { on: false, fixed: true } } },
    about: { program: program(['XDP_TX']) },
    says: [['note vlan']],
  },
  {
    when: 'it redirects to the interface where it runs',
    iface: veth,
    about: { program: program(['XDP_REDIRECT'], { calls: new Set(['bpf_redirect']) }), others: [veth] },
    says: [['warning redirect-target', 'ethtool -K vb gro on']],
  },
  {
    when: 'generic mode sends through the stack',
    iface: veth,
    about: { program: program(['XDP_TX']), mode: 'generic' },
    says: [['note generic']],
  },
  {
    when: 'the peer is in another namespace',
    iface: { ...veth, peer: { ...peer, here: false } },
    about: { program: program(['XDP_TX']) },
    says: [['warning peer', 'vb (in another namespace)', '--netns NS']],
  },
  {
    when: 'it redirects, and a veth elsewhere would drop that',
    iface: nic,
    about: { program: program(['XDP_REDIRECT'], { calls: new Set(['bpf_redirect']) }), others: [nic, veth] },
    says: [['warning redirect-target', 'what goes to va is dropped']],
  },
  // Pain 8: EBUSY.
  {
    when: 'another mode is taken',
    iface: { ...nic, attached: [{ program: 'other', progId: 7, mode: 'generic', owner: 'other' }] },
    about: { program: passes, mode: 'native' },
    says: [
      [
        'warning occupied',
        'other (program 7) of another process is attached in generic mode, which excludes native mode',
        '--force',
      ],
    ],
  },
  {
    when: 'another window holds it',
    iface: {
      ...nic,
      attached: [
        { program: 'mine', progId: 7, mode: 'native', owner: 'other', holder: 'another VS Code window (process 3)' },
      ],
    },
    says: [['warning occupied', 'another VS Code window (process 3)', 'xdp detach --iface eth0']],
  },
  {
    when: 'it is ours and kept',
    iface: { ...nic, attached: [{ program: 'mine', progId: 7, mode: 'native', owner: 'kept' }] },
    says: [['warning occupied', 'which you kept', '--replace']],
  },
  // Pain 9: the dispatcher of libxdp.
  {
    when: 'libxdp is there',
    iface: { ...nic, attached: [{ program: 'xdp_dispatcher', progId: 7, mode: 'native', owner: 'other' }] },
    says: [['warning occupied', 'the libxdp dispatcher (program 7)', 'xdp-loader unload']],
  },
  // Pain 12: the VLAN tag is not there.
  {
    when: 'VLAN offload is on',
    iface: { ...nic, offloads: { rxVlan: on } },
    about: { program: passes },
    says: [['note vlan', 'ethtool -K eth0 rxvlan off']],
  },
  {
    when: 'VLAN offload is on and the program looks for tags',
    iface: { ...nic, offloads: { rxVlan: on } },
    about: { program: { ...passes, looksForVlan: true } },
    says: [['warning vlan', 'prog looks for VLAN headers']],
  },
  {
    when: 'the peer leaves the tag out',
    iface: { ...veth, peer: { ...peer, txVlan: true } },
    about: { program: passes },
    says: [['note vlan', 'tx-vlan-offload', 'ethtool -K vb txvlan off']],
  },
  // Pain 13: generic mode differs.
  {
    when: 'there is no native mode',
    iface: { ...nic, modes: { ...nic.modes, native: { ok: false, reason: 'no driver' } } },
    about: { program: program(['XDP_PASS'], { calls: new Set(['bpf_xdp_adjust_tail']) }) },
    says: [['warning generic', 'bpf_xdp_adjust_tail may fail to grow', 'No native mode: no driver']],
  },
  {
    when: 'it is a port of a bridge',
    iface: { ...nic, master: { name: 'br0', kind: 'bridge' } },
    says: [['note bridge-port', 'before br0 does']],
  },
  { when: 'it stands on another', iface: { ...nic, lower: 'eth9' }, says: [['note stacked', 'arrive at eth9 first']] },
];

test.for(cases)('$when', ({ iface, about, says }) => {
  const advice = preflight({ iface, ...about });
  expect(advice.map(({ level, code }) => `${level} ${code}`)).toEqual(says.map(([what]) => what));
  for (const [index, [, ...texts]] of says.entries()) {
    const said = advice[index];
    for (const text of texts) expect(said && adviceText(said)).toContain(text);
  }
});

test('warnings come before notes', () => {
  const iface = { ...nic, mtu: 9000, offloads: { rxVlan: on, lro: on }, master: { name: 'br0', kind: 'bridge' } };
  expect(preflight({ iface, program: passes }).map(({ code }) => code)).toEqual(['mtu', 'lro', 'vlan', 'bridge-port']);
});

const about = { name: 'eth0', driver: 'e1000', kind: '', loopback: false, ethernet: true, lower: undefined };

test('modes: what the kernel tells, and what it does not', () => {
  const no = { ok: false, reason: expect.stringContaining('e1000') };
  expect(modesOf(about, [])).toEqual({ native: no, generic: { ok: true }, offload: no });
  expect(modesOf({ ...about, driver: 'nfp' }, ['basic', 'hw-offload'])).toEqual({
    native: { ok: true },
    generic: { ok: true },
    offload: { ok: true },
  });
  expect(modesOf(about, undefined).native).toEqual({ ok: true, reason: expect.stringContaining('does not tell') });
  expect(modesOf({ ...about, driver: 'veth', kind: 'veth' }, undefined).native).toEqual({ ok: true });
  expect(modesOf({ ...about, driver: 'bridge', kind: 'bridge' }, undefined).native.ok).toBe(false);
});
