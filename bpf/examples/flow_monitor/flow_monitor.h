/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the program tells user space. */
#ifndef FLOW_MONITOR_H
#define FLOW_MONITOR_H

#include <linux/types.h>

#define SAMPLE_BYTES 64

/* IPv4 addresses and ports in network order, as they stand in the packet. */
struct flow_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 pad[3]; /* always 0: a hash compares all bytes of a key */
};

struct flow_stats {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_ns;
};

/* One packet in `sample_every`. */
struct sample {
	__u64 time_ns;
	struct flow_key flow;
	__u32 length;	/* of the whole packet, in bytes */
	__u32 captured; /* how many of them are in `head` */
	__u8 head[SAMPLE_BYTES];
};

#endif /* FLOW_MONITOR_H */
