/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A stateless load balancer: the packets of one connection always go to the same backend, without a table of connections.
 *
 * Backends hold the address of the service themselves, so that only the destination MAC changes ("direct server return":
 * answers do not come back this way). The backend is chosen by a hash of addresses and ports.
 *
 *	xdp_balance_tx		all backends are reached through the interface that the packet came in by
 *	xdp_balance_redirect	each backend has an interface of its own, named in the device map `ports`
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

#define MAX_BACKENDS 64

struct service_key {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad; /* always 0: a hash compares all bytes of a key */
};

struct service {
	__u32 backends; /* how many of the table below, from 0 on */
};

struct backend {
	__u8 mac[ETH_ALEN];
	__u16 port; /* index into `ports` */
};

struct backend_stats {
	__u64 packets;
	__u64 bytes;
};

BPF_HASH(services, struct service_key, struct service, 16);
BPF_ARRAY(backends, struct backend, MAX_BACKENDS);
BPF_PERCPU_ARRAY(per_backend, struct backend_stats, MAX_BACKENDS);
BPF_DEVMAP(ports, MAX_BACKENDS);

/*
 * Jenkins' one-at-a-time hash over addresses and ports: what matters is that every bit of the input moves every bit of the
 * result, and that no random number is in it, so that several balancers side by side choose alike.
 */
static __always_inline __u32 hash_word(__u32 hash, __u32 word)
{
	int i;

#pragma unroll
	for (i = 0; i < 4; i++) {
		hash += (word >> (8 * i)) & 0xff;
		hash += hash << 10;
		hash ^= hash >> 6;
	}
	return hash;
}

static __always_inline __u32 hash_connection(__be32 saddr, __be32 daddr, __be16 sport, __be16 dport)
{
	__u32 hash = hash_word(hash_word(hash_word(0, saddr), daddr), (__u32)sport << 16 | dport);

	hash += hash << 3;
	hash ^= hash >> 11;
	hash += hash << 15;
	return hash;
}

/* Chooses the backend and writes its address into the packet; NULL when the packet is of no service. */
static __always_inline struct backend *balance(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct service_key key = {};
	struct backend_stats *stats;
	struct service *service;
	struct backend *backend;
	struct ethhdr *eth;
	struct iphdr *ip;
	__be16 sport;
	__u32 index;

	eth = xdp_parse_eth(&cur);
	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return NULL;
	ip = xdp_parse_ipv4(&cur);
	/* Later fragments have no ports: they would go to another backend than the first one. They are left alone. */
	if (!ip || (ip->frag_off & bpf_htons(0x3fff)))
		return NULL;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = xdp_parse_tcp(&cur);

		if (!tcp)
			return NULL;
		sport = tcp->source;
		key.port = tcp->dest;
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = xdp_parse_udp(&cur);

		if (!udp)
			return NULL;
		sport = udp->source;
		key.port = udp->dest;
	} else {
		return NULL;
	}
	key.address = ip->daddr;
	key.protocol = ip->protocol;
	service = bpf_map_lookup_elem(&services, &key);
	if (!service || service->backends == 0)
		return NULL;

	index = hash_connection(ip->saddr, ip->daddr, sport, key.port) % service->backends;
	backend = bpf_map_lookup_elem(&backends, &index);
	stats = bpf_map_lookup_elem(&per_backend, &index);
	if (!backend || !stats)
		return NULL;
	stats->packets++;
	stats->bytes += ctx->data_end - ctx->data;

	/* The balancer's own address becomes the source: a switch would be confused by the client's. */
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, backend->mac, ETH_ALEN);
	return backend;
}

SEC("xdp")
int xdp_balance_tx(struct xdp_md *ctx)
{
	return balance(ctx) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int xdp_balance_redirect(struct xdp_md *ctx)
{
	struct backend *backend = balance(ctx);

	if (!backend)
		return XDP_PASS;
	/* The lower bits of the flags are the action to take when the map has no such entry. */
	return bpf_redirect_map(&ports, backend->port, XDP_DROP);
}

char _license[] SEC("license") = "Dual BSD/GPL";
