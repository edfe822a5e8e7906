/** The vocabulary of XDP itself. Source: include/uapi/linux/bpf.h and if_link.h. */

/** enum xdp_action. */
export const xdpActions = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'] as const;
export type XdpActionName = (typeof xdpActions)[number];

/** A value the kernel may return that we do not know keeps its number: it is never shown as XDP_ABORTED by accident. */
export function actionName(retval: number): string {
  return xdpActions[retval] ?? `unknown(${retval})`;
}

/** What a user may ask for. */
export type XdpModeRequest = 'auto' | XdpMode;
/** What the kernel calls driver, skb and hw mode. */
export type XdpMode = 'native' | 'generic' | 'offload';

export const xdpModeRequests: readonly XdpModeRequest[] = ['auto', 'native', 'generic', 'offload'];

/** XDP_FLAGS_* of if_link.h. */
export const xdpFlags = { updateIfNoExist: 1, skbMode: 2, drvMode: 4, hwMode: 8, replace: 16 } as const;

export function flagsOfMode(mode: XdpModeRequest): number {
  switch (mode) {
    case 'auto':
      return 0;
    case 'native':
      return xdpFlags.drvMode;
    case 'generic':
      return xdpFlags.skbMode;
    case 'offload':
      return xdpFlags.hwMode;
  }
}

/** XDP_ATTACHED_* of if_link.h; `multi` means several modes at once. */
export function modeOfAttached(attached: number): XdpMode | 'multi' | undefined {
  return (['native', 'generic', 'offload', 'multi'] as const)[attached - 1];
}

/** `struct xdp_md` as BPF_PROG_TEST_RUN takes and returns it: six little-endian u32. */
export const xdpMdFields = [
  'data',
  'data_end',
  'data_meta',
  'ingress_ifindex',
  'rx_queue_index',
  'egress_ifindex',
] as const;
export type XdpMd = Record<(typeof xdpMdFields)[number], number>;

/**
 * The kernel's limits on BPF_PROG_TEST_RUN for XDP: net/bpf/test_run.c, bpf_prog_test_run_xdp(). Bytes. Metadata has 252 at most
 * (xdp_metalen_invalid()); kernels that keep their struct xdp_frame in the same headroom of 256 take `sureMetadata`.
 */
export const testRunLimits = {
  minPacket: 14,
  maxLinear: 3520,
  maxMetadata: 252,
  sureMetadata: 216,
  metadataAlign: 4,
} as const;
