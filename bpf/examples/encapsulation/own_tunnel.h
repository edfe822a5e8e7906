/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The protocol that both programs of this example speak. */
#ifndef OWN_TUNNEL_H
#define OWN_TUNNEL_H

#include <linux/types.h>

/* IEEE 802, "local experimental ethertype 1": for protocols of one's own, never to be seen in public networks. */
#define ETH_P_OWN_TUNNEL 0x88B5
#define OWN_TUNNEL_VERSION 1

/*
 *	 0                   1                   2                   3
 *	+---------------+---------------+-------------------------------+
 *	|    version    |   reserved    |            length             |
 *	+---------------+---------------+-------------------------------+
 *	|                            tenant                             |
 *	+---------------------------------------------------------------+
 *
 * The whole packet as it was, with its Ethernet header, follows. All numbers are in network order.
 */
struct own_tunnel {
	__u8 version;
	__u8 reserved;
	__be16 length; /* bytes of the packet inside */
	__be32 tenant; /* whose packet it is */
};

#endif /* OWN_TUNNEL_H */
