/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_frags: packets that lie in several pieces of memory.
 *
 * With a large MTU, or where a network card merges packets, a packet does not fit into one page. Only its first piece lies
 * between data and data_end then; the rest is reached through helpers. A program says with the section name "xdp.frags" that it
 * knows; one that does not say so cannot be attached where such packets may come. Linux 5.18 or newer.
 *
 * This one finds a trailer in the last 4 bytes of a packet, wherever they lie: packets that end with "DROP" are dropped.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

enum shape {
	SHAPE_ONE_PIECE,
	SHAPE_SEVERAL_PIECES,
	SHAPE_MAX,
};

struct seen {
	__u64 packets;
	__u64 bytes;
	__u64 dropped;
};

BPF_PERCPU_ARRAY(seen, struct seen, SHAPE_MAX);

SEC("xdp.frags")
int xdp_frags(struct xdp_md *ctx)
{
	/* The whole length; data_end - data is the length of the first piece. */
	__u64 length = bpf_xdp_get_buff_len(ctx);
	__u64 first = ctx->data_end - ctx->data;
	__u32 shape = length > first ? SHAPE_SEVERAL_PIECES : SHAPE_ONE_PIECE;
	struct seen *row = bpf_map_lookup_elem(&seen, &shape);
	char trailer[4];

	if (!row)
		return XDP_ABORTED;
	row->packets++;
	row->bytes += length;

	/* Copies from wherever the bytes lie, also from where one piece ends and the next begins. */
	if (bpf_xdp_load_bytes(ctx, length - sizeof(trailer), trailer, sizeof(trailer)))
		return XDP_ABORTED;
	if (__builtin_memcmp(trailer, "DROP", sizeof(trailer)) == 0) {
		row->dropped++;
		return XDP_DROP;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
