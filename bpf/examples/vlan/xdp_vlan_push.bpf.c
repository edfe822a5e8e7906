/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_vlan_push: puts a VLAN tag before what a packet carries.
 *
 *	before	                  | destination MAC | source MAC | 0800 | IPv4 …
 *	after	| destination MAC | source MAC | 8100 | tag | 0800 | IPv4 …
 *
 * The VLAN is chosen by the interface that the packet came in by; its priority is taken from the IPv4 header.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* Index of the interface to VLAN id. Interfaces that are not here: their packets pass as they are. */
BPF_HASH(vlan_of, __u32, __u16, 64);

/* Packets that got a tag, by VLAN id. */
BPF_PERCPU_ARRAY(pushed, __u64, 4096);

SEC("xdp")
int xdp_vlan_push(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	__u32 ifindex = ctx->ingress_ifindex;
	struct xdp_vlan_hdr *vlan;
	struct ethhdr *eth, *old;
	__u8 priority = 0;
	__u64 *packets;
	__u16 *id;
	__u32 row;

	eth = xdp_parse_eth(&cur);
	if (!eth)
		return XDP_ABORTED;
	id = bpf_map_lookup_elem(&vlan_of, &ifindex);
	if (!id)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = xdp_parse_ipv4(&cur);

		if (!ip)
			return XDP_ABORTED;
		priority = ip->tos >> 5;
	}

	/* Room before the packet, if the interface left any. */
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*vlan)))
		return XDP_ABORTED;

	/* The addresses move 4 bytes to the front; the ethertype stays where it is, and is the tag's second half now. */
	cur = xdp_cursor(ctx);
	eth = cur.pos;
	old = cur.pos + sizeof(*vlan);
	if ((void *)(old + 1) > cur.end)
		return XDP_ABORTED;
	__builtin_memmove(eth, old, 2 * ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_8021Q);
	vlan = (void *)(eth + 1);
	row = *id & 0x0fff;
	vlan->tci = bpf_htons(priority << 13 | row);

	packets = bpf_map_lookup_elem(&pushed, &row);
	if (packets)
		(*packets)++;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
