/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_counter: counts packets and bytes per XDP action.
 *
 * An XDP program runs once for every packet that a network interface receives, before the rest of the kernel sees it.
 * Its return value, the action, decides what becomes of the packet:
 *
 *	XDP_PASS	everything that is well formed goes on to the kernel's network stack
 *	XDP_DROP	UDP to port 9 (the "discard" service of RFC 863) is thrown away
 *	XDP_ABORTED	a packet whose headers are cut short or contradict themselves is thrown away as an error
 *
 * Whatever the action, the packet is counted. Watch the map xdp_stats_map while packets arrive.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

#define DISCARD_PORT 9

/* One row per action: XDP_ABORTED is 0, XDP_REDIRECT is 4. */
#define XDP_ACTION_MAX (XDP_REDIRECT + 1)

struct xdp_stats {
	__u64 rx_packets;
	__u64 rx_bytes;
};

/*
 * In a per-CPU map every CPU has a value of its own for each key. No two CPUs ever write to the same one: so the
 * program needs no lock and no atomic instruction. Whoever reads the map adds the values up.
 */
BPF_PERCPU_ARRAY(xdp_stats_map, struct xdp_stats, XDP_ACTION_MAX);

/* Counts the packet under its action, and returns the action. */
static __always_inline int count(struct xdp_md *ctx, __u32 action)
{
	struct xdp_stats *stats = bpf_map_lookup_elem(&xdp_stats_map, &action);

	/* A lookup may find nothing: the verifier refuses a program that does not check. */
	if (!stats)
		return XDP_ABORTED;
	stats->rx_packets++;
	stats->rx_bytes += ctx->data_end - ctx->data;
	return action;
}

/* Decides about the packet. Each xdp_parse_…() checks that the whole header lies inside the packet. */
static __always_inline __u32 decide(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct udphdr *udp;
	__be16 ethertype;
	__u8 protocol;

	if (!xdp_parse_eth_vlan(&cur, &ethertype))
		return XDP_ABORTED;

	if (ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = xdp_parse_ipv4(&cur);

		if (!ip)
			return XDP_ABORTED;
		/* Only the first fragment of a packet has the UDP header. */
		if (xdp_ipv4_is_later_fragment(ip))
			return XDP_PASS;
		protocol = ip->protocol;
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		if (!xdp_parse_ipv6_proto(&cur, &protocol))
			return XDP_ABORTED;
	} else {
		return XDP_PASS;
	}

	if (protocol != IPPROTO_UDP)
		return XDP_PASS;
	udp = xdp_parse_udp(&cur);
	if (!udp)
		return XDP_ABORTED;
	/* Numbers in packets are in network byte order: bpf_htons() turns ours round, once, at compile time. */
	return udp->dest == bpf_htons(DISCARD_PORT) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int xdp_counter(struct xdp_md *ctx)
{
	return count(ctx, decide(ctx));
}

/* Many helper functions of the kernel are for programs under a GPL-compatible licence only. */
char _license[] SEC("license") = "Dual BSD/GPL";
