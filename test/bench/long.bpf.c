// The longest program that is still compiled (16,384 slots), and one of 100,000 instructions, which is interpreted: branches and packet accesses.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LONG(name, rounds) \
	SEC("xdp") __attribute__((naked)) int name(struct xdp_md *ctx) \
	{ \
		asm volatile("r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 54; r0 = 1; if r4 <= r3 goto 1f; exit; 1:" \
			".rept " #rounds "; r5 = *(u16 *)(r2 + 12); if r5 > 9 goto +1; r0 += r5; r0 ^= 5; r0 <<= 1; .endr;" \
			"r0 = 2; exit;"); \
	}
LONG(longest_compiled, 3275)
LONG(interpreted, 19997)

char _license[] SEC("license") = "GPL";
