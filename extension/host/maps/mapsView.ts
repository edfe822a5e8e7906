import * as v from 'valibot';
import * as vscode from 'vscode';
import { translated } from '../../core/text/language.ts';
import { fromMapsView, type ToMapsView } from '../../protocol/webview.ts';
import { views } from '../ids.ts';
import type { Services } from '../services.ts';
import { configureWebview } from '../webviewHtml.ts';
import { MapFeed } from './mapFeed.ts';
import type { MapPanels } from './mapPanels.ts';

/** The XDP map viewer in the side panel, and what it has in common with the editor tabs. */
export class MapsView implements vscode.WebviewViewProvider {
  readonly #services: Services;
  readonly #panels: MapPanels;
  #feed: MapFeed | undefined;

  constructor(services: Services, panels: MapPanels) {
    this.#services = services;
    this.#panels = panels;
  }

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.registerWebviewViewProvider(views.maps, this),
      this.#services.kernel.onUnexpectedExit(({ reason }) =>
        this.#say({
          kind: 'problem',
          message: vscode.l10n.t('The kernel helper ended: {0}', translated(reason)),
          fix: vscode.l10n.t('What it held is detached.'),
          action: { title: vscode.l10n.t('Restart Helper'), command: 'restartHelper' },
        }),
      ),
      new vscode.Disposable(() => this.#feed?.dispose()),
    );
  }

  async show(): Promise<void> {
    this.#services.milestones.look();
    await vscode.commands.executeCommand(`${views.maps}.focus`);
  }

  /** After the helper was started again. */
  async resume(): Promise<void> {
    await Promise.all([this.#feed?.resume(), this.#panels.resume()]);
  }

  /** In every view. */
  #say(message: ToMapsView): void {
    this.#post(message);
    this.#panels.post(message);
  }

  #post: (message: ToMapsView) => void = () => undefined;

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#feed?.dispose();
    const { webview } = view;
    configureWebview(webview, this.#services.extensionUri, { script: 'maps', element: 'xdp-maps-view' });
    this.#post = (message) => void webview.postMessage(message);
    const feed = new MapFeed(this.#services, this.#post);
    this.#feed = feed;
    feed.visible = view.visible;
    const subscriptions = [
      webview.onDidReceiveMessage((raw: unknown) => {
        const message = v.safeParse(fromMapsView, raw);
        if (!message.success) return;
        feed.receive(message.output);
      }),
      view.onDidChangeVisibility(() => {
        feed.visible = view.visible;
      }),
    ];
    view.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
      feed.dispose();
      this.#post = () => undefined;
    });
  }
}
