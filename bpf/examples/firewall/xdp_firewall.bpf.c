/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_firewall: drops packets from IPv4 addresses on a block list.
 *
 * The list holds prefixes, such as 10.0.0.66/32 for one address or 192.0.2.0/24 for 256 of them, in a map that finds the
 * longest prefix that fits: an LPM trie. It can be changed while the program runs.
 *
 * IPv6 and everything else passes.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/*
 * The key of an LPM trie starts with the length of the prefix in bits. The address follows in network order: its first
 * byte on the wire is the first byte that is compared.
 */
struct ipv4_prefix {
	__u32 prefixlen;
	__be32 addr;
};

/* A value of 0 is an exception: 10.0.0.0/8 blocked and 10.1.2.3/32 allowed are two entries. */
BPF_LPM_TRIE(blocklist, struct ipv4_prefix, __u32, 1024);

enum drop_reason {
	DROP_BLOCKED,
	DROP_MALFORMED,
	DROP_REASON_MAX,
};

/* How many packets were dropped, by reason. */
BPF_PERCPU_ARRAY(dropped, __u64, DROP_REASON_MAX);

static __always_inline int drop(__u32 reason)
{
	__u64 *packets = bpf_map_lookup_elem(&dropped, &reason);

	if (packets)
		(*packets)++;
	return XDP_DROP;
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct ipv4_prefix source;
	struct iphdr *ip;
	__be16 ethertype;
	__u32 *blocked;

	if (!xdp_parse_eth_vlan(&cur, &ethertype))
		return drop(DROP_MALFORMED);
	if (ethertype != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = xdp_parse_ipv4(&cur);
	if (!ip)
		return drop(DROP_MALFORMED);

	/* We ask with the whole address, 32 bits; the trie answers with the longest prefix that contains it. */
	source.prefixlen = 32;
	source.addr = ip->saddr;
	blocked = bpf_map_lookup_elem(&blocklist, &source);
	if (blocked && *blocked)
		return drop(DROP_BLOCKED);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
