import { XdpError } from '../core/errors.ts';
import type { XdpModeRequest } from '../core/xdp.ts';
import type { HelperClient } from '../kernel/client.ts';
import type { AttachedProgram, Attachment, InterfaceInfo, LoadedObject } from '../protocol/kernel.ts';
import type { BpfObject } from './bpfObject.ts';
import { Emitter } from './emitter.ts';
import type { KernelAccess } from './kernelAccess.ts';
import { byInterest, isListable, type OpenMap, openLoadedMap } from './maps.ts';
import type { AttachmentRegistry, RegisteredAttachment } from './registry.ts';

export interface AttachRequest {
  object: BpfObject;
  program: string;
  iface: string;
  mode: XdpModeRequest;
  via: 'link' | 'netlink';
  keep: boolean;
  netns?: string;
}

/** A program that this session attached and holds. */
export interface LiveAttachment extends Attachment {
  object: BpfObject;
  netns: string | undefined;
  /** Maps of the loaded object whose entries can be listed, counters first. */
  maps: OpenMap[];
  client: HelperClient;
  loaded: LoadedObject;
}

export type AttachmentEvent =
  | { kind: 'attached'; attachment: LiveAttachment }
  | { kind: 'detached'; attachment: LiveAttachment }
  | { kind: 'lost'; attachment: LiveAttachment; reason: string };

/** Owns every attachment of this session: what is attached here is detached here, or lost with a reason. */
export class Attachments {
  readonly #access: KernelAccess;
  readonly #registry: AttachmentRegistry;
  readonly #events = new Emitter<AttachmentEvent>();
  readonly #watched = new WeakSet<HelperClient>();
  #live: LiveAttachment[] = [];
  #attaching = 0;

  constructor(access: KernelAccess, registry: AttachmentRegistry) {
    this.#access = access;
    this.#registry = registry;
  }

  get live(): readonly LiveAttachment[] {
    return this.#live;
  }

  /** Does anything here need the helper, now or in a moment? */
  get inUse(): boolean {
    return this.#live.length > 0 || this.#attaching > 0;
  }

  onDidChange(listener: (event: AttachmentEvent) => void): { dispose(): void } {
    return this.#events.on(listener);
  }

  /** Loads the object and attaches one program of it. On failure nothing stays loaded. */
  async attach(request: AttachRequest): Promise<LiveAttachment> {
    this.#attaching++;
    try {
      return await this.#attach(request);
    } finally {
      this.#attaching--;
    }
  }

  async #attach(request: AttachRequest): Promise<LiveAttachment> {
    const { object, netns } = request;
    const client = await this.#access.own(netns);
    this.#watch(client);
    const iface = await findInterface(client, request.iface, netns);
    const loaded = await client.call('object/load', {
      elf: object.elf,
      name: object.name,
      programs: [request.program],
    });
    let attachment: Attachment;
    try {
      attachment = await client.call('xdp/attach', {
        object: loaded.object,
        program: request.program,
        ifindex: iface.ifindex,
        mode: request.mode,
        via: request.via,
        keep: request.keep,
      });
    } catch (error) {
      await client.call('object/close', { object: loaded.object }).catch(() => undefined);
      throw advisingNetns(await this.#namingTheHolder(error, iface), netns);
    }
    const maps = loaded.maps
      .filter((map) => isListable(map.type))
      .sort(byInterest)
      .map((map) => openLoadedMap(client, object, map));
    const live: LiveAttachment = { ...attachment, object, netns, maps, client, loaded };
    this.#live = [...this.#live, live];
    await this.#registry.add(live, object.file);
    this.#events.fire({ kind: 'attached', attachment: live });
    return live;
  }

  async detach(live: LiveAttachment): Promise<void> {
    if (!this.#live.includes(live)) {
      throw new XdpError('nothing-attached', `${live.program} is not attached to ${live.iface} any more.`);
    }
    await live.client.call('xdp/detach', { attachment: live.attachment });
    await live.client.call('object/close', { object: live.loaded.object });
    await this.#forget(live);
    this.#events.fire({ kind: 'detached', attachment: live });
  }

  /**
   * Removes whatever is attached to an interface. Ours: this session's, a kept pin, or one that another window or
   * `xdp attach` of this user holds. Anybody else's needs `force`.
   */
  async detachInterface(name: string, options: { force: boolean; netns?: string }): Promise<AttachedProgram[]> {
    const { force, netns } = options;
    const mine = this.#live.find((live) => live.iface === name && live.netns === netns);
    if (mine) {
      await this.detach(mine);
      const { program, progId, mode, via, linkId } = mine;
      return [{ program, progId, mode, via, ...(linkId === undefined ? {} : { linkId }), owner: 'this' }];
    }
    const client = await this.#access.own(netns);
    const iface = await findInterface(client, name, netns);
    const registered = await this.#registry.find(iface.attached);
    if (registered?.stop) return await this.#stopHolder(client, iface, registered, netns);
    const forced = force || registered !== undefined;
    const call = (helper: HelperClient): Promise<{ detached: AttachedProgram[] }> =>
      helper.call('xdp/detachInterface', { ifindex: iface.ifindex, force: forced });
    // Ending a link that another process holds needs its id opened, which the kernel ties to CAP_SYS_ADMIN.
    const needsSystem = forced && iface.attached.some(({ owner, via }) => owner === 'other' && via !== 'netlink');
    const { detached } = await (needsSystem ? this.#access.withSystem(netns, call) : call(client)).catch(
      (error: unknown) => {
        throw advisingNetns(error, netns);
      },
    );
    if (registered) await this.#registry.remove(registered.key);
    return detached;
  }

  /** Detaches everything that is not kept. Called when the session ends. */
  async dispose(): Promise<void> {
    for (const live of this.#live) {
      if (live.pin === undefined) await this.detach(live).catch(() => undefined);
    }
    await Promise.all(this.#live.map((live) => this.#registry.remove(live)));
    this.#live = [];
  }

  /** A foreground `xdp attach` detaches by itself when it is asked to end: nothing is torn away under it. */
  async #stopHolder(
    client: HelperClient,
    iface: InterfaceInfo,
    registered: RegisteredAttachment,
    netns: string | undefined,
  ): Promise<AttachedProgram[]> {
    registered.stop?.();
    const before = iface.attached;
    for (let waitedMs = 0; waitedMs < 5000; waitedMs += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const now = await findInterface(client, iface.name, netns);
      const gone = !now.attached.some(({ progId }) => before.some((old) => old.progId === progId));
      if (gone) return before.map((each) => ({ ...each, program: each.program || registered.program }));
    }
    throw new XdpError('attach-failed', `${registered.holder} was asked to detach from ${iface.name} and has not.`, {
      fix: 'End that process, or use --force.',
    });
  }

  async #namingTheHolder(error: unknown, iface: InterfaceInfo): Promise<unknown> {
    if (!(error instanceof XdpError) || error.code !== 'interface-busy') return error;
    const registered = await this.#registry.find(iface.attached);
    if (!registered) return error;
    return new XdpError(error.code, `${error.message.replace(/\.?$/, '.')} It belongs to ${registered.holder}.`, {
      fix: `Detach it first: xdp detach --iface ${iface.name}`,
      details: error.details,
      cause: error,
    });
  }

  #watch(client: HelperClient): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    client.on('attachment/lost', ({ attachment, reason }) => {
      const live = this.#live.find((each) => each.client === client && each.attachment === attachment);
      if (live) void this.#lose(live, reason);
    });
    void client.exited.then(async ({ reason }) => {
      for (const live of this.#live.filter((each) => each.client === client)) await this.#lose(live, reason);
    });
  }

  async #lose(live: LiveAttachment, reason: string): Promise<void> {
    await this.#forget(live);
    this.#events.fire({ kind: 'lost', attachment: live, reason });
    await live.client.call('object/close', { object: live.loaded.object }).catch(() => undefined);
  }

  async #forget(live: LiveAttachment): Promise<void> {
    this.#live = this.#live.filter((each) => each !== live);
    await this.#registry.remove(live);
  }
}

/** The helper does not know the name of the namespace that it runs in; the command that it advises needs it. */
function advisingNetns(error: unknown, netns: string | undefined): unknown {
  if (netns === undefined || !(error instanceof XdpError) || error.fix === undefined) return error;
  const fix = error.fix.replaceAll(/(xdp detach --iface \S+)/g, `$1 --netns ${netns}`);
  return new XdpError(error.code, error.message, { fix, details: error.details, cause: error });
}

export async function findInterface(
  client: HelperClient,
  name: string,
  netns: string | undefined,
): Promise<InterfaceInfo> {
  const { interfaces } = await client.call('interfaces/list', {});
  const found = interfaces.find((each) => each.name === name);
  if (found) return found;
  const where = netns === undefined ? '' : ` in network namespace ${netns}`;
  throw new XdpError('interface-not-found', `There is no interface ${name}${where}.`, {
    fix: `Interfaces there: ${interfaces.map((each) => each.name).join(', ')}.`,
  });
}
