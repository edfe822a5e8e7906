import { encodeAttributes, parseAttributes, readU16, stringBytes } from './codec.ts';
import { concat } from './rtnetlink.ts';

/** Generic netlink: families found by name, and the header before their attributes. Source: include/uapi/linux/genetlink.h. */

export const genericNetlink = { protocol: 16, controlFamily: 16 } as const;

export const genericHeader = (command: number): Uint8Array => Uint8Array.of(command, 1, 0, 0);
export const genericHeaderBytes = 4;

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
