import { parseAttributes, readU32, readU64 } from './codec.ts';
import { genericHeader, genericHeaderBytes } from './genericFamily.ts';

/** The generic netlink family `netdev` (Linux 6.3). Pure. Source: Documentation/netlink/specs/netdev.yaml. */

export function deviceDumpRequest(): Uint8Array {
  const NETDEV_CMD_DEV_GET = 1;
  return genericHeader(NETDEV_CMD_DEV_GET);
}

/** Bit order of `enum netdev_xdp_act`. */
const features = ['basic', 'redirect', 'ndo-xmit', 'xsk-zerocopy', 'hw-offload', 'rx-sg', 'ndo-xmit-sg'] as const;

export interface DeviceFeatures {
  ifindex: number;
  /** By name; bits that we do not know keep their number: `unknown(7)`. */
  xdpFeatures: string[];
}

export function parseDevice(payload: Uint8Array): DeviceFeatures | undefined {
  const NETDEV_A_DEV_IFINDEX = 1;
  const NETDEV_A_DEV_XDP_FEATURES = 3;
  const attributes = parseAttributes(payload.subarray(genericHeaderBytes));
  const ifindex = readU32(attributes.get(NETDEV_A_DEV_IFINDEX));
  const bits = readU64(attributes.get(NETDEV_A_DEV_XDP_FEATURES));
  if (ifindex === undefined || bits === undefined) return undefined;
  const xdpFeatures: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if ((bits >> BigInt(bit)) & 1n) xdpFeatures.push(features[bit] ?? `unknown(${bit})`);
  }
  return { ifindex, xdpFeatures };
}
