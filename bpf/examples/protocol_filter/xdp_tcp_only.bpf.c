/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_tcp_only: of the transport protocols, only TCP may enter.
 *
 * UDP, SCTP and all other transports are dropped. What a network cannot live without passes: ARP, ICMP and ICMPv6 (whose
 * neighbour discovery does for IPv6 what ARP does for IPv4).
 *
 * Careful: name resolution and DHCP are UDP.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

struct verdicts {
	__u64 passed;
	__u64 dropped;
};

/* One row for each number of the field "protocol" (IPv4) or "next header" (IPv6): 6 is TCP, 17 UDP, 132 SCTP. */
BPF_PERCPU_ARRAY(by_protocol, struct verdicts, 256);

static __always_inline int judge(__u32 protocol)
{
	struct verdicts *row = bpf_map_lookup_elem(&by_protocol, &protocol);
	int pass = protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;

	if (!row)
		return XDP_ABORTED;
	if (pass)
		row->passed++;
	else
		row->dropped++;
	return pass ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int xdp_tcp_only(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct iphdr *ip;
	__be16 ethertype;
	__u8 protocol;

	if (!xdp_parse_eth_vlan(&cur, &ethertype))
		return XDP_DROP;

	if (ethertype == bpf_htons(ETH_P_IP)) {
		ip = xdp_parse_ipv4(&cur);
		if (!ip)
			return XDP_DROP;
		/* The protocol stands in every fragment, so that fragments need no care here. */
		return judge(ip->protocol);
	}
	if (ethertype == bpf_htons(ETH_P_IPV6)) {
		/* Extension headers may stand between: the transport protocol is at the end of the chain. */
		if (!xdp_parse_ipv6_proto(&cur, &protocol))
			return XDP_DROP;
		return judge(protocol);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
