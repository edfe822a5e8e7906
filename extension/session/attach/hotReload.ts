import type { BpfObject } from '../bpfObject.ts';
import type { Attachments } from './attachments.ts';
import type { LiveAttachment, Replaced } from './attachmentTypes.ts';
import { Emitter } from '../emitter.ts';

export type ReloadEvent =
  | { kind: 'reloaded'; before: LiveAttachment; replaced: Replaced }
  /** It does not compile, or the kernel refuses it: the build before runs on. */
  | { kind: 'failed'; attachment: LiveAttachment; error: unknown };

export interface HotReloadOptions {
  build(file: string): Promise<BpfObject>;
  /** For an interface whose loss would lock the user out: each new build must be confirmed. */
  guardSeconds(live: LiveAttachment): Promise<number | undefined>;
}

/** Puts each saved build in place of the one that is attached, keeping its maps. One at a time, the newest wins. */
export class HotReload {
  readonly #attachments: Attachments;
  readonly #options: HotReloadOptions;
  readonly #events = new Emitter<ReloadEvent>();
  readonly #on = new Set<string>();
  readonly #waiting = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(attachments: Attachments, options: HotReloadOptions) {
    this.#attachments = attachments;
    this.#options = options;
    // It goes on over a replacement, and ends with the attachment.
    attachments.onDidChange((event) => {
      const ended = event.kind === 'detached' || event.kind === 'lost';
      if (ended || (event.kind === 'reverted' && event.restored === undefined))
        this.#on.delete(keyOf(event.attachment));
    });
  }

  onDidReload(listener: (event: ReloadEvent) => void): { dispose(): void } {
    return this.#events.on(listener);
  }

  isOn(live: LiveAttachment): boolean {
    return this.#on.has(keyOf(live));
  }

  /** Says whether it is on now. */
  toggle(live: LiveAttachment, on = !this.isOn(live)): boolean {
    if (on) this.#on.add(keyOf(live));
    else this.#on.delete(keyOf(live));
    return on;
  }

  /** Settles when the attachments of this file have been looked at. Never rejects: what failed is an event. */
  saved(file: string): Promise<void> {
    if (this.#waiting.has(file) || !this.#of(file).length) return this.#work;
    this.#waiting.add(file);
    this.#work = this.#work.then(async () => {
      this.#waiting.delete(file);
      for (const live of this.#of(file)) await this.#reload(live, file);
    });
    return this.#work;
  }

  #of(file: string): LiveAttachment[] {
    return this.#attachments.live.filter((live) => live.object?.file === file && this.isOn(live));
  }

  async #reload(before: LiveAttachment, file: string): Promise<void> {
    try {
      const object = await this.#options.build(file);
      const guardSeconds = await this.#options.guardSeconds(before);
      const replaced = await this.#attachments.replace(before, {
        object,
        program: before.program,
        keepMaps: true,
        ...(guardSeconds === undefined ? {} : { guardSeconds }),
      });
      this.#events.fire({ kind: 'reloaded', before, replaced });
    } catch (error) {
      // It ended meanwhile: there is nothing that runs on.
      if (!this.#attachments.live.includes(before)) return;
      this.#events.fire({ kind: 'failed', attachment: before, error });
    }
  }
}

/** The handle stays when the program is replaced. */
function keyOf({ client, attachment }: LiveAttachment): string {
  return `${client.hello.pid}:${attachment}`;
}
