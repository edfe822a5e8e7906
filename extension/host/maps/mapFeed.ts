import * as vscode from 'vscode';
import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import type { HelperClient } from '../../session/kernelAccess.ts';
import { type BorrowedMap, borrowMaps } from '../../session/maps/borrow.ts';
import type { OpenMap } from '../../session/maps/maps.ts';
import { showError } from '../errors.ts';
import { commands } from '../ids.ts';
import type { Services } from '../services.ts';
import { saveText } from './mapFiles.ts';
import { isStream, type MapRequest, MapSession } from './mapSession.ts';

/** A view asks one thing after the other; more than this at once is no view of ours. */
const maxParked = 16;

export interface FeedOptions {
  /** Which map to propose first. */
  selected?: number;
  /** Maps of others that this view shows; the feed releases them. */
  borrowed?: BorrowedMap[];
}

interface ShownMap {
  map: OpenMap;
  client: HelperClient;
  group: string;
  borrowed: boolean;
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
  /** A tab is for one map; the side panel shows what was attached last. */
  readonly #stays: boolean;
  #borrowed: BorrowedMap[];
  #selected: number | undefined;
  #session: MapSession | undefined;
  #visible = false;
  #parked: MapRequest[] = [];

  constructor(services: Services, post: (message: ToMapsView) => void, options: FeedOptions = {}) {
    this.#services = services;
    this.#post = (message) => {
      if (message.kind === 'edited' && message.done > 0) services.milestones.reach('mapWritten');
      // A view answers only while it is visible: these are on the screen.
      if (message.kind === 'rows') services.milestones.reach('watched');
      post(message);
    };
    this.#selected = options.selected;
    this.#stays = options.selected !== undefined;
    this.#borrowed = options.borrowed ?? [];
    this.#subscription = services.attachments.onDidChange((event) => {
      if (event.kind === 'counting' || event.kind === 'confirmed') return;
      if (event.kind === 'attached') {
        if (options.selected === undefined) this.#selected = event.attachment.maps[0]?.info.id ?? this.#selected;
        this.#post({ kind: 'clearProblem' });
      }
      this.sendMaps();
    });
  }

  /** Does it hold maps that only the helper keeps open? */
  get holdsMaps(): boolean {
    return this.#borrowed.length > 0;
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#session?.close();
    this.#session = undefined;
    this.#parked = [];
    for (const borrowed of this.#borrowed) void borrowed.release().catch(() => undefined);
    this.#borrowed = [];
  }

  set visible(visible: boolean) {
    this.#visible = visible;
    if (this.#session !== undefined) this.#session.visible = visible;
    if (!visible) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const message of parked) void this.#handle(message);
  }

  /** Maps of others that were opened by hand, shown beside what is there. */
  add(borrowed: readonly BorrowedMap[]): void {
    this.#borrowed.push(...borrowed);
    this.#selected = borrowed[0]?.map.info.id ?? this.#selected;
    this.sendMaps();
  }

  /** After the helper was started again: it has let go of what it held for this view. */
  async resume(): Promise<void> {
    const lost = this.#borrowed;
    this.#session?.close();
    this.#session = undefined;
    if (lost.length > 0) {
      const ids = lost.map(({ map }) => map.info.id);
      this.#borrowed = await borrowMaps(this.#services.kernel, undefined, ids);
    }
    this.#post({ kind: 'clearProblem' });
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
      case 'select':
        this.#selected = message.mapId;
        this.#sendSchema();
        return;
      case 'action':
        if (message.command !== 'reopenMap') await vscode.commands.executeCommand(commands[message.command]);
        return;
      case 'openOther':
        await vscode.commands.executeCommand(commands.openMap);
        return;
      case 'openInEditor':
        await vscode.commands.executeCommand(commands.openMap, { id: message.mapId, name: message.name });
        return;
      case 'closeMap':
        return await this.#release(message.mapId);
      case 'save':
        return await saveText(message.name, message.text);
      case 'copy':
        return await vscode.env.clipboard.writeText(message.text);
      default:
        return await this.#handle(message);
    }
  }

  sendMaps(): void {
    const shown = this.#shown();
    if (!shown.some(({ map }) => map.info.id === this.#selected)) {
      // A build that takes the place of the one before brings a new map where it declares another one of that name.
      const before = this.#session?.map.info.name;
      this.#selected = (shown.find(({ map }) => map.info.name === before) ?? shown[0])?.map.info.id;
    }
    this.#post({
      kind: 'maps',
      attached: this.#services.attachments.live.length,
      maps: shown.map(({ map, group, borrowed }) => ({
        id: map.info.id,
        name: map.info.name,
        type: map.info.type,
        keySize: map.info.keySize,
        valueSize: map.info.valueSize,
        maxEntries: map.info.maxEntries,
        frozen: map.info.frozen,
        group,
        shows: isStream(map) ? 'events' : 'entries',
        borrowed,
      })),
      ...(this.#selected === undefined ? {} : { selected: this.#selected }),
      ...(this.#stays ? { stay: true } : {}),
    });
    this.#sendSchema();
  }

  /** Own programs' first. */
  #shown(): ShownMap[] {
    const own = this.#services.attachments.live.flatMap(({ program, iface, mode, client, maps }) =>
      maps.map((map) => ({ map, client, group: `${program} on ${iface} (${mode})`, borrowed: false })),
    );
    const group = vscode.l10n.t('Opened by hand');
    return [...own, ...this.#borrowed.map(({ map, client }) => ({ map, client, group, borrowed: true }))];
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
    const found = this.#shown().find(({ map }) => map.info.id === this.#selected);
    if (found !== undefined && found.map === this.#session?.map) return this.#session;
    this.#session?.close();
    this.#session = found === undefined ? undefined : new MapSession(found.client, found.map, this.#post);
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

  async #release(mapId: number): Promise<void> {
    const borrowed = this.#borrowed.find(({ map }) => map.info.id === mapId);
    if (borrowed === undefined) return;
    this.#borrowed = this.#borrowed.filter((each) => each !== borrowed);
    this.sendMaps();
    await borrowed.release();
  }
}
