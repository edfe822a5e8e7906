/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP metadata: what the XDP program found out travels with the packet to a tc program behind it.
 *
 * XDP sees the packet first, but there is no socket buffer yet: no mark, no priority, nothing to write to. tc, later, could
 * write them, but would have to parse the packet again. So XDP writes a few bytes before the packet, and tc reads them there:
 *
 *	| room | metadata | packet …
 *	       data_meta  data
 *
 * Both programs are in this object: attach xdp_classify, and tc_mark along with it.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* What one program writes and the other reads. A multiple of 4 bytes, at most 252. */
struct packet_class {
	__u32 magic; /* so that tc knows its own from what another program may have left there */
	__u32 class;
};

#define CLASS_MAGIC 0x58445031

enum class {
	CLASS_OTHER,
	CLASS_WEB,
	CLASS_NAMES,
	CLASS_MAX,
};

/* Packets by class, as XDP saw them, and as tc was told. */
BPF_PERCPU_ARRAY(classified, __u64, CLASS_MAX);
BPF_PERCPU_ARRAY(marked, __u64, CLASS_MAX);

static __always_inline __u32 classify(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct tcphdr *tcp;
	struct udphdr *udp;
	__be16 ethertype;
	struct iphdr *ip;

	if (!xdp_parse_eth_vlan(&cur, &ethertype) || ethertype != bpf_htons(ETH_P_IP))
		return CLASS_OTHER;
	ip = xdp_parse_ipv4(&cur);
	if (!ip || xdp_ipv4_is_later_fragment(ip))
		return CLASS_OTHER;
	if (ip->protocol == IPPROTO_TCP) {
		tcp = xdp_parse_tcp(&cur);
		if (tcp && (tcp->dest == bpf_htons(80) || tcp->dest == bpf_htons(443)))
			return CLASS_WEB;
	}
	if (ip->protocol == IPPROTO_UDP) {
		udp = xdp_parse_udp(&cur);
		if (udp && udp->dest == bpf_htons(53))
			return CLASS_NAMES;
	}
	return CLASS_OTHER;
}

SEC("xdp")
int xdp_classify(struct xdp_md *ctx)
{
	struct packet_class *meta;
	__u32 class = classify(ctx);
	__u64 *packets;
	void *data;

	packets = bpf_map_lookup_elem(&classified, &class);
	if (packets)
		(*packets)++;

	/* Not every driver has room for metadata: the packet passes without it, and tc finds none. */
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_PASS;
	/* The rule is the same as for the packet: prove that it is there before you write. */
	meta = (void *)(long)ctx->data_meta;
	data = (void *)(long)ctx->data;
	if ((void *)(meta + 1) > data)
		return XDP_PASS;
	meta->magic = CLASS_MAGIC;
	meta->class = class;
	return XDP_PASS;
}

SEC("tc")
int tc_mark(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	struct packet_class *meta = (void *)(long)skb->data_meta;
	__u64 *packets;
	__u32 class;

	if ((void *)(meta + 1) > data || meta->magic != CLASS_MAGIC)
		return TC_ACT_OK;
	class = meta->class;
	/* `iptables -m mark`, `ip rule fwmark` and `tc filter … fw` see it. */
	skb->mark = class;
	packets = bpf_map_lookup_elem(&marked, &class);
	if (packets)
		(*packets)++;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
