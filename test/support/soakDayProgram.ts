/** What a developer works on all day in the session soak: a firewall, edited again and again, and its packet tests. */

/** Kinds of what is saved: most builds run; some do not compile or the verifier refuses them, some change a map. */
export type Save = 'runs' | 'other-map' | 'does-not-compile' | 'is-refused';

/** Names of programs and maps are this process's own: tests beside this one are not counted. 15 characters at most. */
const prefix = `d${process.pid}`;
export const names = {
  program: `${prefix}_xdp`,
  flows: `${prefix}_flow`,
  blocked: `${prefix}_lpm`,
  actions: `${prefix}_acts`,
} as const;

/** Is a program or map of that name one of the soak's? */
export function isOurs(name: string | undefined): boolean {
  return name?.startsWith(`${prefix}_`) === true;
}

/** The source as it is saved for the `index`th time; every text is another one, and so is its machine code. */
export function sourceText(index: number, save: Save): string {
  return `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

/* Save ${index}. */
struct flow { __u32 from; __u32 to; __u32 ports; __u32 protocol; };
struct amount { __u64 packets; __u64 bytes; };
struct prefix { __u32 prefixlen; __be32 address; };
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, ${save === 'other-map' ? 2048 : 4096}); __type(key, struct flow); __type(value, struct amount); } ${names.flows} SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 256); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct prefix); __type(value, __u32); } ${names.blocked} SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 5); __type(key, __u32); __type(value, __u64); } ${names.actions} SEC(".maps");

static __always_inline __u32 decide(struct xdp_md *ctx)
{
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  __u32 *ports = (void *)(ip + 1);
  if (data + ${20 + (index % 8)} > end || (void *)(eth + 1) > end || eth->h_proto != __builtin_bswap16(ETH_P_IP))
    return XDP_PASS;
  if (${save === 'is-refused' ? '(void *)ip' : '(void *)(ports + 1)'} > end)
    return XDP_PASS;
  struct flow flow = { .from = ip->saddr, .to = ip->daddr, .ports = *ports, .protocol = ip->protocol };
  struct amount *known = bpf_map_lookup_elem(&${names.flows}, &flow);
  if (known) {
    __sync_fetch_and_add(&known->packets, 1);
    __sync_fetch_and_add(&known->bytes, end - data);
  } else {
    struct amount first = { .packets = 1, .bytes = end - data };
    bpf_map_update_elem(&${names.flows}, &flow, &first, BPF_ANY);
  }
  struct prefix source = { .prefixlen = 32, .address = ip->saddr };
  return bpf_map_lookup_elem(&${names.blocked}, &source) ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int ${names.program}(struct xdp_md *ctx)
{
  __u32 action = decide(ctx${save === 'does-not-compile' ? '' : ')'};
  __u64 *count = bpf_map_lookup_elem(&${names.actions}, &action);
  if (count)
    (*count)++;
  return action;
}
char _license[] SEC("license") = "GPL";
`;
}

/** Its packet tests, as text of a .xdptest.json beside the source. */
export function testsText(source: string): string {
  const blocked = { [names.blocked]: [{ key: { prefixlen: 8, address: '10.0.0.0' }, value: 1 }] };
  const counted = (action: number): object => ({ [names.actions]: [{ key: action, sum: 1 }] });
  return JSON.stringify({
    source,
    program: names.program,
    tests: [
      {
        name: 'a blocked source is dropped',
        packet: "Ether()/IP(src='10.9.8.7')/UDP(dport=53)/Raw(b'hello')",
        maps: blocked,
        expect: { action: 'XDP_DROP', packet: 'unchanged', maps: counted(1) },
      },
      {
        name: 'its flow is counted',
        packets: ["Ether()/IP(src='11.9.8.7')/TCP()", "Ether()/IP(src='11.9.8.7')/TCP()"],
        maps: blocked,
        expect: { action: 'XDP_PASS', maps: { [names.flows]: { count: 1 } } },
      },
      { name: 'IPv6 passes', packet: 'Ether()/IPv6()/UDP()', expect: { action: 'XDP_PASS', maps: counted(2) } },
    ],
  });
}
