/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several programs in one object file. Which of them runs is chosen when it is attached, by its function name. They
 * share the maps of the object.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

/* Packets seen, with one row for each program. */
enum program {
	PROGRAM_PASS,
	PROGRAM_DROP,
	PROGRAM_REFLECT,
	PROGRAM_LARGE,
	PROGRAM_MAX,
};

BPF_PERCPU_ARRAY(seen, __u64, PROGRAM_MAX);

static __always_inline void note(__u32 program)
{
	__u64 *packets = bpf_map_lookup_elem(&seen, &program);

	if (packets)
		(*packets)++;
}

/* The smallest program there is. On a veth pair the far end needs it before packets can be sent to it by XDP. */
SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	note(PROGRAM_PASS);
	return XDP_PASS;
}

/* Careful: on the interface that carries your remote session this one ends the session. */
SEC("xdp")
int xdp_drop(struct xdp_md *ctx)
{
	note(PROGRAM_DROP);
	return XDP_DROP;
}

/* Sends every packet back where it came from: out of the interface it came in by, with its MAC addresses exchanged. */
SEC("xdp")
int xdp_reflect(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct ethhdr *eth = xdp_parse_eth(&cur);
	__u8 mac[ETH_ALEN];

	note(PROGRAM_REFLECT);
	if (!eth)
		return XDP_ABORTED;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return XDP_TX;
}

/*
 * "xdp.frags" says that the program copes with packets in several pieces, as they come with a large MTU. Only the first
 * piece lies between data and data_end: the whole length comes from a helper. Linux 5.18 or newer.
 */
SEC("xdp.frags")
int xdp_drop_large(struct xdp_md *ctx)
{
	note(PROGRAM_LARGE);
	return bpf_xdp_get_buff_len(ctx) > 1000 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
