/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xdp_rate_limiter: each IPv4 source may send so many packets per second, and no more.
 *
 * A token bucket: each source owns a bucket of `burst` tokens, which fills up again at `rate` tokens per second. A packet takes
 * one token; where there is none it is dropped. Nothing runs in the background: how much came in since the last packet
 * follows from the time that went by.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
#include <xdp_parse.h>

#define NS_PER_S 1000000000ULL

/*
 * Constants of .rodata: `const volatile` keeps the compiler from using them, so that a loader can set them before the
 * program is loaded; the verifier knows them then and drops the branches that they exclude.
 */
const volatile __u64 rate = 10;
const volatile __u64 burst = 20;

struct bucket {
	/* One lock for each source: two CPUs that get packets of the same source must not both take the last token. */
	struct bpf_spin_lock lock;
	__u32 tokens;
	__u64 filled_ns;
	__u64 passed;
	__u64 dropped;
};

/*
 * Not an LRU hash: the kernel allows a lock in arrays and plain hashes only (kernel/bpf/syscall.c, map_check_btf()). So
 * the map can become full, and sources that find no room are not limited.
 */
BPF_HASH(buckets, __be32, struct bucket, 16384);

/* Whole tokens only; what is left of the time counts for the next one. */
static __always_inline void fill(struct bucket *bucket, __u64 now)
{
	__s64 elapsed = now - bucket->filled_ns;
	__u64 tokens;

	/* Negative when another CPU filled it after this one had looked at the clock. */
	if (elapsed <= 0)
		return;
	/* Longer ago than it takes to fill it: full. Below this, the product cannot overflow. */
	if (elapsed > burst * NS_PER_S / rate) {
		bucket->tokens = burst;
		bucket->filled_ns = now;
		return;
	}
	tokens = elapsed * rate / NS_PER_S;
	if (tokens == 0)
		return;
	bucket->filled_ns += tokens * NS_PER_S / rate;
	tokens += bucket->tokens;
	bucket->tokens = tokens > burst ? burst : tokens;
}

SEC("xdp")
int xdp_rate_limiter(struct xdp_md *ctx)
{
	struct xdp_cursor cur = xdp_cursor(ctx);
	struct bucket *bucket;
	__be16 ethertype;
	struct iphdr *ip;
	__be32 source;
	__u64 now;
	int pass;

	if (!xdp_parse_eth_vlan(&cur, &ethertype) || ethertype != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = xdp_parse_ipv4(&cur);
	if (!ip)
		return XDP_DROP;

	source = ip->saddr;
	now = bpf_ktime_get_ns();
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket fresh = { .tokens = burst, .filled_ns = now };

		/* Another CPU may have been faster: then its bucket counts. */
		bpf_map_update_elem(&buckets, &source, &fresh, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&buckets, &source);
		if (!bucket)
			return XDP_PASS;
	}

	bpf_spin_lock(&bucket->lock);
	fill(bucket, now);
	pass = bucket->tokens > 0;
	if (pass) {
		bucket->tokens--;
		bucket->passed++;
	} else {
		bucket->dropped++;
	}
	bpf_spin_unlock(&bucket->lock);
	return pass ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
