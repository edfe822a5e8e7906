import type { XdpModeRequest } from '../../core/xdp.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { Attachment, LoadedObject } from '../../protocol/kernel.ts';
import type { BpfObject } from '../bpfObject.ts';
import type { OpenMap } from '../maps/maps.ts';
import type { MapBefore } from './reuseMaps.ts';

export interface AttachRequest {
  object: BpfObject;
  program: string;
  iface: string;
  mode: XdpModeRequest;
  via: 'link' | 'netlink';
  keep: boolean;
  netns?: string;
  /** A tc program of the object for the ingress of the same interface: there it sees the metadata that XDP wrote. */
  withTc?: string;
  /** The helper undoes it after so many seconds unless `confirm` is called. */
  guardSeconds?: number;
}

export interface ReplaceRequest {
  object: BpfObject;
  program: string;
  /** Maps of the same name and definition go on with what is in them. */
  keepMaps: boolean;
  guardSeconds?: number;
  /** Stops it as long as the new program does not run: then nothing of it is left, and the one before runs on. */
  signal?: AbortSignal;
}

export interface Replaced {
  attachment: LiveAttachment;
  keptMaps: string[];
  freshMaps: { map: string; reason: string }[];
}

/** A program that this session attached or adopted, and holds. */
export interface LiveAttachment extends Attachment {
  /** undefined for one that an earlier session kept: its source is not known. */
  object: BpfObject | undefined;
  netns: string | undefined;
  /** Maps of the loaded object, counters first, those without entries last. */
  maps: OpenMap[];
  /** All of its maps, for the program that may take its place. */
  allMaps: MapBefore[];
  client: HelperClient;
  loaded: LoadedObject | undefined;
}

export type AttachmentEvent =
  | { kind: 'attached'; attachment: LiveAttachment }
  | { kind: 'replaced'; attachment: LiveAttachment; before: LiveAttachment }
  /** A guarded one waits to be confirmed. */
  | { kind: 'counting'; attachment: LiveAttachment; secondsLeft: number }
  | { kind: 'confirmed'; attachment: LiveAttachment }
  /** Nobody confirmed: it is undone. `restored`: what is attached in its place again. */
  | { kind: 'reverted'; attachment: LiveAttachment; restored: LiveAttachment | undefined }
  | { kind: 'detached'; attachment: LiveAttachment }
  /** `stays`: this session does not hold it any more, and it is attached still. */
  | { kind: 'lost'; attachment: LiveAttachment; reason: string; stays: boolean };
