import { translated } from '../../core/text/language.ts';
import { setImmediate as events } from 'node:timers/promises';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { TestResult } from '../../core/packetTest/result.ts';
import { CompileFailed } from '../../session/bpfObject.ts';
import { possibleCpus } from '../../session/engine/target.ts';
import { vmTestEngine } from '../../session/engine/vmTests.ts';
import { type FileReport, type PacketTestEvent, runPacketTests } from '../../session/packetTest/packetTest.ts';
import type { TestEngine } from '../../session/packetTest/engine.ts';
import { saveIfDirty } from '../build.ts';
import { showDiagnostics } from '../diagnostics.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';
import { failureMessage, fileMessage, printable, problemMessage } from './messages.ts';
import { observedEngine } from './observedEngine.ts';

export type EngineName = 'kernel' | 'vm' | 'both';

/** The tests to run of one file. */
export interface FileTests {
  file: vscode.TestItem;
  /** In the order of the file. None where the file cannot be read: running it says why. */
  tests: readonly vscode.TestItem[];
  source: string | undefined;
}

/** What tests need of the window. */
export type TestServices = Pick<Services, 'log' | 'diagnostics' | 'milestones' | 'buildOptions'> & {
  kernel: Pick<Services['kernel'], 'own'>;
};

export interface RunOptions {
  services: TestServices;
  engine: EngineName;
  token: vscode.CancellationToken;
  /** Compile and run what is on the screen; false: what was saved. */
  save: boolean;
  /** Listens to what the engine runs. */
  around?: (engine: TestEngine, testFile: string) => TestEngine;
}

/** Longer than this no click waits for tests that do not wait for anything themselves. */
const breathMs = 20;

/**
 * Runs tests and reports into the run, as results come. Throws what concerns all of them (no trust, no privilege); then
 * every test that has no result yet has that one.
 */
export async function runTests(
  run: vscode.TestRun,
  files: readonly FileTests[],
  { services, engine, token, save, around = (same) => same }: RunOptions,
): Promise<void> {
  const cancel = new AbortController();
  const subscription = token.onCancellationRequested(() => cancel.abort());
  if (token.isCancellationRequested) cancel.abort();
  const reporters = files.map((each) => new FileReporter(run, each, services));
  for (const { tests } of files) for (const test of tests) run.enqueued(test);
  const start = async (): Promise<TestEngine> => {
    if (engine === 'vm') return vmTestEngine(possibleCpus());
    const client = await services.kernel.own();
    const { kernelTestEngine } = await import('../../session/packetTest/kernel.ts');
    if (engine === 'kernel') return kernelTestEngine(client);
    const { bothTestEngine, machinesToCompare } = await import('../../session/engine/bothTests.ts');
    const { onlineCpus, possibleCpus: possible } = client.hello;
    return bothTestEngine(kernelTestEngine(client), machinesToCompare(possible), onlineCpus[0] ?? 0);
  };
  let breathed = performance.now();
  try {
    requireTrust();
    for (const reporter of reporters) {
      const { uri, source, names } = reporter;
      if (cancel.signal.aborted) return;
      if (save) for (const each of [uri, source]) await saveIfDirty(each);
      const events = runPacketTests({
        files: [uri.fsPath],
        build: { ...services.buildOptions(source), signal: cancel.signal },
        engine: async () => observedEngine(around(await start(), uri.fsPath), reporter),
        select: ({ name }) => names.has(name),
        signal: cancel.signal,
      });
      for await (const event of events) {
        reporter.onEvent(event);
        if (performance.now() - breathed < breathMs) continue;
        await breathe();
        breathed = performance.now();
      }
    }
  } catch (error) {
    if (cancel.signal.aborted) return;
    const problem = error instanceof XdpError ? error : new XdpError('kernel', String(error), { cause: error });
    const hint = engine !== 'vm' && isAboutPrivilege(problem) ? withoutPrivilege(problem) : problem;
    for (const reporter of reporters) reporter.fail(hint);
    throw error;
  } finally {
    subscription.dispose();
  }
}

/** The built-in machine never waits: without this the Cancel button would not be heard. */
async function breathe(): Promise<void> {
  await events();
}

function isAboutPrivilege({ code }: XdpError): boolean {
  return code === 'privilege' || code === 'elevation-refused' || code === 'environment';
}

function withoutPrivilege({ code, message, fix, details, cause }: XdpError): XdpError {
  const other = vscode.l10n.t('"Run in Built-in Machine" needs no privilege.');
  return new XdpError(code, message, { fix: fix === undefined ? other : `${fix} ${other}`, details, cause });
}

/** Reports on one file of a run. */
class FileReporter {
  readonly uri: vscode.Uri;
  readonly source: vscode.Uri;
  readonly names: ReadonlySet<string>;
  readonly #run: vscode.TestRun;
  readonly #file: vscode.TestItem;
  readonly #services: TestServices;
  /** Without a result yet, in the order in which they run. */
  readonly #waiting: Map<string, vscode.TestItem>;
  #ended = false;

  constructor(run: vscode.TestRun, { file, tests, source }: FileTests, services: TestServices) {
    this.#run = run;
    this.#file = file;
    this.#services = services;
    this.uri = file.uri ?? vscode.Uri.parse(file.id);
    this.source = source === undefined ? this.uri : vscode.Uri.file(source);
    this.#waiting = new Map(tests.map((test) => [test.id, test]));
    this.names = new Set(this.#waiting.keys());
  }

  onEvent(event: PacketTestEvent): void {
    switch (event.kind) {
      case 'fileStarted':
        this.#say(`${vscode.workspace.asRelativePath(this.uri)}  ${event.program ?? ''}`.trimEnd());
        this.#startNext();
        return;
      case 'tested':
        this.#onTested(event.result);
        this.#startNext();
        return;
      case 'fileEnded':
        this.#onEnded(event.report);
        return;
    }
  }

  onOpen({ compiled, file }: { compiled: CompileFailed['result'] | undefined; file: string }): void {
    if (compiled) showDiagnostics(this.#services.diagnostics, vscode.Uri.file(file), compiled.diagnostics);
  }

  onRejected(program: string, log: string): void {
    this.#say(`${vscode.l10n.t('The verifier refuses {0}:', program)}\n${log.trimEnd()}`);
  }

  /** Nothing more can be run: every test that has no result has this one. */
  fail(problem: XdpError): void {
    if (this.#ended) return;
    this.#ended = true;
    const items = this.#waiting.size > 0 ? [...this.#waiting.values()] : this.names.size > 0 ? [] : [this.#file];
    for (const item of items) this.#run.errored(item, fileMessage(item, problem));
    this.#waiting.clear();
  }

  #startNext(): void {
    const [next] = this.#waiting.values();
    if (next) this.#run.started(next);
  }

  #onTested(result: TestResult): void {
    const { name, status, durationMs, failures, steps } = result;
    const item = this.#waiting.get(name);
    if (item === undefined) return;
    this.#waiting.delete(name);
    const packets = steps.flatMap(({ action, packetIn, packetOut, printk }) => [
      `    ${action}  ${vscode.l10n.t('{0} bytes in, {1} out', packetIn.length, packetOut.length)}`,
      ...printedLines(printk).map((line) => `    bpf_printk: ${line}`),
    ]);
    switch (status) {
      case 'passed':
        this.#say(`  \u2713 ${name}`, packets, item);
        this.#run.passed(item, durationMs);
        this.#services.milestones.passed();
        break;
      case 'failed': {
        const messages = failures.map((failure) => failureMessage(this.uri, failure));
        const words = messages.flatMap(({ message }) => indented(message));
        this.#say(`  \u2717 ${name}`, [...words, ...packets], item);
        this.#run.failed(item, messages, durationMs);
        break;
      }
      case 'error': {
        const message = problemMessage(this.uri, result);
        this.#say(`  \u2717 ${name}`, indented(message.message), item);
        this.#run.errored(item, message, durationMs);
        break;
      }
      case 'skipped':
        this.#say(`  - ${name} (${result.skip ?? ''})`, [], item);
        this.#run.skipped(item);
        break;
    }
  }

  #onEnded({ problem }: FileReport): void {
    if (problem !== undefined) {
      if (problem instanceof CompileFailed)
        showDiagnostics(this.#services.diagnostics, this.source, problem.result.diagnostics);
      this.#say(vscode.workspace.asRelativePath(this.uri), indented(fileMessage(this.#file, problem).message));
      this.fail(problem);
    }
    this.#ended = true;
  }

  #say(heading: string, lines: readonly string[] = [], item?: vscode.TestItem): void {
    // A test's name begins no line of its own.
    const text = [heading.replaceAll('\n', String.raw`\n`), ...lines].map((line) => printable(line)).join('\n');
    this.#run.appendOutput(`${text.replaceAll('\n', '\r\n')}\r\n`, undefined, item);
  }
}

function printedLines(printk: TestResult['steps'][number]['printk']): readonly string[] {
  if (printk === undefined) return [];
  return 'problem' in printk ? [vscode.l10n.t('(could not be read: {0})', translated(printk.problem))] : printk;
}

function indented(message: string | vscode.MarkdownString): string[] {
  return (typeof message === 'string' ? message : message.value).split('\n').map((line) => `    ${line}`);
}
