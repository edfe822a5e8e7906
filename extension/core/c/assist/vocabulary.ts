/** A word of BPF and what it means, for completion and hovers. */
export interface Word {
  name: string;
  text: string;
}

/** Section names of libbpf: tools/lib/bpf/libbpf.c, section_defs; XDP's first. */
export const sections: readonly Word[] = [
  { name: 'xdp', text: 'XDP program' },
  { name: 'xdp.frags', text: 'XDP program that takes packets of several fragments (Linux 5.18)' },
  { name: 'xdp/devmap', text: 'XDP program of a devmap entry (Linux 5.8)' },
  { name: 'xdp.frags/devmap', text: 'the same, with fragments' },
  { name: 'xdp/cpumap', text: 'XDP program of a cpumap entry (Linux 5.9)' },
  { name: 'xdp.frags/cpumap', text: 'the same, with fragments' },
  { name: '.maps', text: 'a map that is defined with BTF' },
  { name: 'license', text: 'the licence of the programs' },
  { name: 'tc', text: 'tc classifier and action' },
  { name: 'tcx/ingress', text: 'tc program attached by a link (Linux 6.6)' },
  { name: 'tcx/egress', text: 'tc program attached by a link (Linux 6.6)' },
  { name: 'freplace/', text: 'replaces a global function of another program' },
  { name: 'fentry/', text: 'at the entry of a kernel or BPF function' },
  { name: 'fexit/', text: 'at the return of a kernel or BPF function' },
  { name: 'tp/', text: 'tracepoint: category/name' },
  { name: 'raw_tp/', text: 'raw tracepoint' },
  { name: 'kprobe/', text: 'kernel function' },
  { name: 'socket', text: 'socket filter' },
  { name: 'cgroup_skb/ingress', text: 'packets that sockets of a cgroup receive' },
  { name: 'cgroup_skb/egress', text: 'packets that sockets of a cgroup send' },
  { name: 'sk_lookup', text: 'chooses the socket of a new connection' },
];

/** include/uapi/linux/bpf.h, enum xdp_action. */
export const verdicts: readonly Word[] = [
  { name: 'XDP_ABORTED', text: '0: an error; the packet is dropped, and the tracepoint xdp_exception fires' },
  { name: 'XDP_DROP', text: '1: the packet is dropped' },
  { name: 'XDP_PASS', text: '2: the packet goes on to the network stack' },
  { name: 'XDP_TX', text: '3: the packet goes out where it came in' },
  { name: 'XDP_REDIRECT', text: '4: the packet goes where bpf_redirect() or bpf_redirect_map() said' },
];

/** include/uapi/linux/bpf.h, enum bpf_map_type; those that network programs use. */
export const mapTypes: readonly Word[] = [
  { name: 'BPF_MAP_TYPE_HASH', text: 'hash table' },
  { name: 'BPF_MAP_TYPE_ARRAY', text: 'array; keys are __u32' },
  { name: 'BPF_MAP_TYPE_PERCPU_HASH', text: 'hash table with a value for each CPU' },
  { name: 'BPF_MAP_TYPE_PERCPU_ARRAY', text: 'array with a value for each CPU, for counters' },
  { name: 'BPF_MAP_TYPE_LRU_HASH', text: 'hash table that drops its least recently used entry when full' },
  { name: 'BPF_MAP_TYPE_LRU_PERCPU_HASH', text: 'the same, with a value for each CPU' },
  { name: 'BPF_MAP_TYPE_LPM_TRIE', text: 'longest matching prefix; needs BPF_F_NO_PREALLOC' },
  { name: 'BPF_MAP_TYPE_PROG_ARRAY', text: 'programs for bpf_tail_call()' },
  { name: 'BPF_MAP_TYPE_PERF_EVENT_ARRAY', text: 'events for user space, one buffer for each CPU' },
  { name: 'BPF_MAP_TYPE_RINGBUF', text: 'events for user space, one buffer (Linux 5.8)' },
  { name: 'BPF_MAP_TYPE_DEVMAP', text: 'interfaces for bpf_redirect_map()' },
  { name: 'BPF_MAP_TYPE_DEVMAP_HASH', text: 'interfaces for bpf_redirect_map(), by any index' },
  { name: 'BPF_MAP_TYPE_CPUMAP', text: 'CPUs for bpf_redirect_map()' },
  { name: 'BPF_MAP_TYPE_XSKMAP', text: 'AF_XDP sockets for bpf_redirect_map()' },
  { name: 'BPF_MAP_TYPE_ARRAY_OF_MAPS', text: 'array whose values are maps' },
  { name: 'BPF_MAP_TYPE_HASH_OF_MAPS', text: 'hash table whose values are maps' },
  { name: 'BPF_MAP_TYPE_QUEUE', text: 'first in, first out' },
  { name: 'BPF_MAP_TYPE_STACK', text: 'last in, first out' },
  { name: 'BPF_MAP_TYPE_BLOOM_FILTER', text: 'tells what was surely not put in (Linux 5.16)' },
];

/** What libbpf reads of a map's definition: tools/lib/bpf/libbpf.c, parse_btf_map_def(). */
export const mapAttributes: readonly Word[] = [
  { name: 'type', text: '__uint(type, BPF_MAP_TYPE_…)' },
  { name: 'max_entries', text: '__uint(max_entries, 1024)' },
  { name: 'key', text: '__type(key, __u32)' },
  { name: 'value', text: '__type(value, struct …)' },
  { name: 'key_size', text: '__uint(key_size, sizeof(…)), without BTF' },
  { name: 'value_size', text: '__uint(value_size, sizeof(…)), without BTF' },
  { name: 'map_flags', text: '__uint(map_flags, BPF_F_NO_PREALLOC)' },
  { name: 'pinning', text: '__uint(pinning, LIBBPF_PIN_BY_NAME)' },
  { name: 'numa_node', text: '__uint(numa_node, 0)' },
  { name: 'values', text: '__array(values, …): programs or inner maps' },
  { name: 'map_extra', text: '__ulong(map_extra, …)' },
];
