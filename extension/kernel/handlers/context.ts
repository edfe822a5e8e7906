import type { KernelEvents } from '../../protocol/kernel.ts';
import type { Libbpf } from '../libbpf/port.ts';
import type { Netlink } from '../netlink/client.ts';
import type { HelperProfile } from '../system/capabilities.ts';
import type { System } from '../system/system.ts';
import type { AttachmentStore } from './attach/attachments.ts';
import type { Guards } from './attach/guards.ts';
import type { ObjectStore } from './object/objects.ts';
import type { KeptMaps } from './maps/keptMaps.ts';
import type { TakenMaps } from './maps/takenMaps.ts';
import type { PinDirectory } from './attach/pins.ts';
import type { PrintCapture } from './trace/prints.ts';

/** Everything a handler works on. Ports come from outside; stores are made by createHandlers and own what they hold. */
export interface Context {
  readonly profile: HelperProfile;
  readonly libbpf: Libbpf;
  readonly netlink: Netlink;
  readonly system: System;
  readonly pins: PinDirectory | { problem: string };
  readonly prints: PrintCapture;
  readonly objects: ObjectStore;
  readonly attachments: AttachmentStore;
  readonly guards: Guards;
  readonly takenMaps: TakenMaps;
  /** undefined: no place for pins. */
  readonly keptMaps: KeptMaps | undefined;
  emit<E extends keyof KernelEvents>(event: E, data: KernelEvents[E]): void;
}
