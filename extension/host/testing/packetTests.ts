import * as vscode from 'vscode';
import { showError } from '../errors.ts';
import { runOnSave } from './continuous.ts';
import { Discovery } from './discovery.ts';
import type { EngineName, FileTests, TestServices } from './runTests.ts';
import { byPlace, fileOf, testsUnder } from './testTree.ts';

/** The packet tests of the workspace in VS Code's Test Explorer. Reads and runs nothing before it is asked to. */
export class PacketTests implements vscode.Disposable {
  readonly #services: TestServices;
  readonly #controller: vscode.TestController;
  readonly #discovery: Discovery;
  readonly #continuous = new Set<vscode.Disposable>();
  /** Runs, and run-on-save, that use the helper. */
  #helperUses = 0;
  #ended: () => void = () => undefined;

  /** `machine`: where there is neither a kernel nor a clang nor a debugger, tests run in the built-in machine only. */
  constructor(services: TestServices, { engines }: { engines: 'all' | 'machine' } = { engines: 'all' }) {
    this.#services = services;
    this.#controller = vscode.tests.createTestController('xdp.packetTests', vscode.l10n.t('XDP Packet Tests'));
    this.#discovery = new Discovery(this.#controller);
    this.#controller.resolveHandler = (item) => (item ? this.#discovery.read(item) : this.#discovery.findAll());
    this.#controller.refreshHandler = () => this.#discovery.refresh();
    if (engines === 'machine') {
      this.#addProfile(vscode.l10n.t('Run in Built-in Machine'), 'vm', true);
      return;
    }
    const isLinux = process.platform === 'linux';
    this.#addProfile(vscode.l10n.t('Run on Kernel'), 'kernel', isLinux);
    this.#addProfile(vscode.l10n.t('Run in Built-in Machine'), 'vm', !isLinux);
    if (isLinux) this.#addProfile(vscode.l10n.t('Compare Kernel and Built-in Machine'), 'both', false);
    this.#addCoverageProfile();
    const debug = vscode.TestRunProfileKind.Debug;
    this.#controller.createRunProfile(
      vscode.l10n.t('Debug'),
      debug,
      (request, token) => this.#debug(request, token),
      true,
    );
  }

  dispose(): void {
    vscode.Disposable.from(...this.#continuous, this.#discovery, this.#controller).dispose();
  }

  /** Is the helper needed, now or at the next save? */
  get usesHelper(): boolean {
    return this.#helperUses > 0;
  }

  onDidEnd(listener: () => void): void {
    this.#ended = listener;
  }

  /** Runs the tests of one file, of the workspace or not, and shows what comes of them. */
  async runFile(uri: vscode.Uri): Promise<void> {
    const item = await this.#discovery.open(uri);
    await vscode.commands.executeCommand('workbench.view.testing.focus');
    const engine = process.platform === 'linux' ? 'kernel' : 'vm';
    const { token } = new vscode.CancellationTokenSource();
    await this.#run(engine, new vscode.TestRunRequest([item]), token);
  }

  #addProfile(label: string, engine: EngineName, isDefault: boolean): void {
    const handler = (request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> =>
      request.continuous === true ? this.#follow(engine, request, token) : this.#run(engine, request, token);
    const kind = vscode.TestRunProfileKind.Run;
    this.#controller.createRunProfile(label, kind, handler, isDefault, undefined, true);
  }

  #addCoverageProfile(): void {
    const kind = vscode.TestRunProfileKind.Coverage;
    const handler = (request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> =>
      this.#run('vm', request, token, { coverage: true });
    const profile = this.#controller.createRunProfile(vscode.l10n.t('Coverage'), kind, handler, true);
    profile.loadDetailedCoverage = async (_, file) => (await import('./coverage.ts')).detailsOf(file);
    profile.loadDetailedCoverageForTest = async (_, file, test) =>
      (await import('./coverage.ts')).detailsOf(file, test);
  }

  /** Steps through the tests one after the other. What they expect is judged by running them. */
  async #debug(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    const run = this.#controller.createTestRun(request);
    try {
      const { debugTest } = await import('../debug/debugTest.ts');
      for (const { file, tests } of await this.#select(request)) {
        for (const test of tests) {
          if (token.isCancellationRequested || file.uri === undefined) return;
          run.started(test);
          if (!(await debugTest(file.uri, test.id, token))) return;
        }
      }
    } catch (error) {
      void showError(this.#services, error);
    } finally {
      run.end();
    }
  }

  async #run(
    engine: EngineName,
    request: vscode.TestRunRequest,
    token: vscode.CancellationToken,
    { coverage = false } = {},
  ): Promise<void> {
    const done = this.#use(engine);
    const run = this.#controller.createTestRun(request);
    const cancel = new vscode.CancellationTokenSource();
    const subscriptions = [token, run.token].map((each) => each.onCancellationRequested(() => cancel.cancel()));
    try {
      const { runTests } = await import('./runTests.ts');
      const files = await this.#select(request);
      // What runs on save is what was saved.
      const save = request.continuous !== true;
      const options = { services: this.#services, engine, token: cancel.token, save };
      if (coverage) await (await import('./coverage.ts')).runWithCoverage(run, files, options);
      else await runTests(run, files, options);
    } catch (error) {
      // It stands at every test as well: somebody who saves a file is not to be stopped by it.
      if (request.continuous !== true) void showError(this.#services, error);
    } finally {
      run.end();
      vscode.Disposable.from(...subscriptions, cancel).dispose();
      done();
    }
  }

  /** Until the token says stop. */
  async #follow(engine: EngineName, request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    const done = this.#use(engine);
    if (request.include === undefined) await this.#discovery.findAll();
    const following = runOnSave({
      request,
      controller: this.#controller,
      discovery: this.#discovery,
      run: (each) => this.#run(engine, each, token),
    });
    this.#continuous.add(following);
    const stop = (): void => {
      following.dispose();
      this.#continuous.delete(following);
      done();
    };
    if (token.isCancellationRequested) stop();
    else token.onCancellationRequested(stop);
  }

  /** The tests of a request by file, as the files are now. */
  async #select({ include, exclude }: vscode.TestRunRequest): Promise<FileTests[]> {
    if (include === undefined) await this.#discovery.findAll();
    const roots = include ?? [...this.#controller.items].map(([, item]) => item);
    const excluded = new Set(exclude);
    const files = new Set(roots.map(fileOf));
    // Reading keeps the items of tests that are still there.
    for (const file of files) await this.#discovery.read(file);
    return [...files].flatMap((file) => {
      if (excluded.has(file)) return [];
      const chosen = roots.filter((item) => fileOf(item) === file).flatMap((item) => testsUnder(item, excluded));
      const tests = [...new Set(chosen)].sort(byPlace);
      const broken = file.children.size === 0 && roots.includes(file);
      return tests.length > 0 || broken ? [{ file, tests, source: this.#discovery.sourceOf(file) }] : [];
    });
  }

  #use(engine: EngineName): () => void {
    if (engine === 'vm') return () => undefined;
    this.#helperUses++;
    return () => {
      this.#helperUses--;
      this.#ended();
    };
  }
}
