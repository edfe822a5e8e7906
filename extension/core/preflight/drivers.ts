/** What some drivers refuse in native mode, where the kernel's own flags say nothing of it. Pages of 4 KiB. */
export interface DriverRules {
  /** Largest MTU for a program without SEC("xdp.frags"), bytes; undefined: none. */
  singleBufferMtu: number | undefined;
  /** Whose MTU counts. */
  mtuOf: 'self' | 'peer';
  /** True where the driver itself is the source; false for what is only usual. */
  certain: boolean;
}

/** A page less headroom (256), skb_shared_info (320) and the Ethernet header: drivers/net/veth.c, veth_xdp_set(). */
export const vethSingleBufferMtu = 3506;

const rules: Readonly<Record<string, DriverRules>> = {
  veth: { singleBufferMtu: vethSingleBufferMtu, mtuOf: 'peer', certain: true },
  // drivers/net/virtio_net.c, virtnet_xdp_set().
  virtio_net: { singleBufferMtu: 3506, mtuOf: 'self', certain: true },
  // drivers/net/ethernet/amazon/ena/ena_xdp.h, ENA_XDP_MAX_MTU.
  ena: { singleBufferMtu: 3498, mtuOf: 'self', certain: true },
  // drivers/net/ethernet/intel/ice/ice_main.c, ice_xdp_setup_prog(): 3072 less ICE_ETH_PKT_HDR_PAD.
  ice: { singleBufferMtu: 3046, mtuOf: 'self', certain: true },
  // drivers/net/tun.c, tun_build_skb(): larger packets meet the program in an skb.
  tun: { singleBufferMtu: undefined, mtuOf: 'self', certain: true },
};

export function driverRules(driver: string): DriverRules {
  return rules[driver] ?? { singleBufferMtu: 3046, mtuOf: 'self', certain: false };
}
