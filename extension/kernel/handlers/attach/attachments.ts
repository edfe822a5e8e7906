import type { XdpMode } from '../../../core/xdp.ts';
import type { Attachment } from '../../../protocol/kernel.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import type { LinkRecord } from '../../netlink/rtnetlink.ts';
import { describeTc, type TcCompanion } from './tcCompanion.ts';

/** What this helper attached. The store owns the link fd and holds the object. */
export interface StoredAttachment {
  readonly handle: number;
  readonly program: string;
  readonly programId: number;
  /** Owned by the object, which is held. */
  readonly programFd: number;
  readonly ifindex: number;
  readonly iface: string;
  readonly mode: XdpMode;
  readonly via: 'link' | 'netlink';
  readonly linkFd: number | undefined;
  readonly linkId: number | undefined;
  /** Directory of its pins. */
  readonly directory: string | undefined;
  /** Its user wants it to outlive this helper; a netlink attachment is pinned in any case. */
  readonly kept: boolean;
  readonly releaseObject: () => void;
  readonly tc: TcCompanion | undefined;
}

/** The part that changes when another program takes the place of the first. */
export type Occupant = Pick<StoredAttachment, 'program' | 'programId' | 'programFd' | 'releaseObject' | 'tc'>;

export function describeAttachment(stored: StoredAttachment): Attachment {
  const { handle, program, programId, ifindex, iface, mode, via, linkId } = stored;
  const about = { attachment: handle, program, progId: programId, ifindex, iface, mode, via };
  return { ...about, ...(linkId === undefined ? {} : { linkId }), ...describeTc(stored.tc) };
}

export class AttachmentStore {
  readonly #libbpf: Libbpf;
  readonly #attachments = new Map<number, StoredAttachment>();
  #lastHandle = 0;

  constructor(libbpf: Libbpf) {
    this.#libbpf = libbpf;
  }

  add(attachment: Omit<StoredAttachment, 'handle'>): StoredAttachment {
    this.#lastHandle++;
    const stored = { ...attachment, handle: this.#lastHandle };
    this.#attachments.set(stored.handle, stored);
    return stored;
  }

  get(handle: number): StoredAttachment | undefined {
    return this.#attachments.get(handle);
  }

  all(): StoredAttachment[] {
    return [...this.#attachments.values()];
  }

  /** What was there before is the caller's to release. */
  change(
    handle: number,
    changed: Partial<Occupant & Pick<StoredAttachment, 'directory' | 'kept'>>,
  ): StoredAttachment | undefined {
    const attachment = this.#attachments.get(handle);
    if (attachment === undefined) return undefined;
    const stored = { ...attachment, ...changed };
    this.#attachments.set(handle, stored);
    return stored;
  }

  on(ifindex: number, programId: number): StoredAttachment | undefined {
    return this.all().find((attachment) => attachment.ifindex === ifindex && attachment.programId === programId);
  }

  /** Forgets it and closes what it owns; an unpinned link detaches with its last fd. */
  release(handle: number): void {
    const attachment = this.#attachments.get(handle);
    if (attachment === undefined) return;
    this.#attachments.delete(handle);
    if (attachment.linkFd !== undefined) this.#libbpf.close(attachment.linkFd);
    attachment.tc?.hold.close();
    attachment.releaseObject();
  }

  /** Did a link end, or get another program, without a notification of the kernel's? One system call for each. */
  changedBehindUs(): boolean {
    return this.all().some(({ linkFd, programId }) => {
      const info = linkFd === undefined ? undefined : this.#libbpf.linkInfo(linkFd);
      if (info === undefined || typeof info === 'number') return false;
      return info.ifindex === 0 || info.programId !== programId;
    });
  }

  /** Attachments that ended without our asking. `links`: the interfaces as they are now. */
  lost(links: readonly LinkRecord[]): LostAttachment[] {
    return this.all().flatMap((attachment): LostAttachment[] => {
      const { iface, program, programId, linkFd } = attachment;
      const link = links.find((candidate) => candidate.ifindex === attachment.ifindex);
      if (link?.xdp.some((one) => one.programId === programId) === true) return [];
      const info = linkFd === undefined ? undefined : this.#libbpf.linkInfo(linkFd);
      if (info !== undefined && typeof info !== 'number' && info.ifindex !== 0) {
        // A link that still has its interface and program lives on, in another network namespace.
        if (info.programId === programId) return [];
        return [{ attachment, lives: true, reason: `Another session replaced ${program} on ${iface}` }];
      }
      const reason =
        link === undefined
          ? `The interface ${iface} is gone, and the attachment of ${program} with it`
          : `Somebody else detached or replaced ${program} on ${iface}`;
      return [{ attachment, lives: false, reason }];
    });
  }
}

export interface LostAttachment {
  attachment: StoredAttachment;
  reason: string;
  /** The link is there, with another program: its pins are somebody's. */
  lives: boolean;
}
