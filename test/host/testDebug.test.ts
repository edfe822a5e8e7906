import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { debugTest } from '../../extension/host/debug/debugTest.ts';
import { createServices, type Services } from '../../extension/host/services.ts';
import { detailsOf, runWithCoverage } from '../../extension/host/testing/coverage.ts';
import { Discovery } from '../../extension/host/testing/discovery.ts';
import { testsUnder } from '../../extension/host/testing/testTree.ts';

const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp');
const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const dropped = 'blocked source is dropped';
const ipv6 = 'IPv6 passes';

async function until<T>(what: string, ask: () => T | undefined): Promise<T> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 50) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await sleep(50);
  }
  throw new Error(`Waited in vain for ${what}`);
}

/** What Test Explorer's profiles do beside running: debugging a test, and coverage of each. */
describe('packet tests that are debugged and measured', () => {
  let services: Services;
  let controller: vscode.TestController;
  let discovery: Discovery;
  let folder: string;
  let testFile: vscode.Uri;
  const subscriptions: vscode.Disposable[] = [];

  before(async () => {
    assert.ok(extension);
    await extension.activate();
    const { extensionPath, extensionUri } = extension;
    folder = path.join(workspace, 'debugged tests');
    cpSync(path.join(extensionPath, 'bpf/examples/firewall'), folder, { recursive: true });
    testFile = vscode.Uri.file(path.join(folder, 'xdp_firewall.xdptest.json'));
    const asAbsolutePath = (relative: string): string => path.join(extensionPath, relative);
    services = createServices({ subscriptions, asAbsolutePath, extensionUri } as unknown as vscode.ExtensionContext);
    controller = vscode.tests.createTestController('xdp.packetTests.measured', 'Measured');
    discovery = new Discovery(controller);
  });

  after(async () => {
    discovery.dispose();
    controller.dispose();
    await services.kernel.dispose();
    vscode.Disposable.from(...subscriptions).dispose();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(folder, { recursive: true, force: true });
  });

  it('Debug stops in the test’s packet, goes on to its verdict, and ends with the session', async () => {
    const stops: string[] = [];
    let printed = '';
    subscriptions.push(
      vscode.debug.registerDebugAdapterTrackerFactory('xdp', {
        createDebugAdapterTracker: () => ({
          onDidSendMessage: (message: { event?: string; body?: { reason?: string; output?: string } }) => {
            if (message.event === 'stopped') stops.push(message.body?.reason ?? '');
            if (message.event === 'output') printed += message.body?.output ?? '';
          },
        }),
      }),
    );
    const token = new vscode.CancellationTokenSource().token;
    const debugged = debugTest(testFile, dropped, token);
    await until('the first stop', () => stops[0]);
    const session = await until('the session', () => vscode.debug.activeDebugSession);
    assert.equal(session.configuration['test'], dropped);
    await session.customRequest('continue', { threadId: 1 });
    assert.equal(await debugged, true);
    assert.match(printed, /XDP_DROP; the packet is unchanged/);
    assert.match(printed, /The optimised object, as the kernel gets it, comes to the same\./);
  });

  it('Show Verdict Story opens the source that a test is about', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    const item = controller.createTestItem(dropped, dropped, testFile);
    await vscode.commands.executeCommand('xdp.showStory', item);
    const shown = vscode.window.visibleTextEditors.map(({ document }) => path.basename(document.uri.fsPath));
    assert.deepEqual(shown, ['xdp_firewall.bpf.c']);
    await vscode.commands.executeCommand('xdp.clearStory');
  });

  it('Coverage tells what each test ran, and what all did', async () => {
    await discovery.findAll();
    const file = await until('the test file', () => controller.items.get(testFile.toString()));
    await discovery.read(file);
    const tests = testsUnder(file, new Set());
    const run = controller.createTestRun(new vscode.TestRunRequest([file]), undefined, false);
    const covered: vscode.FileCoverage[] = [];
    const add = run.addCoverage.bind(run);
    run.addCoverage = (coverage) => {
      covered.push(coverage);
      add(coverage);
    };
    const token = new vscode.CancellationTokenSource().token;
    await runWithCoverage(run, [{ file, tests, source: discovery.sourceOf(file) }], { services, token });
    run.end();
    const [source] = covered;
    assert.equal(covered.length, 1);
    assert.ok(source);
    assert.equal(path.basename(source.uri.fsPath), 'xdp_firewall.bpf.c');
    assert.deepEqual(source.includesTests?.map(({ label }) => label).sort(), tests.map(({ label }) => label).sort());
    const ran = (test?: string): number[] =>
      detailsOf(
        source,
        tests.find(({ label }) => label === test),
      )
        .filter((each) => each instanceof vscode.StatementCoverage && Number(each.executed) > 0)
        .map(({ location }) => (location instanceof vscode.Range ? location.start.line : location.line))
        .sort((a, b) => a - b);
    const [all, droppedLines, ipv6Lines] = [ran(), ran(dropped), ran(ipv6)];
    assert.ok(ipv6Lines.length > 0 && ipv6Lines.length < droppedLines.length && droppedLines.length < all.length);
    const union = new Set(tests.flatMap(({ label }) => ran(label)));
    assert.deepEqual(
      [...union].sort((a, b) => a - b),
      all,
    );
  });
});
