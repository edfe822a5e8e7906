/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_to_user: hands UDP packets of one port to a program in user space, past the kernel's network stack.
 *
 * An AF_XDP socket belongs to one interface and one of its receive queues. The map `sockets` says which socket has which queue; the
 * consumer, xsk_consumer.c, puts its own there. A queue without a socket: its packets go the usual way.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

#define PORT 9

/* Index: the receive queue. */
BPF_XSKMAP(sockets, 64);

enum way {
	WAY_USER,
	WAY_STACK,
	WAY_MAX,
};

BPF_PERCPU_ARRAY(ways, __u64, WAY_MAX);

static __always_inline int wanted(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct udphdr *udp;
	__be16 ethertype;
	struct iphdr *ip;

	if (!xdp_parse_eth_vlan(&cur, &ethertype) || ethertype != bpf_htons(ETH_P_IP))
		return 0;
	ip = xdp_parse_ipv4(&cur);
	if (!ip || ip->protocol != IPPROTO_UDP || xdp_ipv4_is_later_fragment(ip))
		return 0;
	udp = xdp_parse_udp(&cur);
	return udp && udp->dest == bpf_htons(PORT);
}

SEC("xdp")
int xdp_to_user(struct xdp_md *ctx)
{
	__u32 way = wanted(ctx) ? WAY_USER : WAY_STACK;
	__u64 *packets = bpf_map_lookup_elem(&ways, &way);

	if (packets)
		(*packets)++;
	if (way == WAY_STACK)
		return XDP_PASS;
	/* XDP_PASS in the flags: what to do where there is no socket. Linux 5.3 or newer. */
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
