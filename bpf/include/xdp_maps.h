/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map macros: one line declares one BPF map.
 *
 *	#include <linux/bpf.h>		// or "vmlinux.h", but never both
 *	#include <xdp_maps.h>
 *
 *	BPF_HASH(flows, struct flow_key, struct flow_stats, 10240);
 *	BPF_PERCPU_ARRAY(counters, __u64, 16);
 *
 * Each macro declares a BTF-defined map (a struct in the section ".maps"), so that loaders and tools know the types of
 * its keys and values. The names and argument orders are the ones that tracee and others use:
 *
 *	BPF_MAP             (name, type, key, value, max)	any map type with a key and a value
 *	BPF_HASH            (name, key, value, max)
 *	BPF_LRU_HASH        (name, key, value, max)
 *	BPF_PERCPU_HASH     (name, key, value, max)
 *	BPF_LRU_PERCPU_HASH (name, key, value, max)
 *	BPF_LPM_TRIE        (name, key, value, max)		key: a struct that starts with __u32 prefixlen
 *	BPF_ARRAY           (name, value, max)			keys are __u32, 0 to max - 1
 *	BPF_PERCPU_ARRAY    (name, value, max)
 *	BPF_QUEUE           (name, value, max)			first in, first out
 *	BPF_STACK           (name, value, max)			last in, first out
 *	BPF_PROG_ARRAY      (name, max)				for bpf_tail_call()
 *	BPF_PERF_OUTPUT     (name, max)				max: number of CPUs, 0 for all of them
 *	BPF_RINGBUF         (name, max)				max: size in bytes, a power of two
 *	BPF_DEVMAP          (name, max)				for bpf_redirect_map()
 *	BPF_DEVMAP_HASH     (name, max)
 *	BPF_CPUMAP          (name, max)
 *	BPF_XSKMAP          (name, max)
 *	BPF_ARRAY_OF_MAPS   (name, inner, max)			inner: a map declared above with the same macros
 *	BPF_HASH_OF_MAPS    (name, key, inner, max)
 *
 * A semicolon after the macro is welcome and not needed. BCC's short forms, such as BPF_HASH(name), leave out types that
 * only BCC fills in: they do not compile, and the message says what to write instead.
 *
 * Works with clang >= 14 and the headers of libbpf >= 1.0.
 */
#ifndef XDP_MAPS_H
#define XDP_MAPS_H

/* vmlinux.h holds the kernel's own types; together with linux/bpf.h everything would be declared twice. */
#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#include <linux/types.h>
#endif
#include <bpf/bpf_helpers.h>

/*
 * The kernel's short type names. C11 lets a typedef be repeated when it is the same, and vmlinux.h and most projects
 * derive theirs from the same __u types. Define XDP_MAPS_NO_TYPES before the #include to keep your own.
 */
#ifndef XDP_MAPS_NO_TYPES
#ifndef u8
typedef __u8 u8;
#endif
#ifndef u16
typedef __u16 u16;
#endif
#ifndef u32
typedef __u32 u32;
#endif
#ifndef u64
typedef __u64 u64;
#endif
#ifndef s8
typedef __s8 s8;
#endif
#ifndef s16
typedef __s16 s16;
#endif
#ifndef s32
typedef __s32 s32;
#endif
#ifndef s64
typedef __s64 s64;
#endif
#ifndef be16
typedef __be16 be16;
#endif
#ifndef be32
typedef __be32 be32;
#endif
#ifndef be64
typedef __be64 be64;
#endif
#endif /* XDP_MAPS_NO_TYPES */

/* A project that brings its own macros of these names keeps them when it includes them before this file. */
#ifndef BPF_MAP

/*
 * How it works: each macro picks an implementation by the number of its arguments, so that a form with too few or too
 * many of them can say what to write. `macro` is the macro's name as text, `map_type` its BPF_MAP_TYPE.
 */
#define XDP_MAPS_NTH(a1, a2, a3, a4, a5, a6, a7, a8, n, ...) n
#define XDP_MAPS_COUNT(...) XDP_MAPS_NTH(__VA_ARGS__, MORE, MORE, MORE, 5, 4, 3, 2, 1, 0)
#define XDP_MAPS_JOIN_(a, b) a##b
#define XDP_MAPS_JOIN(a, b) XDP_MAPS_JOIN_(a, b)
#define XDP_MAPS_PICK(family, macro, map_type, ...)                                                                    \
	XDP_MAPS_JOIN(family, XDP_MAPS_COUNT(__VA_ARGS__))(macro, map_type, __VA_ARGS__)

#define XDP_MAPS_SHORT(got, want)                                                                                      \
	_Static_assert(0, got " is BCC's short form: libbpf programs name everything. Write " want);
#define XDP_MAPS_USAGE(want) _Static_assert(0, "wrong number of arguments. Write " want);

/* The kernel takes an LPM trie only with BPF_F_NO_PREALLOC, which is 1: kernel/bpf/lpm_trie.c, trie_alloc(). */
#define XDP_MAPS_FLAGS(map_type) ((map_type) == BPF_MAP_TYPE_LPM_TRIE ? 1 : 0)

/*
 * (name, type, key, value, max) and (name, key, value, max)
 *
 * A short form is an error, and declares the map all the same with BCC's defaults: so its one message is not followed
 * by another for every use of the map.
 */
#define XDP_MAPS_DECLARE_KV(name, map_type, key_type, value_type, max)                                                 \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, max);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
		__uint(map_flags, XDP_MAPS_FLAGS(map_type));                                                           \
	} name SEC(".maps");

#define XDP_MAPS_MAP_1(...) XDP_MAPS_USAGE("BPF_MAP(name, type, key, value, max)")
#define XDP_MAPS_MAP_2(...) XDP_MAPS_MAP_1()
#define XDP_MAPS_MAP_3(...) XDP_MAPS_MAP_1()
#define XDP_MAPS_MAP_4(...) XDP_MAPS_MAP_1()
#define XDP_MAPS_MAP_5(macro, unused, name, type, key, value, max) XDP_MAPS_DECLARE_KV(name, type, key, value, max)
#define XDP_MAPS_MAP_MORE(...) XDP_MAPS_MAP_1()

#define XDP_MAPS_KV_1(macro, map_type, name)                                                                           \
	XDP_MAPS_SHORT(macro "(" #name ")", macro "(" #name ", u64, u64, 10240)")                                      \
	XDP_MAPS_DECLARE_KV(name, map_type, __u64, __u64, 10240)
#define XDP_MAPS_KV_2(macro, map_type, name, key)                                                                      \
	XDP_MAPS_SHORT(macro "(" #name ", " #key ")", macro "(" #name ", " #key ", u64, 10240)")                       \
	XDP_MAPS_DECLARE_KV(name, map_type, key, __u64, 10240)
#define XDP_MAPS_KV_3(macro, map_type, name, key, value)                                                               \
	XDP_MAPS_SHORT(macro "(" #name ", " #key ", " #value ")", macro "(" #name ", " #key ", " #value ", 10240)")    \
	XDP_MAPS_DECLARE_KV(name, map_type, key, value, 10240)
#define XDP_MAPS_KV_4(macro, map_type, name, key, value, max) XDP_MAPS_DECLARE_KV(name, map_type, key, value, max)
#define XDP_MAPS_KV_5(macro, ...) XDP_MAPS_USAGE(macro "(name, key, value, max)")
#define XDP_MAPS_KV_MORE(macro, ...) XDP_MAPS_USAGE(macro "(name, key, value, max)")

#define BPF_MAP(...) XDP_MAPS_PICK(XDP_MAPS_MAP_, "BPF_MAP", 0, __VA_ARGS__)
#define BPF_HASH(...) XDP_MAPS_PICK(XDP_MAPS_KV_, "BPF_HASH", BPF_MAP_TYPE_HASH, __VA_ARGS__)
#define BPF_LRU_HASH(...) XDP_MAPS_PICK(XDP_MAPS_KV_, "BPF_LRU_HASH", BPF_MAP_TYPE_LRU_HASH, __VA_ARGS__)
#define BPF_PERCPU_HASH(...) XDP_MAPS_PICK(XDP_MAPS_KV_, "BPF_PERCPU_HASH", BPF_MAP_TYPE_PERCPU_HASH, __VA_ARGS__)
#define BPF_LRU_PERCPU_HASH(...)                                                                                       \
	XDP_MAPS_PICK(XDP_MAPS_KV_, "BPF_LRU_PERCPU_HASH", BPF_MAP_TYPE_LRU_PERCPU_HASH, __VA_ARGS__)
#define BPF_LPM_TRIE(...) XDP_MAPS_PICK(XDP_MAPS_KV_, "BPF_LPM_TRIE", BPF_MAP_TYPE_LPM_TRIE, __VA_ARGS__)

/* (name, value, max) with an index for the key: arrays. */
#define XDP_MAPS_ARRAY_1(macro, map_type, name)                                                                        \
	XDP_MAPS_SHORT(macro "(" #name ")", macro "(" #name ", u64, 10240)")                                           \
	XDP_MAPS_DECLARE_KV(name, map_type, __u32, __u64, 10240)
#define XDP_MAPS_ARRAY_2(macro, map_type, name, value)                                                                 \
	XDP_MAPS_SHORT(macro "(" #name ", " #value ")", macro "(" #name ", " #value ", 10240)")                        \
	XDP_MAPS_DECLARE_KV(name, map_type, __u32, value, 10240)
#define XDP_MAPS_ARRAY_3(macro, map_type, name, value, max) XDP_MAPS_DECLARE_KV(name, map_type, __u32, value, max)
#define XDP_MAPS_ARRAY_4(macro, ...) XDP_MAPS_USAGE(macro "(name, value, max): an array's keys are always u32")
#define XDP_MAPS_ARRAY_5(macro, ...) XDP_MAPS_ARRAY_4(macro)
#define XDP_MAPS_ARRAY_MORE(macro, ...) XDP_MAPS_ARRAY_4(macro)

#define BPF_ARRAY(...) XDP_MAPS_PICK(XDP_MAPS_ARRAY_, "BPF_ARRAY", BPF_MAP_TYPE_ARRAY, __VA_ARGS__)
#define BPF_PERCPU_ARRAY(...)                                                                                          \
	XDP_MAPS_PICK(XDP_MAPS_ARRAY_, "BPF_PERCPU_ARRAY", BPF_MAP_TYPE_PERCPU_ARRAY, __VA_ARGS__)

/* (name, value, max) without a key: kernel/bpf/queue_stack_maps.c, queue_stack_map_alloc_check(). */
#define XDP_MAPS_QUEUE_1(macro, ...) XDP_MAPS_USAGE(macro "(name, value, max)")
#define XDP_MAPS_QUEUE_2(macro, ...) XDP_MAPS_QUEUE_1(macro)
#define XDP_MAPS_QUEUE_3(macro, map_type, name, value_type, max)                                                       \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, max);                                                                              \
		__type(value, value_type);                                                                             \
	} name SEC(".maps");
#define XDP_MAPS_QUEUE_4(macro, ...) XDP_MAPS_QUEUE_1(macro)
#define XDP_MAPS_QUEUE_5(macro, ...) XDP_MAPS_QUEUE_1(macro)
#define XDP_MAPS_QUEUE_MORE(macro, ...) XDP_MAPS_QUEUE_1(macro)

#define BPF_QUEUE(...) XDP_MAPS_PICK(XDP_MAPS_QUEUE_, "BPF_QUEUE", BPF_MAP_TYPE_QUEUE, __VA_ARGS__)
#define BPF_STACK(...) XDP_MAPS_PICK(XDP_MAPS_QUEUE_, "BPF_STACK", BPF_MAP_TYPE_STACK, __VA_ARGS__)

/*
 * (name, max): maps whose values stand for a program, an event, a device, a CPU or a socket
 *
 * A device or CPU map can also name a program to run on redirected frames; its value is larger then:
 * BPF_MAP(name, BPF_MAP_TYPE_DEVMAP, u32, struct bpf_devmap_val, max).
 */
#define XDP_MAPS_INDEX_1(macro, map_type, name)                                                                        \
	XDP_MAPS_SHORT(macro "(" #name ")", macro "(" #name ", 1024)")                                                 \
	XDP_MAPS_DECLARE_KV(name, map_type, __u32, __u32, 1024)
#define XDP_MAPS_INDEX_2(macro, map_type, name, max) XDP_MAPS_DECLARE_KV(name, map_type, __u32, __u32, max)
#define XDP_MAPS_INDEX_3(macro, ...) XDP_MAPS_USAGE(macro "(name, max)")
#define XDP_MAPS_INDEX_4(macro, ...) XDP_MAPS_INDEX_3(macro)
#define XDP_MAPS_INDEX_5(macro, ...) XDP_MAPS_INDEX_3(macro)
#define XDP_MAPS_INDEX_MORE(macro, ...) XDP_MAPS_INDEX_3(macro)

#define BPF_PROG_ARRAY(...) XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_PROG_ARRAY", BPF_MAP_TYPE_PROG_ARRAY, __VA_ARGS__)
#define BPF_PERF_OUTPUT(...)                                                                                           \
	XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_PERF_OUTPUT", BPF_MAP_TYPE_PERF_EVENT_ARRAY, __VA_ARGS__)
#define BPF_DEVMAP(...) XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_DEVMAP", BPF_MAP_TYPE_DEVMAP, __VA_ARGS__)
#define BPF_DEVMAP_HASH(...) XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_DEVMAP_HASH", BPF_MAP_TYPE_DEVMAP_HASH, __VA_ARGS__)
#define BPF_CPUMAP(...) XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_CPUMAP", BPF_MAP_TYPE_CPUMAP, __VA_ARGS__)
#define BPF_XSKMAP(...) XDP_MAPS_PICK(XDP_MAPS_INDEX_, "BPF_XSKMAP", BPF_MAP_TYPE_XSKMAP, __VA_ARGS__)

/* A ring buffer has neither key nor value: kernel/bpf/ringbuf.c, ringbuf_map_alloc(). Its size is in bytes. */
#define BPF_RINGBUF(name, max)                                                                                         \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                                    \
		__uint(max_entries, max);                                                                              \
	} name SEC(".maps");

/* Map-in-map. `inner` is a map declared before: it serves as the pattern that every inner map has to match. */
#define XDP_MAPS_DECLARE_OUTER(name, map_type, key_type, inner, max)                                                   \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, max);                                                                              \
		__type(key, key_type);                                                                                 \
		__array(values, typeof(inner));                                                                        \
	} name SEC(".maps");
#define BPF_ARRAY_OF_MAPS(name, inner, max)                                                                            \
	XDP_MAPS_DECLARE_OUTER(name, BPF_MAP_TYPE_ARRAY_OF_MAPS, __u32, inner, max)
#define BPF_HASH_OF_MAPS(name, key, inner, max)                                                                        \
	XDP_MAPS_DECLARE_OUTER(name, BPF_MAP_TYPE_HASH_OF_MAPS, key, inner, max)

#endif /* BPF_MAP */
#endif /* XDP_MAPS_H */
