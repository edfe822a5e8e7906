/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_vlan_pop: takes the outer VLAN tag off a packet, and keeps the priority that it carried.
 *
 *	before	| destination MAC | source MAC | 8100 | tag | 0800 | IPv4 …
 *	after	                  | destination MAC | source MAC | 0800 | IPv4 …
 *
 * The tag's 3 bits of priority would be lost with it: they move to the class selector of the IPv4 header (RFC 2474),
 * whose checksum has to be corrected then.
 *
 * Where the network card strips tags itself, XDP never sees them: ethtool -K IFACE rxvlan off.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

#define VLAN_IDS 4096

/* Packets whose tag was taken off, by VLAN id. */
BPF_PERCPU_ARRAY(popped, __u64, VLAN_IDS);

/*
 * RFC 1624, equation 3: when a 16-bit word of a header changes from old to new, its checksum changes from HC to
 * ~(~HC + ~old + new). No other byte of the header has to be read again.
 */
static __always_inline __u16 checksum_after_change(__u16 checksum, __u16 old, __u16 new)
{
	__u32 sum = (__u16)~checksum + (__u16)~old + new;

	/* Ones' complement: what was carried out at the top comes in at the bottom. Twice, as the first may carry again. */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void set_priority(struct iphdr *ip, __u8 priority)
{
	/* Version, header length and TOS are the first word of the header. A sum of words may be made in either byte order. */
	__u16 *word = (__u16 *)ip;
	__u16 old = *word;

	/* The class selector is the upper 3 bits of TOS; the lower 2, congestion notification, stay as they are. */
	ip->tos = (priority << 5) | (ip->tos & 0x03);
	ip->check = checksum_after_change(ip->check, old, *word);
}

SEC("xdp")
int xdp_vlan_pop(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	__u8 addresses[2 * ETH_ALEN];
	struct xdp_vlan_hdr *vlan;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u64 *packets;
	__u8 priority;
	__u32 id;

	eth = xdp_parse_eth(&cur);
	if (!eth)
		return XDP_ABORTED;
	if (!xdp_is_vlan(eth->h_proto))
		return XDP_PASS;
	vlan = xdp_parse_vlan(&cur);
	if (!vlan)
		return XDP_ABORTED;

	priority = bpf_ntohs(vlan->tci) >> 13;
	id = xdp_vlan_id(vlan);
	if (vlan->proto == bpf_htons(ETH_P_IP)) {
		ip = xdp_parse_ipv4(&cur);
		if (!ip)
			return XDP_ABORTED;
		set_priority(ip, priority);
	}

	packets = bpf_map_lookup_elem(&popped, &id);
	if (packets)
		(*packets)++;

	/*
	 * The packet becomes shorter at its front. The two MAC addresses, 12 bytes, have to move 4 bytes to the back first;
	 * the inner ethertype, the last 2 bytes of the tag, stands where it has to be already. The old and the new place
	 * overlap: so the addresses go by way of the stack.
	 */
	__builtin_memcpy(addresses, eth->h_dest, sizeof(addresses));
	__builtin_memcpy((void *)eth + sizeof(*vlan), addresses, sizeof(addresses));

	/* A positive number moves the start of the packet towards its end. All pointers into the packet are void now. */
	if (bpf_xdp_adjust_head(ctx, sizeof(*vlan)))
		return XDP_ABORTED;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
