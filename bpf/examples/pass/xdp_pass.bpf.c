/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_pass: lets every packet through.
 *
 * Less useless than it looks: one end of a veth pair takes packets that the other end sends by XDP_TX only while it has
 * a program of its own, and packets that are redirected to the other end only with a program or GRO. They are lost
 * without a word otherwise (drivers/net/veth.c, veth_xdp_flush() and veth_xdp_xmit()). This is the program for that
 * end. It takes packets in several buffers too, so that no MTU is too large for it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
