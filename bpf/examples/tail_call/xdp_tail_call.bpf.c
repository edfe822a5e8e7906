/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tail calls: a program hands the packet over to another program, and never comes back.
 *
 *	xdp_dispatch ── handlers[ip protocol] ──> handle_icmp | handle_tcp | handle_udp
 *
 * Each program is verified for itself: so a large parser can be cut into pieces that the verifier can handle, and a
 * piece can be exchanged while the rest runs. At most 33 tail calls can follow one another.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

int handle_icmp(struct xdp_md *ctx);
int handle_tcp(struct xdp_md *ctx);
int handle_udp(struct xdp_md *ctx);

/*
 * A map whose values are programs. BPF_PROG_ARRAY(handlers, 256) declares an empty one, to be filled from outside. Spelled
 * out like this it can say which programs it holds when it is loaded: `values` takes the addresses of the functions.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 256);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} handlers SEC(".maps") = {
	.values = {
		[IPPROTO_ICMP] = (void *)&handle_icmp,
		[IPPROTO_TCP] = (void *)&handle_tcp,
		[IPPROTO_UDP] = (void *)&handle_udp,
	},
};

/* Packets by IP protocol. The key 255, which is reserved, stands for those that no handler wanted. */
#define UNHANDLED 255
BPF_PERCPU_ARRAY(handled, __u64, 256);

static __always_inline int done(__u32 protocol, int action)
{
	__u64 *packets = bpf_map_lookup_elem(&handled, &protocol);

	if (packets)
		(*packets)++;
	return action;
}

SEC("xdp")
int xdp_dispatch(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct iphdr *ip;
	__be16 ethertype;

	if (!xdp_parse_eth_vlan(&cur, &ethertype))
		return XDP_ABORTED;
	if (ethertype != bpf_htons(ETH_P_IP))
		return done(UNHANDLED, XDP_PASS);
	ip = xdp_parse_ipv4(&cur);
	if (!ip)
		return XDP_ABORTED;
	/* Only the first fragment of a packet has the header that a handler looks for. */
	if (xdp_ipv4_is_later_fragment(ip))
		return done(UNHANDLED, XDP_PASS);

	bpf_tail_call(ctx, &handlers, ip->protocol);

	/* Only where the map has no program for this protocol does the call return. */
	return done(UNHANDLED, XDP_PASS);
}

/* A handler starts afresh with the packet: of the caller's variables nothing is left, not even the cursor. */
static __always_inline int skip_to_l4(struct xdp_cursor *cur)
{
	__be16 ethertype;

	return xdp_parse_eth_vlan(cur, &ethertype) && xdp_parse_ipv4(cur);
}

/* Pings are thrown away. */
SEC("xdp")
int handle_icmp(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct xdp_icmp_hdr *icmp;

	if (!skip_to_l4(&cur))
		return XDP_ABORTED;
	icmp = xdp_parse_icmp(&cur);
	if (!icmp)
		return XDP_ABORTED;
	return done(IPPROTO_ICMP, icmp->type == 8 ? XDP_DROP : XDP_PASS);
}

/* TCP goes on to the kernel, unless it is telnet. */
SEC("xdp")
int handle_tcp(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct tcphdr *tcp;

	if (!skip_to_l4(&cur))
		return XDP_ABORTED;
	tcp = xdp_parse_tcp(&cur);
	if (!tcp)
		return XDP_ABORTED;
	return done(IPPROTO_TCP, tcp->dest == bpf_htons(23) ? XDP_DROP : XDP_PASS);
}

/* UDP goes on to the kernel. */
SEC("xdp")
int handle_udp(struct xdp_md *ctx)
{
	return done(IPPROTO_UDP, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
