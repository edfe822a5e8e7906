/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_router: forwards packets as the kernel's own routing table says, without its network stack.
 *
 * bpf_fib_lookup() answers from the routes and neighbours that `ip route` and `ip neigh` show. What it cannot answer (no
 * route, a neighbour whose MAC is not known yet, too large a packet) passes to the stack, which does what is right: asks for the
 * neighbour, sends an ICMP error. So routing works as before, only faster for what has been asked once.
 *
 * Needs net.ipv4.ip_forward=1 (net.ipv6.conf.all.forwarding=1), and a program on every interface that is sent to, where
 * those are veth.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* uapi/linux/socket.h has no constant that BPF programs can include. */
#define AF_INET 2
#define AF_INET6 10

/* RFC 791: it must not be forwarded when it would become 0; the stack answers with ICMP then. */
#define TTL_EXPIRES 1

/* By the answer of the lookup, BPF_FIB_LKUP_RET_…: 0 is success. */
#define LOOKUP_RESULTS 10
BPF_PERCPU_ARRAY(lookups, __u64, LOOKUP_RESULTS);

static __always_inline void note(__u32 result)
{
	__u64 *packets = bpf_map_lookup_elem(&lookups, &result);

	if (packets)
		(*packets)++;
}

/* RFC 1141: one less in the upper byte of a word is 0x100 more in the checksum, with the carry around. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
}

SEC("xdp")
int xdp_router(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct bpf_fib_lookup fib = {};
	struct ipv6hdr *ip6 = NULL;
	struct iphdr *ip = NULL;
	struct ethhdr *eth;
	long result;

	eth = xdp_parse_eth(&cur);
	if (!eth)
		return XDP_DROP;
	/* Only what is meant for this router: broadcasts and multicasts are the stack's. */
	if (eth->h_dest[0] & 1)
		return XDP_PASS;

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = xdp_parse_ipv4(&cur);
		/* Options may ask the router for something: RFC 1812, section 5.2.4. */
		if (!ip || ip->ihl != 5 || ip->ttl <= TTL_EXPIRES)
			return XDP_PASS;
		fib.family = AF_INET;
		fib.tos = ip->tos;
		fib.l4_protocol = ip->protocol;
		fib.tot_len = bpf_ntohs(ip->tot_len);
		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = ip->daddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		ip6 = xdp_parse_ipv6(&cur);
		if (!ip6 || ip6->hop_limit <= TTL_EXPIRES)
			return XDP_PASS;
		fib.family = AF_INET6;
		fib.l4_protocol = ip6->nexthdr;
		fib.tot_len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
		__builtin_memcpy(fib.ipv6_src, &ip6->saddr, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, sizeof(fib.ipv6_dst));
	} else {
		return XDP_PASS;
	}

	fib.ifindex = ctx->ingress_ifindex;
	result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (result < 0)
		return XDP_ABORTED;
	note(result);
	switch (result) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		/* Routes of these kinds say so; the stack would send an ICMP error for each packet. */
		return XDP_DROP;
	default:
		return XDP_PASS;
	}

	if (ip)
		decrement_ttl(ip);
	else if (ip6)
		ip6->hop_limit--;
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	return bpf_redirect(fib.ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
