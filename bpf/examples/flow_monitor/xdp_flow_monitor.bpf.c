/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_flow_monitor: counts packets and bytes of every flow, and hands some packets to user space.
 *
 * A flow is what has the same addresses, ports and protocol. Counters are per CPU: nobody waits for anybody, and whoever
 * reads them adds up the CPUs. The map forgets the flows that were not seen for longest, so that it never becomes full.
 *
 * There are two ways to user space, with a program for each:
 *
 *	xdp_monitor_ring	ring buffer, Linux 5.8 or newer: one buffer for all CPUs, events in order
 *	xdp_monitor_perf	perf buffer: one buffer for each CPU; the kernel appends bytes of the packet by itself
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>
#include "flow_monitor.h"

/* 0 for no samples. A constant for the verifier, set before loading. */
const volatile __u32 sample_every = 64;

BPF_LRU_PERCPU_HASH(flows, struct flow_key, struct flow_stats, 65536);
BPF_RINGBUF(samples, 256 * 1024);
BPF_PERF_OUTPUT(perf_samples, 0);

enum lost {
	LOST_RING_FULL,
	LOST_PERF_FULL,
	LOST_MAX,
};

/* Samples that found no room, since nobody reads or not fast enough. */
BPF_PERCPU_ARRAY(lost, __u64, LOST_MAX);

/* Packets of this CPU: which of them is a sample. */
BPF_PERCPU_ARRAY(position, __u32, 1);

static __always_inline void note_lost(__u32 which)
{
	__u64 *samples_lost = bpf_map_lookup_elem(&lost, &which);

	if (samples_lost)
		(*samples_lost)++;
}

/* 1 when the packet is IPv4, and then `key` holds its flow. Ports are 0 where there are none, as in later fragments. */
static __always_inline int parse_flow(struct xdp_md *ctx, struct flow_key *key)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	__be16 ethertype;
	struct iphdr *ip;

	if (!xdp_parse_eth_vlan(&cur, &ethertype) || ethertype != bpf_htons(ETH_P_IP))
		return 0;
	ip = xdp_parse_ipv4(&cur);
	if (!ip)
		return 0;
	key->saddr = ip->saddr;
	key->daddr = ip->daddr;
	key->protocol = ip->protocol;
	if (xdp_ipv4_is_later_fragment(ip))
		return 1;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = xdp_parse_tcp(&cur);

		if (tcp) {
			key->sport = tcp->source;
			key->dport = tcp->dest;
		}
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = xdp_parse_udp(&cur);

		if (udp) {
			key->sport = udp->source;
			key->dport = udp->dest;
		}
	}
	return 1;
}

static __always_inline void count(const struct flow_key *key, __u64 bytes, __u64 now)
{
	struct flow_stats *stats = bpf_map_lookup_elem(&flows, key);

	if (stats) {
		stats->packets++;
		stats->bytes += bytes;
		stats->last_seen_ns = now;
	} else {
		struct flow_stats first = { .packets = 1, .bytes = bytes, .last_seen_ns = now };

		/* The other CPUs' slots of a new entry are 0. */
		bpf_map_update_elem(&flows, key, &first, BPF_ANY);
	}
}

static __always_inline int is_sample(void)
{
	__u32 zero = 0;
	__u32 *packets = bpf_map_lookup_elem(&position, &zero);

	if (!packets || sample_every == 0)
		return 0;
	return (*packets)++ % sample_every == 0;
}

SEC("xdp")
int xdp_monitor_ring(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;
	__u64 now = bpf_ktime_get_ns();
	struct flow_key key = {};
	struct sample *sample;
	__u64 captured;

	if (!parse_flow(ctx, &key))
		return XDP_PASS;
	count(&key, length, now);
	if (!is_sample())
		return XDP_PASS;

	/* Room in the buffer itself: nothing is copied twice. What is reserved must be submitted or discarded. */
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		note_lost(LOST_RING_FULL);
		return XDP_PASS;
	}
	sample->time_ns = now;
	sample->flow = key;
	sample->length = length;
	__builtin_memset(sample->head, 0, sizeof(sample->head));
	captured = length;
	/* Else the compiler would compare `length` and use `captured`, and the verifier would not see that they are the same. */
	barrier_var(captured);
	if (captured > SAMPLE_BYTES)
		captured = SAMPLE_BYTES;
	/* The verifier wants a length that is not 0 and fits; no packet is shorter than its Ethernet header. */
	if (captured > 0 && bpf_xdp_load_bytes(ctx, 0, sample->head, captured) == 0)
		sample->captured = captured;
	else
		sample->captured = 0;
	bpf_ringbuf_submit(sample, 0);
	return XDP_PASS;
}

SEC("xdp")
int xdp_monitor_perf(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;
	__u64 now = bpf_ktime_get_ns();
	struct flow_key key = {};
	__u64 captured;

	if (!parse_flow(ctx, &key))
		return XDP_PASS;
	count(&key, length, now);
	if (!is_sample())
		return XDP_PASS;

	captured = length < SAMPLE_BYTES ? length : SAMPLE_BYTES;
	/* The upper half of the flags: so many bytes of the packet are appended behind the key. */
	if (bpf_perf_event_output(ctx, &perf_samples, BPF_F_CURRENT_CPU | (captured << 32), &key, sizeof(key)))
		note_lost(LOST_PERF_FULL);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
