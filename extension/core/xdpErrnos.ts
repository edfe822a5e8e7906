/**
 * What an errno of a failed redirect or transmission means for XDP. Source: net/core/filter.c (xdp_do_redirect),
 * kernel/bpf/{devmap,cpumap}.c, net/xdp/xsk.c, drivers/net/veth.c (veth_xdp_xmit).
 */
export const errnoMeanings: ReadonlyMap<number, readonly [name: string, meaning: string]> = new Map([
  [
    6,
    [
      'ENXIO',
      'the other end takes no frames from XDP: a veth whose peer is gone or runs no XDP program (attach an XDP_PASS there)',
    ],
  ],
  [7, ['E2BIG', 'the index is beyond the end of the map']],
  [12, ['ENOMEM', 'the kernel had no memory for the frame']],
  [22, ['EINVAL', 'there is no such interface, or the map has no entry for this key']],
  [28, ['ENOSPC', 'the queue that it goes to is full: the receiving CPU, socket or ring is too slow']],
  [56, ['EBADRQC', 'this kind of map cannot take the frame']],
  [75, ['EOVERFLOW', 'too little headroom is left in front of the packet (40 bytes): bpf_xdp_adjust_head took it']],
  [90, ['EMSGSIZE', 'the packet is longer than the MTU of the interface that it goes to']],
  [
    95,
    [
      'EOPNOTSUPP',
      'the interface that it goes to cannot send for XDP: its driver has no such thing, or it is a veth whose peer runs no XDP program (attach an XDP_PASS there)',
    ],
  ],
  [100, ['ENETDOWN', 'the interface that it goes to is down']],
  [105, ['ENOBUFS', 'the AF_XDP socket has no free buffer: refill its fill ring']],
]);
