import * as v from 'valibot';
import * as vscode from 'vscode';
import { type FromPacketPanel, fromPacketPanel, type ToPacketPanel } from '../../protocol/webview.ts';
import { xdpPrograms } from '../../session/bpfObject.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import type { Services } from '../services.ts';
import type { VerdictStories } from '../story/verdictStories.ts';
import { MapFeed } from '../maps/mapFeed.ts';
import { answerCapture } from './captures.ts';
import { configureWebview } from '../webviewHtml.ts';
import { type Choice, PacketRuns } from './packetRuns.ts';

type Proposal = Omit<Extract<ToPacketPanel, { kind: 'proposal' }>, 'kind'>;

interface OpenOptions {
  /** Takes the place of the packet that the panel held. */
  proposal?: Proposal;
  /** Of a new panel. Default: beside the active editor. */
  viewColumn?: vscode.ViewColumn;
}

/** One test-run panel per window: packets built by hand, run through a program, beside its live counters. */
export class PacketPanel implements vscode.Disposable {
  readonly #services: Services;
  readonly #runs: PacketRuns;
  #panel: vscode.WebviewPanel | undefined;
  #feed: MapFeed | undefined;
  #choices: Choice[] = [];
  #selected = 0;
  #interfacesKnown = false;
  /** Not sent yet: the panel does not listen before it has said that it is ready. */
  #proposal: Proposal | undefined;
  #ready = false;
  #closed: () => void = () => undefined;

  constructor(services: Services, stories: VerdictStories) {
    this.#services = services;
    this.#runs = new PacketRuns(
      services,
      (program) => this.#choices[program],
      (message) => this.#post(message),
      stories,
    );
  }

  dispose(): void {
    this.#panel?.dispose();
  }

  get isOpen(): boolean {
    return this.#panel !== undefined;
  }

  onDidClose(listener: () => void): void {
    this.#closed = listener;
  }

  /** Opens the panel on the programs of a file: the command's argument, or the active editor's. */
  async open(target: unknown, { proposal, viewColumn }: OpenOptions = {}): Promise<void> {
    const file = await targetFile(target);
    if (!file) return;
    this.#proposal = proposal;
    const object = await buildWithProgress(this.#services, file);
    const programs = xdpPrograms(object.spec);
    const found = (programs.length > 0 ? programs : object.spec.programs).map(({ name, section }) => ({
      file,
      name,
      section,
    }));
    this.#choices = [...this.#choices.filter((each) => each.file.toString() !== file.toString()), ...found];
    this.#selected = this.#choices.findIndex((each) => each.file.toString() === file.toString());
    if (this.#panel) {
      this.#panel.reveal(undefined, false);
      await this.#sendPrograms();
    } else {
      this.#create(viewColumn ?? vscode.ViewColumn.Beside);
    }
  }

  #create(viewColumn: vscode.ViewColumn): void {
    const panel = vscode.window.createWebviewPanel('xdp.packet', vscode.l10n.t('XDP Packet'), viewColumn, {
      retainContextWhenHidden: true,
    });
    this.#panel = panel;
    const media = vscode.Uri.joinPath(this.#services.extensionUri, 'extension', 'host', 'media');
    panel.iconPath = {
      dark: vscode.Uri.joinPath(media, 'xdp.svg'),
      light: vscode.Uri.joinPath(media, 'xdp-light.svg'),
    };
    configureWebview(panel.webview, this.#services.extensionUri, { script: 'packet', element: 'xdp-packet-panel' });
    const feed = new MapFeed(this.#services, (message) => this.#post(message));
    this.#feed = feed;
    feed.visible = panel.visible;
    panel.webview.onDidReceiveMessage((raw: unknown) => {
      const message = v.safeParse(fromPacketPanel, raw);
      if (message.success) void this.#receive(message.output);
    });
    panel.onDidChangeViewState(() => {
      feed.visible = panel.visible;
    });
    const attachments = this.#services.attachments.onDidChange(({ kind }) => {
      if (kind !== 'counting' && kind !== 'confirmed') void this.#sendPrograms();
    });
    panel.onDidDispose(() => {
      attachments.dispose();
      feed.dispose();
      this.#panel = undefined;
      this.#ready = false;
      this.#feed = undefined;
      this.#closed();
    });
  }

  #post(message: ToPacketPanel): void {
    void this.#panel?.webview.postMessage(message);
  }

  async #receive(message: FromPacketPanel): Promise<void> {
    switch (message.kind) {
      case 'run':
      case 'live':
      case 'runAll':
        this.#selected = message.program;
        await this.#runs.receive(message);
        // The helper runs by now: it knows the interfaces.
        if (!this.#interfacesKnown) await this.#sendPrograms();
        return;
      case 'record':
      case 'openRecorded':
      case 'story':
        return await this.#runs.receive(message);
      case 'debug':
        return await this.#debug(message);
      case 'ready':
        this.#ready = true;
        await this.#sendPrograms();
        this.#feed?.receive(message);
        return;
      case 'openCapture':
      case 'saveCapture':
        return await answerCapture(message, (answer) => this.#post(answer));
      default:
        this.#feed?.receive(message);
        return;
    }
  }

  /** What this window attached itself: what is kept from before has no program to run without more privilege. */
  #attached(): { progId: number; program: string; iface: string }[] {
    const live = this.#services.attachments.live.filter(({ loaded, object }) => loaded && object);
    return live.map(({ progId, program, iface }) => ({ progId, program, iface }));
  }

  /** Interfaces are named only when a helper runs already: opening the panel asks for no password. */
  async #sendPrograms(): Promise<void> {
    const client = await this.#services.kernel.ownIfRunning()?.catch(() => undefined);
    this.#interfacesKnown = client !== undefined;
    const list = client ? (await client.call('interfaces/list', {})).interfaces : [];
    this.#post({
      kind: 'programs',
      programs: this.#choices.map(({ file, name, section }) => ({ file: file.fsPath, name, section })),
      selected: this.#selected,
      interfaces: list.map(({ name, ifindex }) => ({ name, ifindex })),
      attached: this.#attached(),
    });
    if (this.#proposal === undefined || !this.#ready) return;
    this.#post({ kind: 'proposal', ...this.#proposal });
    this.#proposal = undefined;
  }

  async #debug({ program, packet, context }: Extract<FromPacketPanel, { kind: 'debug' }>): Promise<void> {
    const choice = this.#choices[program];
    if (!choice) return;
    const { debugPacket } = await import('../debug/debugPacket.ts');
    await debugPacket(choice.file, choice.name, { packet, ...context });
  }
}
