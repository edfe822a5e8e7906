/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_syn_cookie: answers TCP's SYN in the driver, so that a flood of them costs no memory.
 *
 * A SYN flood makes a server remember connections that never come to be. A SYN cookie (RFC 4987, section 3.6) needs no memory:
 * the sequence number of the answer is computed from the addresses, the ports and a secret, and only who received the
 * answer can send the right acknowledgement. So:
 *
 *	SYN	answered here with SYN-ACK, by XDP_TX
 *	ACK	passes when its cookie is right, else it is dropped
 *
 * The kernel's stack takes the connection over when it sees such an ACK, if net.ipv4.tcp_syncookies=2. Linux 6.0 or newer.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* The length field has 4 bits and counts words of 4 bytes: RFC 9293, section 3.1. */
#define MAX_TCP_HEADER 60

/* Ports that are protected: 1 in the row of the port, in host order. */
BPF_ARRAY(protected_ports, __u32, 65536);

enum outcome {
	OUTCOME_ANSWERED,
	OUTCOME_ACCEPTED,
	OUTCOME_REFUSED,
	OUTCOME_ESTABLISHED,
	OUTCOME_MAX,
};

BPF_PERCPU_ARRAY(outcomes, __u64, OUTCOME_MAX);

/* Connections that proved themselves: later packets of theirs carry no cookie. */
struct connection {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
};

BPF_LRU_HASH(established, struct connection, __u8, 65536);

static __always_inline int end(__u32 outcome, int action)
{
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &outcome);

	if (packets)
		(*packets)++;
	return action;
}

/* Ones' complement sum, folded and inverted: RFC 1071. */
static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The header without options, 20 bytes, as it stands in the packet. */
static __always_inline __u16 ipv4_checksum(struct iphdr *ip)
{
	__u16 *words = (__u16 *)ip;
	__u32 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < 10; i++)
		sum += words[i];
	return fold(sum);
}

/* 20 bytes of TCP header and nothing behind it, with the pseudo header of RFC 9293, section 3.1. */
static __always_inline __u16 tcp_checksum(struct iphdr *ip, struct tcphdr *tcp)
{
	__u16 *words = (__u16 *)tcp;
	__u32 sum = bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*tcp));
	int i;

	sum += (ip->saddr & 0xffff) + (ip->saddr >> 16);
	sum += (ip->daddr & 0xffff) + (ip->daddr >> 16);
#pragma unroll
	for (i = 0; i < 10; i++)
		sum += words[i];
	return fold(sum);
}

/* Makes the SYN into its answer, in place, and cuts off what came behind the header. */
static __always_inline int answer(struct xdp_md *ctx, __u32 cookie)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	int length = ctx->data_end - ctx->data;
	int wanted = sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr);
	__u8 mac[ETH_ALEN];
	struct ethhdr *eth;
	struct tcphdr *tcp;
	struct iphdr *ip;
	__be32 address;
	__be16 port;
	__be32 seq;

	/* Options of the SYN are not answered: without them, TCP works with what RFC 9293 guarantees. */
	if (bpf_xdp_adjust_tail(ctx, wanted - length))
		return XDP_ABORTED;
	cur = xdp_cursor(ctx);
	eth = xdp_parse_eth(&cur);
	ip = xdp_advance(&cur, sizeof(*ip));
	tcp = xdp_advance(&cur, sizeof(*tcp));
	if (!eth || !ip || !tcp)
		return XDP_ABORTED;

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);

	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	ip->ttl = 64;
	ip->check = 0;
	ip->check = ipv4_checksum(ip);

	port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;
	seq = tcp->seq;
	tcp->seq = bpf_htonl(cookie);
	tcp->ack_seq = bpf_htonl(bpf_ntohl(seq) + 1);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->window = bpf_htons(65535);
	tcp->urg_ptr = 0;
	tcp->check = 0;
	tcp->check = tcp_checksum(ip, tcp);
	return XDP_TX;
}

SEC("xdp")
int xdp_syn_cookie(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct connection connection = {};
	struct ethhdr *eth;
	struct tcphdr *tcp;
	struct iphdr *ip;
	/* A copy: the helper wants memory whose length is proven, and the header's own length is known only in the packet. */
	__u8 header[MAX_TCP_HEADER] = {};
	__u64 header_len;
	__u32 *protect;
	__s64 cookie;
	__u32 port;
	__u8 yes = 1;

	eth = xdp_parse_eth(&cur);
	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = xdp_parse_ipv4(&cur);
	/* With options or in fragments: rare enough to be left to the stack. */
	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_TCP || (ip->frag_off & bpf_htons(0x3fff)))
		return XDP_PASS;
	tcp = xdp_parse_tcp(&cur);
	if (!tcp)
		return XDP_DROP;
	port = bpf_ntohs(tcp->dest);
	protect = bpf_map_lookup_elem(&protected_ports, &port);
	if (!protect || !*protect)
		return XDP_PASS;

	connection.saddr = ip->saddr;
	connection.daddr = ip->daddr;
	connection.sport = tcp->source;
	connection.dport = tcp->dest;
	if (tcp->syn && !tcp->ack && !tcp->rst && !tcp->fin) {
		/* The helper looks for the peer's segment size among the options, and keeps it in the cookie. */
		header_len = tcp->doff * 4;
		/* Read from the packet anew, it is unknown to the verifier again; the compiler believes that it is not. */
		barrier_var(header_len);
		if (header_len < sizeof(*tcp))
			return XDP_DROP;
		if (bpf_xdp_load_bytes(ctx, sizeof(*eth) + sizeof(*ip), header, header_len))
			return XDP_ABORTED;
		cookie = bpf_tcp_raw_gen_syncookie_ipv4(ip, (struct tcphdr *)header, header_len);
		if (cookie < 0)
			return end(OUTCOME_REFUSED, XDP_DROP);
		/* A connection of the same addresses and ports from before is over. */
		bpf_map_delete_elem(&established, &connection);
		return end(OUTCOME_ANSWERED, answer(ctx, cookie));
	}
	if (bpf_map_lookup_elem(&established, &connection))
		return end(OUTCOME_ESTABLISHED, XDP_PASS);
	if (!tcp->ack || tcp->syn || tcp->rst)
		return end(OUTCOME_REFUSED, XDP_DROP);
	if (bpf_tcp_raw_check_syncookie_ipv4(ip, tcp))
		return end(OUTCOME_REFUSED, XDP_DROP);
	bpf_map_update_elem(&established, &connection, &yes, BPF_ANY);
	return end(OUTCOME_ACCEPTED, XDP_PASS);
}

/* The helpers of the cookie are for programs whose licence is compatible with the GPL. */
char _license[] SEC("license") = "Dual BSD/GPL";
