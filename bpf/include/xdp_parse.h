/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bounds-checked header parsing.
 *
 * The verifier refuses every packet access that is not proven to lie before data_end. A cursor keeps that proof in one
 * place: each xdp_parse_…() checks that the whole header is there, moves the cursor behind it and returns the header,
 * or returns NULL when the packet is too short or the header contradicts itself.
 *
 *	struct xdp_cursor cur = xdp_cursor(ctx);
 *	__be16 proto;
 *
 *	if (!xdp_parse_eth_vlan(&cur, &proto))
 *		return XDP_ABORTED;
 *	if (proto == bpf_htons(ETH_P_IP)) {
 *		struct iphdr *ip = xdp_parse_ipv4(&cur);
 *		if (!ip)
 *			return XDP_ABORTED;
 *		…
 *	}
 *
 * After bpf_xdp_adjust_head(), _tail() and _meta() every pointer into the packet is void: take a new cursor.
 *
 * Works with clang >= 14 and libbpf >= 1.0, on top of vmlinux.h when that is included first, else of the linux headers.
 */
#ifndef XDP_PARSE_H
#define XDP_PARSE_H

#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#endif
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* vmlinux.h has the kernel's types, but no #define: the ones that parsing needs. Source: uapi/linux/if_ether.h. */
#ifndef ETH_ALEN
#define ETH_ALEN 6
#endif
#ifndef ETH_P_IP
#define ETH_P_IP 0x0800
#endif
#ifndef ETH_P_ARP
#define ETH_P_ARP 0x0806
#endif
#ifndef ETH_P_8021Q
#define ETH_P_8021Q 0x8100
#endif
#ifndef ETH_P_IPV6
#define ETH_P_IPV6 0x86DD
#endif
#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif
/* Source: uapi/linux/in6.h. */
#ifndef IPPROTO_HOPOPTS
#define IPPROTO_HOPOPTS 0
#endif
#ifndef IPPROTO_ROUTING
#define IPPROTO_ROUTING 43
#endif
#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif
#ifndef IPPROTO_DSTOPTS
#define IPPROTO_DSTOPTS 60
#endif

/* How many VLAN tags and IPv6 extension headers are followed: a bound that the verifier can see. */
#ifndef XDP_PARSE_MAX_VLANS
#define XDP_PARSE_MAX_VLANS 2
#endif
#ifndef XDP_PARSE_MAX_IPV6_EXTENSIONS
#define XDP_PARSE_MAX_IPV6_EXTENSIONS 6
#endif

/* IEEE 802.1Q tag without its ethertype, which is the h_proto of the header before. */
struct xdp_vlan_hdr {
	__be16 tci;   /* priority (3 bits), drop eligible (1 bit), VLAN id (12 bits) */
	__be16 proto; /* ethertype of what follows */
};

/* RFC 8200, section 4: the part that hop-by-hop, routing and destination options have in common. */
struct xdp_ipv6_ext_hdr {
	__u8 nexthdr;
	__u8 hdrlen; /* in units of 8 bytes, not counting the first 8 */
};

/*
 * RFC 792 and RFC 4443: the same 8 bytes begin every ICMP and ICMPv6 message. Own type, since linux/icmp.h pulls in the C
 * library's headers, which do not compile for the BPF target on every machine.
 */
struct xdp_icmp_hdr {
	__u8 type;
	__u8 code;
	__be16 checksum;
	union {
		struct {
			__be16 id;
			__be16 sequence;
		} echo;
		__be32 rest;
	};
};

struct xdp_cursor {
	void *pos; /* the next byte to parse */
	void *end; /* one behind the last byte of the packet */
};

static __always_inline struct xdp_cursor xdp_cursor(struct xdp_md *ctx)
{
	struct xdp_cursor cur = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};

	/* Hides that data has 32 bits in C: arithmetic on its lower half is nothing that the verifier allows. */
	barrier_var(cur.pos);
	return cur;
}

/* Moves over `len` bytes, a constant, and returns where they start; NULL when the packet ends before. */
static __always_inline void *xdp_advance(struct xdp_cursor *cur, const __u32 len)
{
	void *start = cur->pos;

	/* Add first, compare then: the verifier learns the range of `start` from exactly this form. */
	if (start + len > cur->end)
		return NULL;
	cur->pos = start + len;
	/* So that the caller's test for NULL costs nothing: it is the test above. */
	__builtin_assume(start != NULL);
	return start;
}

/* How many bytes are left behind what was parsed. In frames of several pieces: in the first piece. */
static __always_inline __u32 xdp_remaining(const struct xdp_cursor *cur)
{
	__u64 len = cur->end - cur->pos;

	/* The compiler may not fold this difference into a larger sum: `end` must not be added to. */
	barrier_var(len);
	return len;
}

static __always_inline struct ethhdr *xdp_parse_eth(struct xdp_cursor *cur)
{
	return xdp_advance(cur, sizeof(struct ethhdr));
}

static __always_inline int xdp_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* One VLAN tag. Call it when the ethertype before says that there is one: xdp_is_vlan(). */
static __always_inline struct xdp_vlan_hdr *xdp_parse_vlan(struct xdp_cursor *cur)
{
	return xdp_advance(cur, sizeof(struct xdp_vlan_hdr));
}

/* VLAN id, 0 to 4095. */
static __always_inline __u16 xdp_vlan_id(const struct xdp_vlan_hdr *vlan)
{
	return bpf_ntohs(vlan->tci) & 0x0fff;
}

/*
 * The Ethernet header and up to XDP_PARSE_MAX_VLANS tags behind it. `proto` receives the ethertype of what follows, in
 * network order; with more tags than that it is the one of the next tag.
 */
static __always_inline struct ethhdr *xdp_parse_eth_vlan(struct xdp_cursor *cur, __be16 *proto)
{
	struct ethhdr *eth = xdp_parse_eth(cur);
	int i;

	if (!eth)
		return NULL;
	*proto = eth->h_proto;
#pragma unroll
	for (i = 0; i < XDP_PARSE_MAX_VLANS; i++) {
		struct xdp_vlan_hdr *vlan;

		if (!xdp_is_vlan(*proto))
			break;
		vlan = xdp_parse_vlan(cur);
		if (!vlan)
			return NULL;
		*proto = vlan->proto;
	}
	return eth;
}

/* The header with its options; NULL too when it is not version 4 or claims less than 20 bytes. RFC 791, section 3.1. */
static __always_inline struct iphdr *xdp_parse_ipv4(struct xdp_cursor *cur)
{
	struct iphdr *ip = cur->pos;
	__u32 len;

	if ((void *)(ip + 1) > cur->end)
		return NULL;
	len = ip->ihl * 4;
	if (ip->version != 4 || len < sizeof(*ip))
		return NULL;
	if (cur->pos + len > cur->end)
		return NULL;
	cur->pos += len;
	__builtin_assume(ip != NULL);
	return ip;
}

/* Not the first fragment: what follows the IPv4 header is data, not a TCP or UDP header. */
static __always_inline int xdp_ipv4_is_later_fragment(const struct iphdr *ip)
{
	return (ip->frag_off & bpf_htons(0x1fff)) != 0;
}

/* The fixed header of 40 bytes; NULL too when it is not version 6. RFC 8200, section 3. */
static __always_inline struct ipv6hdr *xdp_parse_ipv6(struct xdp_cursor *cur)
{
	struct ipv6hdr *ip6 = xdp_advance(cur, sizeof(*ip6));

	if (!ip6 || ip6->version != 6)
		return NULL;
	return ip6;
}

/*
 * The IPv6 header and up to XDP_PARSE_MAX_IPV6_EXTENSIONS hop-by-hop, routing and destination headers behind it.
 * `proto` receives the protocol of what follows, such as IPPROTO_TCP; a fragment header is not followed.
 */
static __always_inline struct ipv6hdr *xdp_parse_ipv6_proto(struct xdp_cursor *cur, __u8 *proto)
{
	struct ipv6hdr *ip6 = xdp_parse_ipv6(cur);
	int i;

	if (!ip6)
		return NULL;
	*proto = ip6->nexthdr;
#pragma unroll
	for (i = 0; i < XDP_PARSE_MAX_IPV6_EXTENSIONS; i++) {
		struct xdp_ipv6_ext_hdr *ext = cur->pos;

		if (*proto != IPPROTO_HOPOPTS && *proto != IPPROTO_ROUTING && *proto != IPPROTO_DSTOPTS)
			break;
		if ((void *)(ext + 1) > cur->end)
			return NULL;
		*proto = ext->nexthdr;
		cur->pos += (ext->hdrlen + 1) * 8;
		if (cur->pos > cur->end)
			return NULL;
	}
	return ip6;
}

/* The header with its options; NULL too when it claims less than 20 bytes. RFC 9293, section 3.1. */
static __always_inline struct tcphdr *xdp_parse_tcp(struct xdp_cursor *cur)
{
	struct tcphdr *tcp = cur->pos;
	__u32 len;

	if ((void *)(tcp + 1) > cur->end)
		return NULL;
	len = tcp->doff * 4;
	if (len < sizeof(*tcp))
		return NULL;
	if (cur->pos + len > cur->end)
		return NULL;
	cur->pos += len;
	__builtin_assume(tcp != NULL);
	return tcp;
}

/* NULL too when its length field claims less than the header's own 8 bytes. RFC 768. */
static __always_inline struct udphdr *xdp_parse_udp(struct xdp_cursor *cur)
{
	struct udphdr *udp = xdp_advance(cur, sizeof(*udp));

	if (!udp || bpf_ntohs(udp->len) < sizeof(*udp))
		return NULL;
	return udp;
}

/* ICMP and ICMPv6 alike. */
static __always_inline struct xdp_icmp_hdr *xdp_parse_icmp(struct xdp_cursor *cur)
{
	return xdp_advance(cur, sizeof(struct xdp_icmp_hdr));
}

#endif /* XDP_PARSE_H */
