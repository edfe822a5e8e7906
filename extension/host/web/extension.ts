/**
 * Where VS Code is a page without a machine behind it (vscode.dev): the packet builder, and packet tests on objects that
 * were built before, in the built-in machine. There is no kernel and no clang; commands that need them say so.
 */
import * as vscode from 'vscode';
import { speak } from '../../core/text/language.ts';
import { followActiveEditor, setContext } from '../contextKeys.ts';
import { commands } from '../ids.ts';
import { showError } from '../errors.ts';
import { PacketPanel } from '../panels/packetPanel.ts';
import { PacketTestEditor } from '../panels/packetTestEditor.ts';
import { PacketTests } from '../testing/packetTests.ts';
import { Milestones } from '../walkthrough/milestones.ts';
import { languageInPage } from './language.ts';
import { panelInPage } from './packetPanel.ts';
import { placeExtension } from './standIn.ts';

export function activate(context: vscode.ExtensionContext): void {
  speak(vscode.l10n.bundle ?? {});
  placeExtension(context.extensionUri);
  setContext('web', true);
  setContext('noKernel', true);
  const log = vscode.window.createOutputChannel('XDP', { log: true });
  const diagnostics = vscode.languages.createDiagnosticCollection('xdp');
  const { extensionUri } = context;
  const milestones = new Milestones();
  const packets = new PacketPanel(panelInPage({ log, milestones, extensionUri }));
  const here: ReadonlySet<string> = new Set([
    commands.runPacket,
    commands.openPacketTests,
    commands.openPacketTestsAsText,
    commands.showLog,
  ]);
  context.subscriptions.push(
    log,
    followActiveEditor(),
    new PacketTestEditor({ log, extensionUri }).register(),
    diagnostics,
    languageInPage(extensionUri),
    new PacketTests(
      {
        log,
        diagnostics,
        milestones,
        buildOptions: () => ({ bundledInclude: '/' }),
        kernel: { own: noKernel },
      },
      { engines: 'machine' },
    ),
    packets,
    vscode.commands.registerCommand(commands.runPacket, async (target: unknown) => {
      await packets.open(target).catch((error: unknown) => showError({ log }, error));
    }),
    vscode.commands.registerCommand(commands.showLog, () => log.show()),
    ...Object.values(commands)
      .filter((id) => !here.has(id))
      .map((id) => vscode.commands.registerCommand(id, sayWhyNot)),
  );
}

function noKernel(): Promise<never> {
  return Promise.reject(new Error('A browser has no kernel'));
}

async function sayWhyNot(): Promise<void> {
  await vscode.window.showInformationMessage(
    vscode.l10n.t(
      'This needs a Linux kernel and clang, which a browser does not have. Open the folder on a Linux machine: in a codespace, over Remote-SSH, in WSL 2 or in a dev container. Packets and packet tests run here on objects that were built before.',
    ),
  );
}
