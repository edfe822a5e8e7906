import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { toErrorData } from '../../core/errors.ts';
import { type FromPacketPanel, fromPacketPanel, type ToPacketPanel } from '../../protocol/webview.ts';
import { xdpPrograms } from '../../session/bpfObject.ts';
import { buildFile, targetFile } from '../build.ts';
import type { Services } from '../services.ts';
import { MapFeed, schemaMessage } from '../maps/mapFeed.ts';
import { answerCapture } from './captures.ts';
import { configureWebview } from '../webviewHtml.ts';

interface Choice {
  file: vscode.Uri;
  name: string;
  section: string;
}

/** One test-run panel per window: packets built by hand, run through a program, beside its live counters. */
export class PacketPanel implements vscode.Disposable {
  readonly #services: Services;
  #panel: vscode.WebviewPanel | undefined;
  #feed: MapFeed | undefined;
  #choices: Choice[] = [];
  #selected = 0;
  #closed: () => void = () => undefined;

  constructor(services: Services) {
    this.#services = services;
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
  async open(target: unknown): Promise<void> {
    const file = await targetFile(target);
    if (!file) return;
    const object = await buildFile(this.#services, file);
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
      this.#create();
    }
  }

  #create(): void {
    const panel = vscode.window.createWebviewPanel(
      'xdp.packet',
      vscode.l10n.t('XDP Packet'),
      vscode.ViewColumn.Beside,
      {
        retainContextWhenHidden: true,
      },
    );
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
    panel.onDidDispose(() => {
      feed.dispose();
      this.#panel = undefined;
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
        return await this.#run(message);
      case 'debug':
        return await this.#debug(message);
      case 'ready':
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

  /** Interfaces are named only when a helper runs already: opening the panel asks for no password. */
  async #sendPrograms(): Promise<void> {
    const client = await this.#services.kernel.ownIfRunning()?.catch(() => undefined);
    const list = client ? (await client.call('interfaces/list', {})).interfaces : [];
    this.#post({
      kind: 'programs',
      programs: this.#choices.map(({ file, name, section }) => ({ file: file.fsPath, name, section })),
      selected: this.#selected,
      interfaces: list.map(({ name, ifindex }) => ({ name, ifindex })),
    });
  }

  async #debug({ program, packet, context }: Extract<FromPacketPanel, { kind: 'debug' }>): Promise<void> {
    const choice = this.#choices[program];
    if (!choice) return;
    const { debugPacket } = await import('../debug/debugPacket.ts');
    await debugPacket(choice.file, choice.name, { packet, ...context });
  }

  async #run(message: Extract<FromPacketPanel, { kind: 'run' }>): Promise<void> {
    const { run, packet, repeat, context } = message;
    const choice = this.#choices[message.program];
    if (!choice) return;
    this.#selected = message.program;
    this.#post({ kind: 'running', run });
    try {
      const object = await buildFile(this.#services, choice.file);
      const client = await this.#services.kernel.own();
      const { runPacket } = await import('../../session/run/run.ts');
      const result = await runPacket(client, object, {
        program: choice.name,
        packet,
        repeat,
        context: {
          ...(context.ingressIfindex === undefined ? {} : { ingressIfindex: context.ingressIfindex }),
          ...(context.rxQueueIndex === undefined ? {} : { rxQueueIndex: context.rxQueueIndex }),
          ...(context.metadata === undefined ? {} : { metadata: context.metadata }),
          ...(context.cpu === undefined ? {} : { cpu: context.cpu }),
        },
      });
      this.#post({
        kind: 'result',
        run,
        action: result.action,
        retval: result.retval,
        durationNs: result.durationNs,
        repeat,
        packetChanges: result.packetChanges,
        packetIn: result.packetIn,
        packetOut: result.packetOut,
        metadataOut: result.metadataOut,
        ctxOut: { ...result.ctxOut },
        maps: result.maps.map(({ map, changes }) => ({
          map: map.info.name,
          mapId: map.info.id,
          schema: schemaMessage(map),
          changes: changes.map(({ key, before, after }) => ({
            key,
            ...(before ? { before } : {}),
            ...(after ? { after } : {}),
          })),
        })),
        printk: result.printk,
        ...(result.printkProblem === undefined ? {} : { printkProblem: result.printkProblem }),
      });
      this.#services.log.info(`${path.basename(choice.file.fsPath)}: ${choice.name} → ${result.action}`);
    } catch (error) {
      const data = toErrorData(error);
      const log = data.details?.['log'];
      this.#post({
        kind: 'failed',
        run,
        message: data.message,
        ...(data.fix === undefined ? {} : { fix: data.fix }),
        ...(typeof log === 'string' ? { log } : {}),
      });
      this.#services.log.error(data.message);
    }
  }
}
