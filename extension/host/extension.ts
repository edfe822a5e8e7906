import * as vscode from 'vscode';
import { speak } from '../core/text/language.ts';
import { createApi, type XdpApi } from './api.ts';
import { registerCommands } from './commands/commands.ts';
import { followActiveEditor, followAttachments, setContext } from './contextKeys.ts';
import { registerDebugging } from './debug/debugging.ts';
import { watchGuards } from './guards.ts';
import { startHotReload } from './hotReload.ts';
import { releaseWhenIdle } from './idle.ts';
import { LanguageFeatures } from './language/languageClient.ts';
import { registerLanguage } from './language/language.ts';
import { VerifyOnSave } from './language/verifyOnSave.ts';
import { PacketPanel } from './panels/packetPanel.ts';
import { panelOnMachine } from './panels/panelOnMachine.ts';
import { PacketTestEditor } from './panels/packetTestEditor.ts';
import { createServices, type Services } from './services.ts';
import { createStatusBar } from './statusBar.ts';
import { registerTasks } from './tasks.ts';
import { registerTestAssist } from './testing/assist.ts';
import { VerdictStories } from './story/verdictStories.ts';
import { PacketTests } from './testing/packetTests.ts';
import { registerSourceHints } from './maps/sourceHints.ts';
import { SourceNumbers } from './maps/sourceNumbers.ts';
import { MapPanels } from './maps/mapPanels.ts';
import { InterfacesView } from './views/interfaces/interfacesView.ts';
import { MapsView } from './maps/mapsView.ts';
import { reportLosses } from './losses.ts';
import { Traces } from './traces.ts';
import { registerShowInView } from './verifierView/showInView.ts';
import { VerifierView } from './verifierView/verifierView.ts';

let services: Services | undefined;

/** Wires only: no I/O, no process, no awaiting. */
export function activate(context: vscode.ExtensionContext): XdpApi {
  speak(vscode.l10n.bundle ?? {});
  if (process.platform !== 'linux') setContext('noKernel', true);
  services = createServices(context);
  const interfaces = new InterfacesView(services);
  const mapPanels = new MapPanels(services);
  const sourceNumbers = new SourceNumbers(services);
  const maps = new MapsView(services, mapPanels);
  const stories = new VerdictStories();
  const packets = new PacketPanel(panelOnMachine(services, stories));
  const tests = new PacketTests(services);
  const reload = startHotReload(services);
  const traces = new Traces(services);
  const verifier = new VerifierView(services);
  const registered = registerCommands(
    services,
    interfaces,
    maps,
    mapPanels,
    packets,
    reload,
    traces,
    verifier,
    stories,
    tests,
  );
  const onSave = new VerifyOnSave(services, () => idle.check());
  const idle = releaseWhenIdle(
    services,
    () => packets.isOpen || mapPanels.holdMaps || tests.usesHelper || onSave.usesHelper || registered.isBusy(),
  );
  registered.onDidEnd(() => idle.check());
  packets.onDidClose(() => idle.check());
  mapPanels.onDidClose(() => idle.check());
  tests.onDidEnd(() => idle.check());
  context.subscriptions.push(
    registered,
    maps.register(),
    mapPanels.register(),
    sourceNumbers,
    registerSourceHints(sourceNumbers),
    packets,
    stories,
    new PacketTestEditor(services).register(),
    tests,
    registerTestAssist(services),
    interfaces.register(),
    followAttachments(services.attachments),
    createStatusBar(services),
    registerTasks(context),
    registerDebugging(services),
    reportLosses(services),
    watchGuards(services),
    reload,
    traces,
    verifier,
    registerShowInView(services.verdicts),
    idle,
    onSave,
    registerLanguage(services),
    new LanguageFeatures(services),
    followActiveEditor(),
  );
  return createApi(services);
}

/** Everything that is not kept is detached before the window goes. */
export async function deactivate(): Promise<void> {
  await services?.attachments.dispose();
  await services?.kernel.dispose();
}
