import * as v from 'valibot';
import * as vscode from 'vscode';
import { fromMapsView, MapOwner, type ToMapsView } from '../../protocol/webview.ts';
import type { BorrowedMap } from '../../session/maps/borrow.ts';
import { panels } from '../ids.ts';
import type { Services } from '../services.ts';
import { configureWebview } from '../webviewHtml.ts';
import { type FeedOptions, MapFeed } from './mapFeed.ts';

/** What of a view's state says which map it showed; see webview/maps/data/mapsStore.ts. */
const StoredState = v.object({
  maps: v.object({
    selected: v.object({
      id: v.number(),
      name: v.string(),
      borrowed: v.optional(v.boolean()),
      owner: v.optional(MapOwner),
    }),
  }),
});

interface PanelPlace {
  viewColumn: vscode.ViewColumn;
  preserveFocus?: boolean;
}

interface OpenPanel {
  panel: vscode.WebviewPanel;
  feed: MapFeed;
  post: (message: ToMapsView) => void;
}

/** The map viewer in editor tabs: the same view as in the side panel, as many as one likes, each with a map of its own. */
export class MapPanels implements vscode.Disposable {
  readonly #services: Services;
  readonly #open = new Set<OpenPanel>();
  #closed: () => void = () => undefined;

  constructor(services: Services) {
    this.#services = services;
  }

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      this,
      vscode.window.registerWebviewPanelSerializer(panels.map, {
        deserializeWebviewPanel: async (panel, state: unknown) => this.#restore(panel, state),
      }),
    );
  }

  dispose(): void {
    for (const { panel } of this.#open) panel.dispose();
  }

  /** Does a tab show a map that only the helper holds? */
  get holdMaps(): boolean {
    return [...this.#open].some(({ feed }) => feed.holdsMaps);
  }

  onDidClose(listener: () => void): void {
    this.#closed = listener;
  }

  post(message: ToMapsView): void {
    for (const { post } of this.#open) post(message);
  }

  async resume(): Promise<void> {
    await Promise.all([...this.#open].map(({ feed }) => feed.resume()));
  }

  /** A map of this window's programs. `place`: in the tab that shows it already, or in a new one there. */
  show(map: { id: number; name: string }, place?: PanelPlace): void {
    const there = place && [...this.#open].find(({ feed }) => feed.selected === map.id);
    if (there !== undefined) there.panel.reveal(undefined, place?.preserveFocus);
    else this.#create(map.name, { about: map }, place);
  }

  /** Maps of others. */
  showBorrowed(borrowed: BorrowedMap[]): void {
    const [first] = borrowed;
    if (first === undefined) return;
    this.#create(first.map.info.name, { about: first.map.info, borrowed });
  }

  #create(title: string, options: FeedOptions, place: PanelPlace = { viewColumn: vscode.ViewColumn.Active }): void {
    const panel = vscode.window.createWebviewPanel(panels.map, title, place, { enableFindWidget: false });
    this.#fill(panel, options);
  }

  /** After the window was loaded anew. A map of somebody else is opened again only when that is asked for: it may need a password. */
  #restore(panel: vscode.WebviewPanel, state: unknown): void {
    const stored = v.safeParse(StoredState, state);
    const selected = stored.success ? stored.output.maps.selected : undefined;
    if (selected?.borrowed !== true) {
      this.#fill(panel, selected === undefined ? {} : { about: selected });
      return;
    }
    const { id, name } = selected;
    const offer = vscode.l10n.t('{0} (map {1}) was opened by hand before this window was loaded.', name, id);
    this.#fill(panel, { about: { id, name }, offer });
  }

  #fill(panel: vscode.WebviewPanel, options: FeedOptions): void {
    const media = vscode.Uri.joinPath(this.#services.extensionUri, 'extension', 'host', 'media');
    panel.iconPath = {
      dark: vscode.Uri.joinPath(media, 'xdp.svg'),
      light: vscode.Uri.joinPath(media, 'xdp-light.svg'),
    };
    const post = (message: ToMapsView): void => {
      if (message.kind === 'schema') panel.title = message.name;
      void panel.webview.postMessage(message);
    };
    const feed = new MapFeed(this.#services, post, options);
    feed.visible = panel.visible;
    const open = { panel, feed, post };
    this.#open.add(open);
    panel.webview.onDidReceiveMessage((raw: unknown) => {
      const message = v.safeParse(fromMapsView, raw);
      if (!message.success) return;
      if (message.output.kind === 'closeMap') panel.dispose();
      else feed.receive(message.output);
    });
    panel.onDidChangeViewState(() => {
      feed.visible = panel.visible;
    });
    panel.onDidDispose(() => {
      feed.dispose();
      this.#open.delete(open);
      this.#closed();
    });
    configureWebview(panel.webview, this.#services.extensionUri, { script: 'maps', element: 'xdp-maps-view' });
  }
}
