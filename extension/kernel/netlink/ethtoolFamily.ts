import type { Channels, Offload, OffloadName } from '../../core/preflight/facts.ts';
import { listAttributes, nestedAttribute, encodeAttributes, parseAttributes, readU32, textOf } from './codec.ts';
import { genericHeader, genericHeaderBytes } from './genericFamily.ts';
import { concat } from './rtnetlink.ts';

/** The generic netlink family `ethtool` (Linux 5.6). Pure. Source: Documentation/networking/ethtool-netlink.rst. */

export const ethtoolCommand = { featuresGet: 11, channelsGet: 17 } as const;

/** For every interface; features come as lists of names. */
export function ethtoolDumpRequest(command: (typeof ethtoolCommand)[keyof typeof ethtoolCommand]): Uint8Array {
  const ETHTOOL_A_HEADER = 1; // of every request
  return concat(genericHeader(command), encodeAttributes([nestedAttribute(ETHTOOL_A_HEADER, [])]));
}

/** Names of net/ethtool/common.c, netdev_features_strings. */
const offloadFeatures: Readonly<Record<string, OffloadName>> = {
  'rx-lro': 'lro',
  'rx-gro-hw': 'groHw',
  'rx-gro': 'gro',
  'rx-vlan-hw-parse': 'rxVlan',
  'tx-vlan-hw-insert': 'txVlan',
};

export interface EthtoolFeatures {
  ifindex: number;
  offloads: Partial<Record<OffloadName, Offload>>;
}

export function parseFeatures(payload: Uint8Array): EthtoolFeatures | undefined {
  const [HEADER, HW, ACTIVE, NOCHANGE] = [1, 2, 4, 5];
  const attributes = parseAttributes(payload.subarray(genericHeaderBytes));
  const ifindex = ifindexOf(attributes.get(HEADER));
  if (ifindex === undefined) return undefined;
  const [hardware, active, unchangeable] = [HW, ACTIVE, NOCHANGE].map((type) => bitNames(attributes.get(type)));
  const offloads: EthtoolFeatures['offloads'] = {};
  for (const [feature, name] of Object.entries(offloadFeatures)) {
    const fixed = hardware?.has(feature) !== true || unchangeable?.has(feature) === true;
    offloads[name] = { on: active?.has(feature) === true, fixed };
  }
  return { ifindex, offloads };
}

/** The names of the bits that are set in a bit set that came as a list. */
function bitNames(bitset: Uint8Array | undefined): Set<string> {
  const [NOMASK, BITS] = [1, 3];
  const [NAME, VALUE] = [2, 3];
  const attributes = parseAttributes(bitset ?? new Uint8Array());
  // With a mask, bits of the mask are listed, and those that are set have a value.
  const all = attributes.has(NOMASK);
  const names = new Set<string>();
  for (const { value } of listAttributes(attributes.get(BITS) ?? new Uint8Array())) {
    const bit = parseAttributes(value);
    const name = bit.get(NAME);
    if (name !== undefined && (all || bit.has(VALUE))) names.add(textOf(name));
  }
  return names;
}

export function parseChannels(payload: Uint8Array): { ifindex: number; channels: Channels } | undefined {
  const attributes = parseAttributes(payload.subarray(genericHeaderBytes));
  const ifindex = ifindexOf(attributes.get(1));
  if (ifindex === undefined) return undefined;
  const [maxRx = 0, maxTx = 0, maxCombined = 0, rx = 0, tx = 0, combined = 0] = [2, 3, 5, 6, 7, 9].map(
    (type) => readU32(attributes.get(type)) ?? 0,
  );
  return { ifindex, channels: { rx, tx, combined, maxRx, maxTx, maxCombined } };
}

function ifindexOf(header: Uint8Array | undefined): number | undefined {
  const ETHTOOL_A_HEADER_DEV_INDEX = 1;
  return header === undefined ? undefined : readU32(parseAttributes(header).get(ETHTOOL_A_HEADER_DEV_INDEX));
}
