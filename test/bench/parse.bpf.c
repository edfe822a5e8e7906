// A parser as XDP programs have it: VLAN tags, IPv4 with its checksum, IPv6, ports, a flow hash, a counter, and the payload's sum.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct flow {
	__u32 saddr;
	__u32 daddr;
	__u16 sport;
	__u16 dport;
	__u32 protocol;
};

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct flow flow = {};
	__u64 hash = 14695981039346656037ULL;
	__u32 sum = 0;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	__u16 protocol = eth->h_proto;
	void *at = eth + 1;
	for (int i = 0; i < 2; i++) {
		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if (at + 4 > data_end)
			return XDP_DROP;
		protocol = *(__u16 *)(at + 2);
		at += 4;
	}
	if (protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;
		if ((void *)(ip + 1) > data_end)
			return XDP_DROP;
		__u16 *words = at;
		for (int i = 0; i < 10; i++)
			sum += words[i];
		flow.saddr = ip->saddr;
		flow.daddr = ip->daddr;
		flow.protocol = ip->protocol;
		at = ip + 1;
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;
		if ((void *)(ip + 1) > data_end)
			return XDP_DROP;
		flow.saddr = ip->saddr.s6_addr32[3];
		flow.daddr = ip->daddr.s6_addr32[3];
		flow.protocol = ip->nexthdr;
		at = ip + 1;
	} else
		return XDP_PASS;
	if (at + 4 > data_end)
		return XDP_DROP;
	flow.sport = *(__u16 *)at;
	flow.dport = *(__u16 *)(at + 2);
	__u16 *word = at;
	for (int i = 0; i < 700; i++) {
		if ((void *)(word + 1) > data_end)
			break;
		sum += *word;
		word++;
	}
	__u32 *parts = (void *)&flow;
	for (int i = 0; i < sizeof(flow) / 4; i++) {
		hash ^= parts[i];
		hash *= 1099511628211ULL;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	__u32 slot = (hash ^ sum) & 255;
	__u64 *count = bpf_map_lookup_elem(&counts, &slot);
	if (count)
		*count += 1;
	return hash & 1 ? XDP_PASS : XDP_TX;
}

char _license[] SEC("license") = "GPL";
