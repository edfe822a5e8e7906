/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_icmp_echo: answers pings before the kernel's network stack sees them.
 *
 * The request becomes the reply in place: addresses are exchanged, the type changes, and the packet leaves by the interface
 * it came in by. Only the checksum of the ICMP message has to change: those of IP are sums, and a sum does not care in
 * which order the addresses stand.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* RFC 792 and RFC 4443. */
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

enum answered {
	ANSWERED_IPV4,
	ANSWERED_IPV6,
	ANSWERED_MAX,
};

/* Pings that were answered here. */
BPF_PERCPU_ARRAY(answered, __u64, ANSWERED_MAX);

static __always_inline void count(__u32 family)
{
	__u64 *packets = bpf_map_lookup_elem(&answered, &family);

	if (packets)
		(*packets)++;
}

static __always_inline void exchange_mac(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

/*
 * RFC 1624, equation 3: ~(~HC + ~old + new), for the 16-bit word that holds type and code. The code is 0 and stays so;
 * the type is its first byte on the wire.
 */
static __always_inline void set_type(struct xdp_icmp_hdr *icmp, __u8 type)
{
	__u32 sum = (__u16)~icmp->checksum;

	sum += (__u16)~bpf_htons(icmp->type << 8);
	sum += bpf_htons(type << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	icmp->checksum = ~sum;
	icmp->type = type;
}

static __always_inline int answer_ipv4(struct xdp_cursor *cur, struct ethhdr *eth)
{
	struct xdp_icmp_hdr *icmp;
	struct iphdr *ip;
	__be32 source;

	ip = xdp_parse_ipv4(cur);
	/* A fragment is not a whole message; only the first one even begins with its header. */
	if (!ip || ip->protocol != IPPROTO_ICMP || (ip->frag_off & bpf_htons(0x3fff)))
		return XDP_PASS;
	icmp = xdp_parse_icmp(cur);
	if (!icmp || icmp->type != ICMP_ECHO_REQUEST || icmp->code != 0)
		return XDP_PASS;

	/* RFC 1122, section 3.2.2.6: a ping to a broadcast or multicast address may be discarded; the stack decides. */
	if (eth->h_dest[0] & 1)
		return XDP_PASS;

	exchange_mac(eth);
	source = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	set_type(icmp, ICMP_ECHO_REPLY);
	count(ANSWERED_IPV4);
	return XDP_TX;
}

static __always_inline int answer_ipv6(struct xdp_cursor *cur, struct ethhdr *eth)
{
	struct xdp_icmp_hdr *icmp;
	struct in6_addr source;
	struct ipv6hdr *ip6;

	ip6 = xdp_parse_ipv6(cur);
	if (!ip6 || ip6->nexthdr != IPPROTO_ICMPV6)
		return XDP_PASS;
	icmp = xdp_parse_icmp(cur);
	if (!icmp || icmp->type != ICMPV6_ECHO_REQUEST || icmp->code != 0)
		return XDP_PASS;
	if (eth->h_dest[0] & 1)
		return XDP_PASS;

	exchange_mac(eth);
	source = ip6->saddr;
	ip6->saddr = ip6->daddr;
	ip6->daddr = source;
	/* The pseudo header of RFC 8200, section 8.1, is part of this sum; it holds the same addresses as before. */
	set_type(icmp, ICMPV6_ECHO_REPLY);
	count(ANSWERED_IPV6);
	return XDP_TX;
}

SEC("xdp")
int xdp_icmp_echo(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct ethhdr *eth = xdp_parse_eth(&cur);

	if (!eth)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return answer_ipv4(&cur, eth);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return answer_ipv6(&cur, eth);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
