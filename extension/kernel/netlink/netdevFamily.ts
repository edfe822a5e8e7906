import { encodeAttributes, parseAttributes, readU16, readU32, readU64, stringBytes } from './codec.ts';
import { concat } from './rtnetlink.ts';

/** The generic netlink family `netdev` (Linux 6.3). Pure. Source: Documentation/netlink/specs/netdev.yaml. */

export const genericNetlink = { protocol: 16, controlFamily: 16 } as const;

const genericHeader = (command: number): Uint8Array => Uint8Array.of(command, 1, 0, 0);
const genericHeaderBytes = 4;

export function familyRequest(name: string): Uint8Array {
  const CTRL_CMD_GETFAMILY = 3;
  const CTRL_ATTR_FAMILY_NAME = 2;
  return concat(
    genericHeader(CTRL_CMD_GETFAMILY),
    encodeAttributes([{ type: CTRL_ATTR_FAMILY_NAME, value: stringBytes(name) }]),
  );
}

export function parseFamilyId(payload: Uint8Array): number | undefined {
  const CTRL_ATTR_FAMILY_ID = 1;
  return readU16(parseAttributes(payload.subarray(genericHeaderBytes)).get(CTRL_ATTR_FAMILY_ID));
}

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
