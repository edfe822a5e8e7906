import type { StoredAttachment } from './attachments.ts';

/** An attachment that is undone unless its user says in time that the machine can still be reached. */
export interface GuardPlan {
  seconds: number;
  /** Name of the program that comes back. */
  restores: string | undefined;
  /** Makes it last; answers with the path of the pin that was asked for. */
  confirm(stored: StoredAttachment): string | undefined;
  revert(stored: StoredAttachment): void;
  /** It ended otherwise: detached, or its interface went. */
  abandon(): void;
}

export interface Guard extends GuardPlan {
  revertNow(): void;
  stop(): void;
}

/** Countdowns by attachment. They run in the helper, so that an editor that died or lost its connection reverts too. */
export class Guards {
  readonly #guards = new Map<number, Guard>();

  add(handle: number, guard: Guard): void {
    this.#guards.set(handle, guard);
  }

  get(handle: number): Guard | undefined {
    return this.#guards.get(handle);
  }

  /** Stops counting: it was confirmed or reverted. */
  end(handle: number): void {
    this.#guards.get(handle)?.stop();
    this.#guards.delete(handle);
  }

  /** The attachment ended by itself. */
  cancel(handle: number): void {
    const guard = this.#guards.get(handle);
    this.end(handle);
    guard?.abandon();
  }

  revertAll(): void {
    for (const guard of this.#guards.values()) guard.revertNow();
  }
}
