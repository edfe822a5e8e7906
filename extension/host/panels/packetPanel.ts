import * as v from 'valibot';
import * as vscode from 'vscode';
import { type FromPacketPanel, fromPacketPanel, type ToPacketPanel } from '../../protocol/webview.ts';
import { type BpfObject, xdpPrograms } from '../../session/bpfObject.ts';
import { showError } from '../errors.ts';
import type { MapFeed } from '../maps/mapFeed.ts';
import type { Services } from '../services.ts';
import { answerCapture } from './captures.ts';
import { configureWebview } from '../webviewHtml.ts';
import { type Choice, PacketRuns, type RunSurroundings } from './packetRuns.ts';

type Proposal = Omit<Extract<ToPacketPanel, { kind: 'proposal' }>, 'kind'>;

interface OpenOptions {
  /** Takes the place of the packet that the panel held. */
  proposal?: Proposal;
  /** Of a new panel. Default: beside the active editor. */
  viewColumn?: vscode.ViewColumn;
}

/** Where the panel is: on a machine, or in a page. */
export interface PanelSurroundings extends RunSurroundings, Pick<Services, 'extensionUri'> {
  /** The file that the command is about; undefined where none was chosen. */
  target(argument: unknown): Promise<vscode.Uri | undefined>;
  /** Opens the file for the first time, which may take a while. */
  build(file: vscode.Uri): Promise<BpfObject>;
  /** Absent where nothing can be attached. */
  attachments?: Pick<Services['attachments'], 'live' | 'onDidChange'>;
  /** The counters of what is attached. */
  liveMaps?(post: (message: ToPacketPanel) => void): MapFeed;
  /** Undefined as long as no helper runs: opening the panel asks for no password. */
  interfaces?(): Promise<{ name: string; ifindex: number }[] | undefined>;
  /** Steps through a program; absent where there is no process for the debugger. */
  debug?(choice: Choice, request: Omit<Extract<FromPacketPanel, { kind: 'debug' }>, 'kind' | 'program'>): Promise<void>;
}

/** One test-run panel per window: packets built by hand, run through a program, beside its live counters. */
export class PacketPanel implements vscode.Disposable {
  readonly #around: PanelSurroundings;
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

  constructor(around: PanelSurroundings) {
    this.#around = around;
    this.#runs = new PacketRuns(
      around,
      (program) => this.#choices[program],
      (message) => this.#post(message),
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
    const file = await this.#around.target(target);
    if (!file) return;
    this.#proposal = proposal;
    const object = await this.#around.build(file);
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
    const media = vscode.Uri.joinPath(this.#around.extensionUri, 'extension', 'host', 'media');
    panel.iconPath = {
      dark: vscode.Uri.joinPath(media, 'xdp.svg'),
      light: vscode.Uri.joinPath(media, 'xdp-light.svg'),
    };
    configureWebview(panel.webview, this.#around.extensionUri, { script: 'packet', element: 'xdp-packet-panel' });
    const feed = this.#around.liveMaps?.((message) => this.#post(message));
    this.#feed = feed;
    if (feed !== undefined) feed.visible = panel.visible;
    panel.webview.onDidReceiveMessage((raw: unknown) => {
      const message = v.safeParse(fromPacketPanel, raw);
      if (message.success) this.#done(this.#receive(message.output));
    });
    panel.onDidChangeViewState(() => {
      if (feed !== undefined) feed.visible = panel.visible;
    });
    const attachments = this.#around.attachments?.onDidChange(({ kind }) => {
      if (kind !== 'counting' && kind !== 'confirmed') this.#done(this.#sendPrograms());
    });
    panel.onDidDispose(() => {
      attachments?.dispose();
      feed?.dispose();
      this.#panel = undefined;
      this.#ready = false;
      this.#feed = undefined;
      this.#closed();
    });
  }

  /** What a run has to say is in the panel; what failed around it is said here. */
  #done(work: Promise<void>): void {
    work.catch((error: unknown) => showError(this.#around, error));
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
    const live = (this.#around.attachments?.live ?? []).filter(({ loaded, object }) => loaded && object);
    return live.map(({ progId, program, iface }) => ({ progId, program, iface }));
  }

  async #sendPrograms(): Promise<void> {
    const interfaces = await this.#around.interfaces?.();
    this.#interfacesKnown = interfaces !== undefined;
    const around = this.#around;
    const lacks = [
      ...(around.runner.kernel === undefined ? (['kernel'] as const) : []),
      ...(around.debug === undefined ? (['debugger'] as const) : []),
      ...(around.tellStory === undefined ? (['story'] as const) : []),
    ];
    this.#post({
      kind: 'programs',
      programs: this.#choices.map(({ file, name, section }) => ({ file: file.fsPath, name, section })),
      selected: this.#selected,
      interfaces: (interfaces ?? []).map(({ name, ifindex }) => ({ name, ifindex })),
      attached: this.#attached(),
      lacks,
    });
    if (this.#proposal === undefined || !this.#ready) return;
    this.#post({ kind: 'proposal', ...this.#proposal });
    this.#proposal = undefined;
  }

  async #debug({ program, ...request }: Extract<FromPacketPanel, { kind: 'debug' }>): Promise<void> {
    const choice = this.#choices[program];
    if (choice !== undefined) await this.#around.debug?.(choice, request);
  }
}
