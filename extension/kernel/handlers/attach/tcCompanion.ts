import type { Attachment } from '../../../protocol/kernel.ts';

/**
 * A tc program at the ingress of the same interface, where what XDP wrote into the metadata of a packet arrives
 * (skb->data_meta). It comes and goes with its XDP program.
 */
export interface TcCompanion {
  readonly program: string;
  readonly programId: number;
  /** Owned by the object, which is held. */
  readonly programFd: number;
  readonly hold: TcHold;
}

/** How it is attached. Numbers are -errno on failure. */
export interface TcHold {
  readonly via: 'tcx' | 'clsact';
  readonly linkFd: number | undefined;
  readonly linkId: number | undefined;
  /** One step of the kernel. */
  replace(programFd: number, expectedFd: number): number;
  /** At once, whoever else holds it. */
  detach(): number;
  /** Lets go: what is pinned stays. */
  close(): void;
}

export function describeTc(tc: TcCompanion | undefined): Pick<Attachment, 'tc'> {
  if (tc === undefined) return {};
  const { program, programId: progId, hold } = tc;
  return { tc: { program, progId, via: hold.via, ...(hold.linkId === undefined ? {} : { linkId: hold.linkId }) } };
}
