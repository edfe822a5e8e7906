/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A tunnel protocol of one's own: xdp_encap puts packets in, xdp_decap takes them out.
 *
 *	| Ethernet, 14 bytes | own_tunnel, 8 bytes | the packet as it was |
 *
 * Which tenant a packet belongs to is told by its VLAN tag. The two programs are meant for the two ends of a link: encap
 * where packets come from a tenant, decap where they come out of the tunnel. They are one object here so that they share
 * the header and can be tested against each other.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>
#include "own_tunnel.h"

#define OUTER_LEN (sizeof(struct ethhdr) + sizeof(struct own_tunnel))

/* VLAN id to tenant: only these packets enter the tunnel. */
BPF_HASH(tenants, __u16, __u32, 4096);

enum outcome {
	OUTCOME_ENCAPSULATED,
	OUTCOME_DECAPSULATED,
	OUTCOME_BAD_VERSION,
	OUTCOME_BAD_LENGTH,
	OUTCOME_NO_ROOM,
	OUTCOME_MAX,
};

BPF_PERCPU_ARRAY(outcomes, __u64, OUTCOME_MAX);

static __always_inline void note(__u32 outcome)
{
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &outcome);

	if (packets)
		(*packets)++;
}

SEC("xdp")
int xdp_encap(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct own_tunnel *tunnel;
	struct xdp_vlan_hdr *vlan;
	struct ethhdr *eth, *inner;
	__u32 *tenant;
	__u16 length;
	__u16 id;

	eth = xdp_parse_eth(&cur);
	if (!eth || !xdp_is_vlan(eth->h_proto))
		return XDP_PASS;
	vlan = xdp_parse_vlan(&cur);
	if (!vlan)
		return XDP_PASS;
	id = xdp_vlan_id(vlan);
	tenant = bpf_map_lookup_elem(&tenants, &id);
	if (!tenant)
		return XDP_PASS;
	length = ctx->data_end - ctx->data;

	/* A negative number makes room before the packet, as far as the driver left any: 256 bytes, as a rule. */
	if (bpf_xdp_adjust_head(ctx, -(int)OUTER_LEN)) {
		note(OUTCOME_NO_ROOM);
		return XDP_DROP;
	}

	/* All pointers are void now, so that everything is proven anew. */
	cur = xdp_cursor(ctx);
	eth = xdp_parse_eth(&cur);
	tunnel = xdp_advance(&cur, sizeof(*tunnel));
	inner = xdp_parse_eth(&cur);
	if (!eth || !tunnel || !inner)
		return XDP_ABORTED;
	/* The outer header goes where the packet would have gone. */
	__builtin_memcpy(eth->h_dest, inner->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_source, inner->h_source, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_OWN_TUNNEL);
	tunnel->version = OWN_TUNNEL_VERSION;
	tunnel->reserved = 0;
	tunnel->length = bpf_htons(length);
	tunnel->tenant = bpf_htonl(*tenant);
	note(OUTCOME_ENCAPSULATED);
	return XDP_TX;
}

SEC("xdp")
int xdp_decap(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct ethhdr *eth = xdp_parse_eth(&cur);
	struct own_tunnel *tunnel;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_OWN_TUNNEL))
		return XDP_PASS;
	tunnel = xdp_advance(&cur, sizeof(*tunnel));
	if (!tunnel || tunnel->version != OWN_TUNNEL_VERSION) {
		note(OUTCOME_BAD_VERSION);
		return XDP_DROP;
	}
	/* Short packets are padded to 60 bytes on the wire: more may follow than the length says, less may not. */
	if (bpf_ntohs(tunnel->length) < sizeof(struct ethhdr) || bpf_ntohs(tunnel->length) > xdp_remaining(&cur)) {
		note(OUTCOME_BAD_LENGTH);
		return XDP_DROP;
	}
	if (bpf_xdp_adjust_head(ctx, OUTER_LEN))
		return XDP_ABORTED;
	note(OUTCOME_DECAPSULATED);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
