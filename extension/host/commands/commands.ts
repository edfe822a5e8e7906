import * as vscode from 'vscode';
import { showError } from '../errors.ts';
import { commands } from '../ids.ts';
import type { PacketPanel } from '../panels/packetPanel.ts';
import type { Services } from '../services.ts';
import type { VerdictStories } from '../story/verdictStories.ts';
import type { Traces } from '../traces.ts';
import type { MapPanels } from '../maps/mapPanels.ts';
import type { MapsView } from '../maps/mapsView.ts';
import { debugCommand } from '../debug/debugging.ts';
import type { InterfacesView } from '../views/interfaces/interfacesView.ts';
import { attachCommand } from './attach.ts';
import { compileCommand, showCompileCommand } from './compile.ts';
import { explainLogCommand } from '../language/explainLog.ts';
import type { VerifierView } from '../verifierView/verifierView.ts';
import type { HotReload } from '../../session/attach/hotReload.ts';
import { confirmCommand } from '../guards.ts';
import { detachCommand } from './detach.ts';
import { goToSourceCommand, sourceOf } from './goToSource.ts';
import { passToPeerCommand } from './passToPeer.ts';
import { adoptCommand, keepCommand, replaceCommand, toggleHotReloadCommand } from './replace.ts';
import { startLabCommand, stopLabCommand } from './lab.ts';
import { verifyCommand } from './verify.ts';
import type { PacketTests } from '../testing/packetTests.ts';

/**
 * One line per command; every failure of any of them reaches the user through one place. `isBusy` says whether one is
 * under way, `onDidEnd` is called after the last.
 */
export function registerCommands(
  services: Services,
  interfaces: InterfacesView,
  maps: MapsView,
  mapPanels: MapPanels,
  packets: PacketPanel,
  reload: HotReload,
  traces: Traces,
  verifier: VerifierView,
  stories: VerdictStories,
  tests: PacketTests,
): vscode.Disposable & { isBusy(): boolean; onDidEnd(listener: () => void): void } {
  let running = 0;
  let ended = (): void => undefined;
  const register = (id: string, run: (...args: unknown[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(id, async (...args: unknown[]) => {
      running++;
      try {
        return await run(...args);
      } catch (error) {
        // Not awaited: a command is done when its work is, not when its message is dismissed.
        void showError(services, error);
        return undefined;
      } finally {
        running--;
        if (running === 0) ended();
      }
    });
  const registered = vscode.Disposable.from(
    register(commands.getStarted, () =>
      import('../walkthrough/practice.ts').then(({ openWalkthroughCommand }) => openWalkthroughCommand()),
    ),
    register(commands.practice, async (asked, about) => {
      const { practiceCommand } = await import('../walkthrough/practice.ts');
      await practiceCommand({ services, mapPanels, packets, tests }, asked, about);
    }),
    register(commands.newProject, (asked) =>
      import('./newProject.ts').then(({ newProjectCommand }) => newProjectCommand(services, asked)),
    ),
    register(commands.exportBpfman, (target) =>
      import('./exportBpfman.ts').then(({ exportBpfmanCommand }) => exportBpfmanCommand(services, target)),
    ),
    register(commands.compile, (target) => compileCommand(services, target)),
    register(commands.verify, (target) => verifyCommand(services, target)),
    register(commands.explainLog, () => explainLogCommand(services)),
    register(commands.showDisassembly, async (target, program) => {
      const { showDisassemblyCommand } = await import('../disassembly/showDisassembly.ts');
      await showDisassemblyCommand(services, target, program);
    }),
    register(commands.showMachineCode, async (target, program) => {
      const { showMachineCodeCommand } = await import('../disassembly/showDisassembly.ts');
      await showMachineCodeCommand(services, target, program);
    }),
    register(commands.openVerifierView, async (target, program) => {
      const { openVerifierViewCommand } = await import('../verifierView/openVerifierView.ts');
      await openVerifierViewCommand(services, verifier, target, program);
    }),
    register(commands.openVerifierLog, async () => {
      const { openLogCommand } = await import('../verifierView/openVerifierView.ts');
      await openLogCommand(verifier);
    }),
    register(commands.shareFlags, async (target) => {
      const { shareFlagsCommand } = await import('../language/shareFlags.ts');
      await shareFlagsCommand(services, target);
    }),
    register(commands.showCompile, (target) => showCompileCommand(services, target)),
    register(commands.attach, (target) => attachCommand(services, target)),
    register(commands.detach, (target) => detachCommand(services, target)),
    register(commands.replace, (target) => replaceCommand(services, target)),
    register(commands.toggleHotReload, (target) => toggleHotReloadCommand(services, reload, target)),
    register(commands.confirmAttachment, () => confirmCommand(services)),
    register(commands.keepAttached, (target) => keepCommand(services, target)),
    register(commands.adopt, (target) => adoptCommand(services, target)),
    register(commands.startLab, () => startLabCommand(services)),
    register(commands.stopLab, () => stopLabCommand(services)),
    register(commands.debug, (target, fn) => debugCommand(target, fn)),
    register(commands.generatePackets, (target) =>
      import('../testing/generatePackets.ts').then(({ generatePacketsCommand }) =>
        generatePacketsCommand(services, target),
      ),
    ),
    register(commands.checkTests, (target) =>
      import('../testing/checkTests.ts').then(({ checkTestsCommand }) => checkTestsCommand(services, target)),
    ),
    register(commands.showStory, async (target) => {
      const { showTestStory } = await import('../story/testStory.ts');
      await showTestStory(services, stories, target);
    }),
    register(commands.clearStory, () => stories.clear()),
    register(commands.goToSource, (target) => goToSourceCommand(target)),
    register(commands.attachPassToPeer, (target) => passToPeerCommand(services, target, interfaces.survey)),
    register(commands.lookAround, () => interfaces.lookAround()),
    register(commands.refreshInterfaces, () => interfaces.refresh()),
    register(commands.runPacket, (target) => packets.open(sourceOf(target) ?? target)),
    register(commands.openMapViewer, () => maps.show()),
    register(commands.openMap, (target) =>
      import('../maps/openMap.ts').then(({ openMapCommand }) => openMapCommand(services, mapPanels, target)),
    ),
    register(commands.restartHelper, async () => {
      const { restartHelper } = await import('./restartHelper.ts');
      if (await restartHelper(services)) await maps.resume();
    }),
    register(commands.showPrintk, () => traces.showPrintk()),
    register(commands.showLog, () => services.log.show()),
  );
  return {
    isBusy: () => running > 0,
    onDidEnd: (listener) => {
      ended = listener;
    },
    dispose: () => registered.dispose() as void,
  };
}
