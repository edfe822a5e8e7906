/**
 * ELF section name → program type, as libbpf 1.x decides it (libbpf.c, section_defs and sec_def_matches). Names are
 * libbpf's short ones (`libbpf_bpf_prog_type_str`). Since 1.0 libbpf takes exact names only: `xdp/foo`, `xdp_foo` and other
 * sections of the iproute2 time say nothing.
 */
export interface SectionKind {
  type: string;
  frags: boolean;
}

/** `+`: alone or followed by `/…`. */
const kprobe = (
  'kprobe+ kretprobe+ kprobe.multi+ kretprobe.multi+ kprobe.session+ uprobe+ uretprobe+ uprobe.s+ uretprobe.s+ uprobe.multi+ ' +
  'uretprobe.multi+ uprobe.session+ uprobe.multi.s+ uretprobe.multi.s+ uprobe.session.s+ ksyscall+ kretsyscall+ usdt+ usdt.s+'
).split(' ');
const tracing =
  'tp_btf+ fentry+ fmod_ret+ fexit+ fsession+ fentry.s+ fmod_ret.s+ fexit.s+ fsession.s+ iter+ iter.s+'.split(' ');
const socketAddress = ['bind4', 'bind6'].concat(
  ['connect', 'sendmsg', 'recvmsg', 'getpeername', 'getsockname'].flatMap((call) => [
    `${call}4`,
    `${call}6`,
    `${call}_unix`,
  ]),
);

const sectionTypes: Readonly<Record<string, readonly string[]>> = {
  socket_filter: ['socket'],
  sk_reuseport: ['sk_reuseport/migrate', 'sk_reuseport'],
  kprobe,
  sched_cls: [
    'tc/ingress',
    'tc/egress',
    'tcx/ingress',
    'tcx/egress',
    'tc',
    'classifier',
    'netkit/primary',
    'netkit/peer',
  ],
  sched_act: ['action'],
  tracepoint: ['tracepoint+', 'tp+'],
  raw_tracepoint: ['raw_tracepoint+', 'raw_tp+'],
  raw_tracepoint_writable: ['raw_tracepoint.w+', 'raw_tp.w+'],
  tracing,
  ext: ['freplace+'],
  lsm: ['lsm+', 'lsm.s+', 'lsm_cgroup+'],
  syscall: ['syscall'],
  xdp: ['xdp.frags/devmap', 'xdp/devmap', 'xdp.frags/cpumap', 'xdp/cpumap', 'xdp.frags', 'xdp'],
  perf_event: ['perf_event'],
  lwt_in: ['lwt_in'],
  lwt_out: ['lwt_out'],
  lwt_xmit: ['lwt_xmit'],
  lwt_seg6local: ['lwt_seg6local'],
  sock_ops: ['sockops'],
  sk_skb: ['sk_skb/stream_parser', 'sk_skb/stream_verdict', 'sk_skb/verdict', 'sk_skb'],
  sk_msg: ['sk_msg'],
  lirc_mode2: ['lirc_mode2'],
  flow_dissector: ['flow_dissector'],
  cgroup_skb: ['cgroup_skb/ingress', 'cgroup_skb/egress', 'cgroup/skb'],
  cgroup_sock: ['cgroup/sock_create', 'cgroup/sock_release', 'cgroup/sock', 'cgroup/post_bind4', 'cgroup/post_bind6'],
  cgroup_sock_addr: socketAddress.map((name) => `cgroup/${name}`),
  cgroup_sysctl: ['cgroup/sysctl'],
  cgroup_sockopt: ['cgroup/getsockopt', 'cgroup/setsockopt'],
  cgroup_device: ['cgroup/dev'],
  struct_ops: ['struct_ops+', 'struct_ops.s+'],
  sk_lookup: ['sk_lookup'],
  netfilter: ['netfilter'],
};

const exact = new Map<string, string>();
const prefixes = new Map<string, string>();
for (const [type, patterns] of Object.entries(sectionTypes)) {
  for (const pattern of patterns) {
    if (pattern.endsWith('+')) prefixes.set(pattern.slice(0, -1), type);
    else exact.set(pattern, type);
  }
}

/** A leading `?` (do not load by default) is libbpf's and not part of the name. */
export function sectionKind(section: string): SectionKind {
  const name = section.startsWith('?') ? section.slice(1) : section;
  const slash = name.indexOf('/');
  const type = exact.get(name) ?? prefixes.get(slash < 0 ? name : name.slice(0, slash)) ?? 'unspec';
  return { type, frags: type === 'xdp' && name.startsWith('xdp.frags') };
}

/** What to write instead of a section name that only older loaders understood; undefined when there is nothing to say. */
export function modernSection(section: string): string | undefined {
  if (/^xdp_devmap(\/|$)/.test(section)) return 'xdp/devmap';
  if (/^xdp_cpumap(\/|$)/.test(section)) return 'xdp/cpumap';
  if (/^xdp\.frags./.test(section)) return 'xdp.frags';
  if (/^(xdp|prog)(\W|_|\d|$)/.test(section)) return 'xdp';
  if (/^(tc|classifier|cls)\W/.test(section)) return 'tc';
  return undefined;
}
