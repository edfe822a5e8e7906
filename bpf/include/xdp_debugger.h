/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Included before everything else when a program is compiled for the debugger, without optimisation. Not for programs.
 *
 * clang turns large copies into calls of memcpy() and the like, which BPF does not have. The built-in machine has these.
 */
#ifndef XDP_DEBUGGER_H
#define XDP_DEBUGGER_H

extern void *__xdp_memcpy(void *to, const void *from, unsigned long size);
extern void *__xdp_memmove(void *to, const void *from, unsigned long size);
extern void *__xdp_memset(void *to, int byte, unsigned long size);

#define __builtin_memcpy(to, from, size) __xdp_memcpy(to, from, size)
#define __builtin_memmove(to, from, size) __xdp_memmove(to, from, size)
#define __builtin_memset(to, byte, size) __xdp_memset(to, byte, size)

#endif /* XDP_DEBUGGER_H */
