import * as vscode from 'vscode';
import { toErrorData } from '../../core/errors.ts';
import type { FromMapsView, MapOwner, MapSummary, ToMapsView } from '../../protocol/webview.ts';
import type { AttachmentEvent, LiveAttachment } from '../../session/attach/attachments.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { type BorrowedMap, borrowMaps } from '../../session/maps/borrow.ts';
import type { OpenMap } from '../../session/maps/maps.ts';
import { showError } from '../errors.ts';
import { commands } from '../ids.ts';
import type { Services } from '../services.ts';
import { saveText } from './mapFiles.ts';
import { isStream, type MapRequest, MapSession } from './mapSession.ts';
import { MapUses } from './mapUses.ts';

/** A view asks one thing after the other; more than this at once is no view of ours. */
const maxParked = 16;

export interface FeedOptions {
  /** The map that the view is for. A view without one shows what was attached last. */
  about?: MapIdentity;
  /** Maps of others that this view shows; the feed releases them. */
  borrowed?: BorrowedMap[];
  /** The map is somebody else's and held by nobody yet: it may need a password, so the view offers to open it. Says why. */
  offer?: string;
}

/** Which map, through all builds of its program: each of them makes a map with an id of its own. */
export interface MapIdentity {
  id: number;
  name: string;
  /** undefined: somebody else's, opened by hand. */
  owner?: MapOwner | undefined;
}

interface ShownMap {
  map: OpenMap;
  client: HelperClient;
  group: string;
  owner: MapOwner | undefined;
}

/**
 * One view's side of the host: the maps of this window's attachments and those that were opened by hand, the types of the
 * chosen one, and answers to what the view asks about it. It never reads by itself, and while the view is not visible it does
 * not answer: nothing is read then.
 */
export class MapFeed {
  readonly #services: Services;
  readonly #post: (message: ToMapsView) => void;
  readonly #subscription: { dispose(): void };
  /** A tab is for one map, and never shows another in its place; the side panel shows what was attached last. */
  readonly #stays: boolean;
  #borrowed: BorrowedMap[];
  readonly #uses = new MapUses(
    () => this.#borrowed,
    () => this.sendMaps(),
  );
  #borrowing: Promise<void> = Promise.resolve();
  /** Times that it borrows and is not done. */
  #pending = 0;
  /** Why the map, which is somebody else's, is not held, while it may be asked for again. */
  #offer: string | undefined;
  /** Why it cannot be had any more. */
  #lost: string | undefined;
  #about: MapIdentity | undefined;
  #session: MapSession | undefined;
  #visible = false;
  #disposed = false;
  #parked: MapRequest[] = [];

  constructor(services: Services, post: (message: ToMapsView) => void, options: FeedOptions = {}) {
    this.#services = services;
    this.#post = (message) => {
      if (message.kind === 'edited' && message.done > 0) services.milestones.reach('mapWritten');
      // A view answers only while it is visible: these are on the screen.
      if (message.kind === 'rows') services.milestones.rows(message.count);
      post(message);
    };
    this.#about = options.about;
    this.#stays = options.about !== undefined;
    this.#borrowed = options.borrowed ?? [];
    this.#offer = options.offer;
    this.#subscription = services.attachments.onDidChange((event) => this.#onAttachment(event));
    this.#choose();
  }

  #onAttachment(event: AttachmentEvent): void {
    switch (event.kind) {
      case 'counting':
      case 'confirmed':
        return;
      case 'attached': {
        const [first] = event.attachment.maps;
        if (!this.#stays && first !== undefined) {
          this.#about = { id: first.info.id, name: first.info.name, owner: ownerOf(event.attachment) };
        }
        this.#post({ kind: 'clearProblem' });
        break;
      }
      case 'replaced':
        this.#follow(event.before, event.attachment);
        break;
      case 'reverted':
        if (event.restored !== undefined) this.#follow(event.attachment, event.restored);
        break;
      case 'detached':
      case 'lost':
        break;
    }
    this.sendMaps();
  }

  /** What takes the place of its program may be another function: the view goes on with the map of that. */
  #follow(before: LiveAttachment, after: LiveAttachment): void {
    const about = this.#about;
    if (about === undefined || !before.maps.some(({ info }) => info.id === about.id)) return;
    this.#about = { ...about, owner: ownerOf(after) };
  }

  /** The id of the map that is shown, or proposed. */
  get selected(): number | undefined {
    return this.#about?.id;
  }

  /** Does it hold maps that only the helper keeps open? */
  get holdsMaps(): boolean {
    return this.#borrowed.length > 0;
  }

  dispose(): void {
    this.#disposed = true;
    this.#uses.watching = false;
    this.#subscription.dispose();
    this.#session?.close();
    this.#session = undefined;
    this.#parked = [];
    letGo(this.#borrowed);
    this.#borrowed = [];
  }

  set visible(visible: boolean) {
    this.#visible = visible;
    if (this.#session !== undefined) this.#session.visible = visible;
    this.#uses.watching = visible && this.holdsMaps;
    if (!visible) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const message of parked) void this.#handle(message);
  }

  /** After the helper was started again: it has let go of what it held for this view. */
  async resume(): Promise<void> {
    const lost = this.#borrowed;
    this.#borrowed = [];
    this.#session?.close();
    this.#session = undefined;
    await this.#borrow(lost.map(({ map }) => map.info.id));
    if (this.#offer === undefined) this.#post({ kind: 'clearProblem' });
    this.sendMaps();
  }

  /**
   * Holds these maps for this view, each once however often it is asked for, and none for a view that was closed meanwhile: the
   * helper would hold it for nobody.
   */
  #borrow(ids: readonly number[]): Promise<void> {
    this.#pending++;
    this.#borrowing = this.#borrowing.then(() => this.#borrowMissing(ids)).finally(() => this.#pending--);
    return this.#borrowing;
  }

  async #borrowMissing(ids: readonly number[]): Promise<void> {
    const missing = ids.filter((id) => !this.#borrowed.some(({ map }) => map.info.id === id));
    if (this.#disposed || missing.length === 0) return;
    try {
      const borrowed = await borrowMaps(this.#services.kernel, undefined, missing);
      if (this.#disposed) return letGo(borrowed);
      this.#borrowed.push(...borrowed);
      this.#uses.watching = this.#visible;
      this.#offer = undefined;
    } catch (error) {
      const { code, message } = toErrorData(error);
      this.#offer = code === 'map-not-found' ? undefined : message;
      this.#lost = code === 'map-not-found' ? message : undefined;
    }
  }

  async #reopen(): Promise<void> {
    if (this.#about === undefined) return;
    await this.#borrow([this.#about.id]);
    if (this.#disposed) return;
    if (this.#offer === undefined) this.#post({ kind: 'clearProblem' });
    this.sendMaps();
  }

  /** Goes on with the map that its owner has in the place of one that nobody counts in any more. */
  async #openNewer(mapId: number): Promise<void> {
    const newer = this.#uses.of(mapId)?.newer;
    if (newer === undefined) return;
    const borrowed = await borrowMaps(this.#services.kernel, undefined, [newer]);
    const [found] = borrowed;
    if (this.#disposed || found === undefined) return letGo(borrowed);
    const stale = this.#borrowed.filter(({ map }) => map.info.id === mapId);
    this.#borrowed = [...this.#borrowed.filter((each) => !stale.includes(each)), ...borrowed];
    this.#about = { id: newer, name: found.map.info.name };
    letGo(stale);
    this.sendMaps();
  }

  receive(message: FromMapsView): void {
    this.#receive(message).catch((error: unknown) => void showError(this.#services, error));
  }

  async #receive(message: FromMapsView): Promise<void> {
    switch (message.kind) {
      case 'ready':
        this.sendMaps();
        return;
      case 'select': {
        const chosen = this.#shown().find(({ map }) => map.info.id === message.mapId);
        if (chosen !== undefined) this.#about = identityOf(chosen);
        // Another one than that of somebody else, which could be opened again.
        if (this.#offer !== undefined && chosen !== undefined) {
          this.#offer = undefined;
          this.#post({ kind: 'clearProblem' });
        }
        this.#sendSchema();
        return;
      }
      case 'action':
        if (message.command === 'reopenMap') return await this.#reopen();
        await vscode.commands.executeCommand(commands[message.command]);
        return;
      case 'openOther':
        await vscode.commands.executeCommand(commands.openMap);
        return;
      case 'openNewer':
        return await this.#openNewer(message.mapId);
      case 'openInEditor':
        await vscode.commands.executeCommand(commands.openMap, { id: message.mapId, name: message.name });
        return;
      case 'closeMap':
        // The tab that it was opened in closes.
        return;
      case 'save':
        return await saveText(message.name, message.text);
      case 'copy':
        return await vscode.env.clipboard.writeText(message.text);
      default:
        return await this.#handle(message);
    }
  }

  sendMaps(): void {
    if (this.#disposed) return;
    const shown = this.#shown();
    const chosen = this.#choose();
    const over = chosen === undefined ? this.#over() : undefined;
    this.#post({
      kind: 'maps',
      attached: this.#services.attachments.live.length,
      maps: shown.map(({ map, group, owner }) => ({
        id: map.info.id,
        name: map.info.name,
        type: map.info.type,
        keySize: map.info.keySize,
        valueSize: map.info.valueSize,
        maxEntries: map.info.maxEntries,
        frozen: map.info.frozen,
        group,
        shows: isStream(map) ? 'events' : 'entries',
        borrowed: owner === undefined,
        ...(owner === undefined ? this.#unused(map) : { owner }),
      })),
      ...(chosen === undefined ? {} : { selected: chosen.map.info.id }),
      ...(this.#stays ? { stay: true } : {}),
      ...(over === undefined ? {} : { over }),
    });
    this.#sendSchema();
    if (this.#offer === undefined || this.holdsMaps) return;
    this.#post({
      kind: 'problem',
      message: this.#offer,
      action: { title: vscode.l10n.t('Open Again'), command: 'reopenMap' },
    });
  }

  #unused({ info }: OpenMap): Pick<MapSummary, 'unused'> {
    const known = this.#uses.of(info.id);
    if (known === undefined || known.use === 'program') return {};
    const { use, newer } = known;
    return { unused: { held: use === 'held', ...(newer === undefined ? {} : { newer }) } };
  }

  /** The map that a tab is for is not there: why, and what becomes of the tab. */
  #over(): { name: string; reason: string } | undefined {
    if (!this.#stays || this.#about === undefined || this.#offer !== undefined || this.#pending > 0) return undefined;
    const { name, owner } = this.#about;
    if (owner === undefined) return { name, reason: this.#lost ?? '' };
    const { program, iface } = owner;
    const runs = this.#services.attachments.live.some((live) => isSameOwner(ownerOf(live), owner));
    const reason = runs
      ? vscode.l10n.t('{0} on {1} does not have it any more.', program, iface)
      : vscode.l10n.t('{0} is not attached to {1} any more. Once it is again, its map is shown here.', program, iface);
    return { name, reason };
  }

  /** Own programs' first. */
  #shown(): ShownMap[] {
    const own = this.#services.attachments.live.flatMap((live) => {
      const group = `${live.program} on ${live.iface} (${live.mode})`;
      return live.maps.map((map) => ({ map, client: live.client, group, owner: ownerOf(live) }));
    });
    const group = vscode.l10n.t('Opened by hand');
    return [...own, ...this.#borrowed.map(({ map, client }) => ({ map, client, group, owner: undefined }))];
  }

  /**
   * The map that the view is about: that very map, or what its program's next build has in its place. Only a view that is for no
   * certain map goes on to one of the same name, or any.
   */
  #choose(): ShownMap | undefined {
    const shown = this.#shown();
    const about = this.#about;
    const chosen =
      shown.find(({ map: { info } }) => info.id === about?.id && info.name === about.name) ??
      shown.find(({ map, owner }) => map.info.name === about?.name && isSameOwner(owner, about.owner)) ??
      (this.#stays ? undefined : (shown.find(({ map }) => map.info.name === about?.name) ?? shown[0]));
    if (chosen !== undefined) this.#about = identityOf(chosen);
    return chosen;
  }

  #sendSchema(): void {
    const session = this.#open();
    if (session === undefined) return;
    void session.schema().then((schema) => {
      this.#post(schema);
      // A view that was out of sight is made anew, and the edits are here.
      this.#post(session.history);
    });
  }

  /** The chosen map. Another object of the same map is another helper's, or has other types. */
  #open(): MapSession | undefined {
    const chosen = this.#choose();
    if (chosen !== undefined && chosen.map === this.#session?.map) return this.#session;
    this.#session?.close();
    this.#session = chosen === undefined ? undefined : new MapSession(chosen.client, chosen.map, this.#post);
    return this.#session;
  }

  async #handle(message: MapRequest): Promise<void> {
    if (!this.#visible) {
      if (this.#parked.length < maxParked) this.#parked.push(message);
      return;
    }
    const session = this.#open();
    if (session?.map.info.id === message.mapId) await session.handle(message);
  }
}

function identityOf({ map: { info }, owner }: ShownMap): MapIdentity {
  return { id: info.id, name: info.name, owner };
}

function ownerOf({ program, iface, netns }: LiveAttachment): MapOwner {
  return { program, iface, ...(netns === undefined ? {} : { netns }) };
}

function isSameOwner(left: MapOwner | undefined, right: MapOwner | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return left.program === right.program && left.iface === right.iface && left.netns === right.netns;
}

function letGo(borrowed: readonly BorrowedMap[]): void {
  for (const each of borrowed) void each.release().catch(() => undefined);
}
