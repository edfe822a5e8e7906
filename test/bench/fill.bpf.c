// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fills `big` with one entry per run, so that BPF_PROG_TEST_RUN with repeat = N makes N entries. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, struct counter);
} big SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, struct counter);
} small SEC(".maps");

__u32 next_key;

SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u32 key = next_key++;
	struct counter value = { .packets = key, .bytes = 64ULL * key };

	bpf_map_update_elem(&big, &key, &value, BPF_ANY);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
