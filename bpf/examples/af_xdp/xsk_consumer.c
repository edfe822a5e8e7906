/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xsk_consumer: reads packets from an AF_XDP socket and prints a line for each.
 *
 *	xsk_consumer IFACE QUEUE MAP_ID [PACKETS]
 *
 * MAP_ID is the id of the map `sockets` of the attached program: `xdp maps` prints it. Ends after so many packets, or by Ctrl-C.
 * Needs root. Written on the kernel's own interface (Documentation/networking/af_xdp.rst) so that every step can be seen; real
 * programs use libxdp.
 *
 *	cc -o xsk_consumer xsk_consumer.c -lbpf
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The memory that kernel and program share (UMEM), in frames of one packet each. */
#define FRAMES 1024
#define FRAME_BYTES 2048
/* A power of two. */
#define RING_SIZE FRAMES

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* A ring has one writer and one reader; each owns one of the two positions, which count on without end. */
struct ring {
	uint32_t *producer;
	uint32_t *consumer;
	void *entries;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "xsk_consumer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct ring map_ring(int fd, const struct xdp_ring_offset *at, size_t entry_bytes, off_t page)
{
	size_t bytes = at->desc + RING_SIZE * entry_bytes;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);

	if (memory == MAP_FAILED)
		fail("mmap of a ring");
	return (struct ring){
		.producer = (uint32_t *)(memory + at->producer),
		.consumer = (uint32_t *)(memory + at->consumer),
		.entries = memory + at->desc,
	};
}

static void set_ring_size(int fd, int option)
{
	int size = RING_SIZE;

	if (setsockopt(fd, SOL_XDP, option, &size, sizeof(size)))
		fail("setsockopt of a ring's size");
}

int main(int argc, char **argv)
{
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY };
	struct xdp_umem_reg region = { .len = FRAMES * FRAME_BYTES, .chunk_size = FRAME_BYTES };
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof(offsets);
	unsigned long seen = 0, wanted;
	struct ring fill, rx;
	uint32_t queue, i;
	char *frames;
	int fd, map;

	if (argc < 4) {
		fprintf(stderr, "usage: xsk_consumer IFACE QUEUE MAP_ID [PACKETS]\n");
		return 2;
	}
	queue = strtoul(argv[2], NULL, 10);
	wanted = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	signal(SIGINT, end);
	signal(SIGTERM, end);

	/* 1. A socket, and the memory for packets. */
	fd = socket(AF_XDP, SOCK_RAW, 0);
	if (fd < 0)
		fail("socket(AF_XDP)");
	frames = mmap(NULL, region.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (frames == MAP_FAILED)
		fail("mmap of the frames");
	region.addr = (uint64_t)(uintptr_t)frames;
	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &region, sizeof(region)))
		fail("XDP_UMEM_REG");

	/* 2. Rings. The kernel takes empty frames from the fill ring, and puts full ones into the receive ring. */
	set_ring_size(fd, XDP_UMEM_FILL_RING);
	set_ring_size(fd, XDP_UMEM_COMPLETION_RING);
	set_ring_size(fd, XDP_RX_RING);
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length))
		fail("XDP_MMAP_OFFSETS");
	fill = map_ring(fd, &offsets.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	rx = map_ring(fd, &offsets.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);

	/* 3. All frames are empty: the kernel may have them. */
	for (i = 0; i < FRAMES; i++)
		((uint64_t *)fill.entries)[i] = (uint64_t)i * FRAME_BYTES;
	__atomic_store_n(fill.producer, FRAMES, __ATOMIC_RELEASE);

	/* 4. Bound to a queue, and known to the program. */
	address.sxdp_ifindex = if_nametoindex(argv[1]);
	address.sxdp_queue_id = queue;
	if (address.sxdp_ifindex == 0)
		fail(argv[1]);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	map = bpf_map_get_fd_by_id(strtoul(argv[3], NULL, 10));
	if (map < 0)
		fail("there is no such map, or not for this user");
	if (bpf_map_update_elem(map, &queue, &fd, BPF_ANY))
		fail("the socket could not be put into the map");
	printf("waiting on %s, queue %u\n", argv[1], queue);
	fflush(stdout);

	/* 5. Packets. A frame that was read goes back into the fill ring. The kernel takes the socket out of the map when it is closed. */
	while (!ended && (wanted == 0 || seen < wanted)) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		uint32_t from, to;

		if (poll(&waiting, 1, 1000) < 0 && errno != EINTR)
			fail("poll");
		from = *rx.consumer;
		to = __atomic_load_n(rx.producer, __ATOMIC_ACQUIRE);
		for (; from != to && (wanted == 0 || seen < wanted); from++) {
			struct xdp_desc *packet = (struct xdp_desc *)rx.entries + from % RING_SIZE;
			const unsigned char *bytes = (unsigned char *)frames + packet->addr;
			uint32_t free_at = *fill.producer;

			seen++;
			printf("%lu: %u bytes, from %02x:%02x:%02x:%02x:%02x:%02x\n", seen, packet->len, bytes[6],
			       bytes[7], bytes[8], bytes[9], bytes[10], bytes[11]);
			((uint64_t *)fill.entries)[free_at % RING_SIZE] = packet->addr - packet->addr % FRAME_BYTES;
			__atomic_store_n(fill.producer, free_at + 1, __ATOMIC_RELEASE);
			__atomic_store_n(rx.consumer, from + 1, __ATOMIC_RELEASE);
		}
		fflush(stdout);
	}
	printf("%lu packets\n", seen);
	return 0;
}
