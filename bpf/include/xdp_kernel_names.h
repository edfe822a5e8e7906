/* SPDX-License-Identifier: MIT */
/*
 * Names that programs take from the kernel's inner headers: old samples, and what was copied from them, include
 * <uapi/linux/bpf.h> and <linux/ip.h> inside a configured kernel tree, where these stand for much more. XDP for VS Code
 * includes this first when such a program does not compile by itself, and says so.
 */
#ifndef XDP_KERNEL_NAMES_H
#define XDP_KERNEL_NAMES_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#ifndef __force
#define __force
#endif
#ifndef htons
#define htons(x) bpf_htons(x)
#define ntohs(x) bpf_ntohs(x)
#define htonl(x) bpf_htonl(x)
#define ntohl(x) bpf_ntohl(x)
#endif
#ifndef cpu_to_be16
#define cpu_to_be16(x) bpf_htons(x)
#define be16_to_cpu(x) bpf_ntohs(x)
#define cpu_to_be32(x) bpf_htonl(x)
#define be32_to_cpu(x) bpf_ntohl(x)
#define cpu_to_be64(x) bpf_cpu_to_be64(x)
#define be64_to_cpu(x) bpf_be64_to_cpu(x)
#endif

#ifndef memcpy
#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memmove(to, from, size) __builtin_memmove(to, from, size)
#define memset(to, byte, size) __builtin_memset(to, byte, size)
#endif

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif

#endif
