import { XdpError } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import type { AttachedProgram, Attachment, KernelEvents, LoadedObject, Lifeline } from '../../protocol/kernel.ts';
import type { AttachmentEvent, AttachRequest, LiveAttachment, Replaced, ReplaceRequest } from './attachmentTypes.ts';
import { sessionPeers } from './lifelines.ts';
import { Emitter } from '../emitter.ts';
import type { KernelAccess } from '../kernelAccess.ts';
import { adoptedMaps, loadedMaps } from '../maps/liveMaps.ts';
import type { KeptProgram } from './kept.ts';
import { namingTheHolder, stopHolder } from './holders.ts';
import type { AttachmentRegistry } from './registry.ts';
import { tcProgramOf } from '../bpfObject.ts';
import { advisingNetns, findInterface, interfaceIndex } from './byName.ts';
import { planReuse } from './reuseMaps.ts';

export type { AttachmentEvent, AttachRequest, LiveAttachment } from './attachmentTypes.ts';

/** Owns every attachment of this session: what is attached here is detached here, or lost with a reason. */
export class Attachments {
  readonly #access: KernelAccess;
  readonly #registry: AttachmentRegistry;
  readonly #events = new Emitter<AttachmentEvent>();
  readonly #keptEvents = new Emitter<void>();
  readonly #watched = new WeakSet<HelperClient>();
  #live: LiveAttachment[] = [];
  /** What waits to be confirmed, and what it replaced. */
  readonly #guarded = new Map<LiveAttachment, { previous: LiveAttachment | undefined }>();
  readonly #detaching = new Map<LiveAttachment, Promise<void>>();
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

  /** What is kept may be different now: something that no session holds was detached. */
  onDidChangeKept(listener: () => void): { dispose(): void } {
    return this.#keptEvents.on(listener);
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
    const { loaded, attachment } = await this.#loadAndAttach(client, request);
    const live: LiveAttachment = {
      ...attachment,
      object,
      netns,
      client,
      loaded,
      ...loadedMaps(client, object, loaded),
    };
    if (request.guardSeconds !== undefined) this.#guarded.set(live, { previous: undefined });
    this.#live = [...this.#live, live];
    void this.#registry.add(live, object.file, netns);
    this.#events.fire({ kind: 'attached', attachment: live });
    return live;
  }

  async #loadAndAttach(
    client: HelperClient,
    request: AttachRequest,
  ): Promise<{ loaded: LoadedObject; attachment: Attachment }> {
    const { object, program, iface, mode, via, keep, withTc, netns } = request;
    const programs = [program, ...(withTc === undefined ? [] : [withTc])];
    const load = { elf: object.elf, name: object.name, programs };
    const how = { program, mode, via, keep, ...(withTc === undefined ? {} : { withTc }), ...guardOf(request) };
    try {
      return await client.call('xdp/loadAndAttach', { load, iface, ...how });
    } catch (error) {
      // What there is instead is only listed when it is not there.
      if (error instanceof XdpError && error.code === 'interface-not-found') await findInterface(client, iface, netns);
      throw advisingNetns(await namingTheHolder(error, this.#registry, client, { name: iface, netns }), netns);
    }
  }

  /**
   * Puts another program in place of an attached one in one step of the kernel. On failure (it does not load, the kernel
   * refuses it) the one that was there runs on.
   */
  async replace(before: LiveAttachment, request: ReplaceRequest): Promise<Replaced> {
    this.#requireLive(before);
    this.#attaching++;
    try {
      return await this.#replace(before, request);
    } finally {
      this.#attaching--;
    }
  }

  async #replace(before: LiveAttachment, request: ReplaceRequest): Promise<Replaced> {
    const { client, netns } = before;
    const { object } = request;
    const withTc = before.tc === undefined ? undefined : tcProgramOf(object, before.tc.program);
    const plan = request.keepMaps ? planReuse(before.allMaps, object.spec) : { reuse: {}, fresh: [] };
    const loaded = await client.call('object/load', {
      elf: object.elf,
      name: object.name,
      programs: [request.program, ...(withTc === undefined ? [] : [withTc])],
      reuseMaps: plan.reuse,
    });
    let attachment: Attachment;
    try {
      if (request.signal?.aborted === true) throw new XdpError('cancelled', 'It was stopped before it finished');
      attachment = await client.call('xdp/replace', {
        attachment: before.attachment,
        object: loaded.object,
        program: request.program,
        ...(withTc === undefined ? {} : { withTc }),
        ...guardOf(request),
      });
    } catch (error) {
      await client.call('object/close', { object: loaded.object }).catch(() => undefined);
      throw error;
    }
    const after: LiveAttachment = {
      ...attachment,
      object,
      netns,
      client,
      loaded,
      ...loadedMaps(client, object, loaded),
    };
    await this.#exchange(before, after);
    if (request.guardSeconds === undefined) await closeObject(before);
    else this.#guarded.set(after, { previous: before });
    this.#events.fire({ kind: 'replaced', attachment: after, before });
    return { attachment: after, keptMaps: Object.keys(plan.reuse), freshMaps: plan.fresh };
  }

  async #exchange(before: LiveAttachment, after: LiveAttachment): Promise<void> {
    this.#live = this.#live.map((each) => (each === before ? after : each));
    await this.#registry.remove(before);
    if (after.pin !== undefined) await this.#registry.forgetKept(before);
    await this.#remember(after);
  }

  async #remember(live: LiveAttachment): Promise<void> {
    await this.#registry.add(live, live.object?.file ?? '', live.netns);
  }

  /** A guarded attachment stays. Answers with the attachment, now with its pin where that was asked for. */
  async confirm(live: LiveAttachment): Promise<LiveAttachment> {
    const { pin } = await live.client.call('xdp/confirm', { attachment: live.attachment });
    if (pin !== undefined) {
      live.pin = pin;
      await this.#remember(live);
    }
    return live;
  }

  /** Pins an attachment of this session, so that it outlives it. */
  async keep(live: LiveAttachment): Promise<void> {
    this.#requireLive(live);
    if (live.loaded === undefined) return;
    const { pin } = await live.client.call('xdp/keep', { attachment: live.attachment, object: live.loaded.object });
    if (pin !== undefined) live.pin = pin;
    await this.#remember(live);
    this.#events.fire({ kind: 'confirmed', attachment: live });
  }

  /** Does it wait to be confirmed? */
  isGuarded(live: LiveAttachment): boolean {
    return this.#guarded.has(live);
  }

  async revert(live: LiveAttachment): Promise<void> {
    await live.client.call('xdp/revert', { attachment: live.attachment });
  }

  /** Why dropping the packets of an interface could lock the user out; empty when nothing speaks against it. */
  async lifelines(name: string, netns: string | undefined): Promise<Lifeline[]> {
    const client = await this.#access.own(netns);
    const ifindex = await interfaceIndex(client, name, netns);
    // The session's own connection lives in the namespace that this process is in.
    const peers = netns === undefined ? sessionPeers(process.env) : [];
    return (await client.call('xdp/lifelines', { ifindex, peers })).lifelines;
  }

  /** Takes over what an earlier session kept attached. It stays kept. */
  async adopt(name: string, netns: string | undefined): Promise<LiveAttachment> {
    const client = await this.#access.own(netns);
    this.#watch(client);
    const ifindex = await interfaceIndex(client, name, netns);
    const adopted = await client.call('xdp/adopt', { ifindex });
    const known = this.#live.find(
      (live) => live.client === client && live.attachment === adopted.attachment.attachment,
    );
    if (known !== undefined) return known;
    const maps = await adoptedMaps(client, adopted.maps);
    const live: LiveAttachment = {
      ...adopted.attachment,
      ...maps,
      object: undefined,
      netns,
      client,
      loaded: undefined,
    };
    this.#live = [...this.#live, live];
    const record = (await this.#registry.kept()).find(({ progId }) => progId === live.progId);
    await this.#registry.add(live, record?.file ?? '', netns);
    this.#events.fire({ kind: 'attached', attachment: live });
    return live;
  }

  /**
   * What of this user's is there to be replaced: a kept attachment, adopted. undefined when nothing is. What another
   * session of this user holds can only be replaced by that session.
   */
  async adoptIfKept(name: string, netns: string | undefined): Promise<LiveAttachment | undefined> {
    const client = await this.#access.own(netns);
    const iface = await findInterface(client, name, netns);
    if (iface.attached.some(({ owner }) => owner === 'kept')) return await this.adopt(name, netns);
    const holder = await this.#registry.find(iface.attached);
    if (holder === undefined) return undefined;
    throw new XdpError(
      'interface-busy',
      `${holder.program} on ${name} belongs to ${holder.holder}, which alone can replace it.`,
      {
        fix: `Detach it first: xdp detach --iface ${name}${netns === undefined ? '' : ` --netns ${netns}`}; or replace it there (xdp attach --watch, XDP: Replace Program).`,
      },
    );
  }

  #requireLive(live: LiveAttachment): void {
    if (this.#live.includes(live)) return;
    throw new XdpError('nothing-attached', `${live.program} is not attached to ${live.iface} any more.`);
  }

  /** Asked for twice, as by two quick clicks, it is done once. */
  async detach(live: LiveAttachment): Promise<void> {
    const begun = this.#detaching.get(live);
    if (begun !== undefined) return await begun;
    this.#requireLive(live);
    const work = this.#detach(live);
    this.#detaching.set(live, work);
    try {
      await work;
    } finally {
      this.#detaching.delete(live);
    }
  }

  async #detach(live: LiveAttachment): Promise<void> {
    await live.client.call('xdp/detach', { attachment: live.attachment });
    await closeObject(live);
    await this.#forget(live);
    await this.#registry.forgetKept(live);
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
    if (registered?.stop) return await stopHolder(client, iface, registered, netns);
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
    for (const each of detached) await this.#registry.forgetKept(each);
    this.#keptEvents.fire();
    return detached;
  }

  /** What this user kept attached and this session does not hold. Asks nobody for a password. */
  async kept(): Promise<KeptProgram[]> {
    const { findKept } = await import('./kept.ts');
    const found = await findKept(this.#access, this.#registry);
    return found.filter(({ progId }) => this.#live.every((live) => live.progId !== progId));
  }

  /** Detaches everything that is not kept. Called when the session ends. */
  async dispose(): Promise<void> {
    for (const live of this.#live) {
      if (this.#guarded.has(live)) await this.revert(live).catch(() => undefined);
      else if (live.pin === undefined) await this.detach(live).catch(() => undefined);
    }
    await Promise.all(this.#live.map((live) => this.#registry.remove(live)));
    this.#live = [];
  }

  #watch(client: HelperClient): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    client.on('attachment/lost', ({ attachment, reason }) => {
      const live = this.#live.find((each) => each.client === client && each.attachment === attachment);
      if (live) void this.#lose(live, reason);
    });
    client.on('attachment/guard', (event) => {
      const live = this.#live.find((each) => each.client === client && each.attachment === event.attachment);
      if (live) void this.#onGuard(live, event);
    });
    void client.exited.then(async ({ reason }) => {
      // A pin holds what was kept, whoever ends.
      for (const live of this.#live.filter((each) => each.client === client))
        await this.#lose(live, reason, { stays: live.pin !== undefined });
    });
  }

  async #lose(live: LiveAttachment, reason: string, { stays } = { stays: false }): Promise<void> {
    await this.#forget(live);
    this.#events.fire({ kind: 'lost', attachment: live, reason, stays });
    if (stays) this.#keptEvents.fire();
    await closeObject(live);
  }

  /** What the helper says of a guarded attachment. */
  async #onGuard(live: LiveAttachment, { state, secondsLeft }: KernelEvents['attachment/guard']): Promise<void> {
    const previous = this.#guarded.get(live)?.previous;
    switch (state) {
      case 'counting':
        this.#events.fire({ kind: 'counting', attachment: live, secondsLeft });
        return;
      case 'confirmed':
        this.#guarded.delete(live);
        this.#events.fire({ kind: 'confirmed', attachment: live });
        if (previous !== undefined) {
          await closeObject(previous);
          await this.#registry.forgetKept(previous);
        }
        return;
      case 'reverted':
        this.#guarded.delete(live);
        if (previous === undefined) await this.#forget(live);
        else await this.#exchange(live, previous);
        this.#events.fire({ kind: 'reverted', attachment: live, restored: previous });
        await closeObject(live);
        return;
    }
  }

  async #forget(live: LiveAttachment): Promise<void> {
    this.#live = this.#live.filter((each) => each !== live);
    const previous = this.#guarded.get(live)?.previous;
    this.#guarded.delete(live);
    if (previous !== undefined) await closeObject(previous);
    await this.#registry.remove(live);
  }
}

function guardOf({ guardSeconds }: { guardSeconds?: number }): { guardSeconds?: number } {
  return guardSeconds === undefined ? {} : { guardSeconds };
}

async function closeObject({ client, loaded }: LiveAttachment): Promise<void> {
  // A helper that has ended closed everything.
  if (loaded !== undefined) await client.call('object/close', { object: loaded.object }).catch(() => undefined);
}
