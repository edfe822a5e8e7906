import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { createServices, type Services } from '../../extension/host/services.ts';
import { runOnSave } from '../../extension/host/testing/continuous.ts';
import { Discovery } from '../../extension/host/testing/discovery.ts';
import { type EngineName, runTests } from '../../extension/host/testing/runTests.ts';
import { testsUnder } from '../../extension/host/testing/testTree.ts';

const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp');
const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const isRoot = process.getuid?.() === 0;

async function until<T>(what: string, ask: () => T | undefined): Promise<T> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 50) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await sleep(50);
  }
  throw new Error(`Waited in vain for ${what}`);
}

function wordsOf(message: vscode.TestMessage | undefined): string {
  return typeof message?.message === 'string' ? message.message : '';
}

interface Result {
  state: 'passed' | 'failed' | 'errored' | 'skipped';
  messages: readonly vscode.TestMessage[];
}

/** What the Test Explorer would be told. */
class Recorder implements vscode.TestRun {
  readonly name = undefined;
  readonly token = new vscode.CancellationTokenSource().token;
  readonly isPersisted = false;
  readonly onDidDispose = () => new vscode.Disposable(() => undefined);
  readonly results = new Map<string, Result>();
  readonly startedItems: string[] = [];
  output = '';
  onResult: () => void = () => undefined;

  enqueued(): void {}
  addCoverage(): void {}
  end(): void {}

  started({ label }: vscode.TestItem): void {
    this.startedItems.push(label);
  }

  passed(item: vscode.TestItem): void {
    this.#add(item, 'passed', []);
  }

  skipped(item: vscode.TestItem): void {
    this.#add(item, 'skipped', []);
  }

  failed(item: vscode.TestItem, messages: vscode.TestMessage | readonly vscode.TestMessage[]): void {
    this.#add(item, 'failed', messages);
  }

  errored(item: vscode.TestItem, messages: vscode.TestMessage | readonly vscode.TestMessage[]): void {
    this.#add(item, 'errored', messages);
  }

  appendOutput(output: string): void {
    this.output += output;
  }

  states(): string[] {
    return [...this.results].map(([label, { state }]) => `${state}: ${label}`);
  }

  #add(
    item: vscode.TestItem,
    state: Result['state'],
    messages: vscode.TestMessage | readonly vscode.TestMessage[],
  ): void {
    assert.ok(!this.results.has(item.label), `${item.label} has two results`);
    this.results.set(item.label, { state, messages: messages instanceof vscode.TestMessage ? [messages] : messages });
    this.onResult();
  }
}

describe('packet tests in the Test Explorer', () => {
  let controller: vscode.TestController;
  let discovery: Discovery;
  let services: Services;
  let folder: string;
  const subscriptions: vscode.Disposable[] = [];

  before(() => {
    assert.ok(extension);
    const { extensionPath, extensionUri } = extension;
    folder = path.join(workspace, 'packet tests');
    cpSync(path.join(extensionPath, 'bpf/examples'), folder, { recursive: true });
    const asAbsolutePath = (relative: string): string => path.join(extensionPath, relative);
    services = createServices({ subscriptions, asAbsolutePath, extensionUri } as unknown as vscode.ExtensionContext);
    controller = vscode.tests.createTestController('xdp.packetTests.tested', 'Tested');
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

  const itemOf = (relative: string): vscode.TestItem | undefined =>
    controller.items.get(vscode.Uri.file(path.join(folder, relative)).toString());

  async function fileItem(relative: string): Promise<vscode.TestItem> {
    await discovery.findAll();
    const item = await until(`the item of ${relative}`, () => itemOf(relative));
    await discovery.read(item);
    return item;
  }

  async function run(file: vscode.TestItem, engine: EngineName, recorder = new Recorder()): Promise<Recorder> {
    const token = new vscode.CancellationTokenSource().token;
    const tests = testsUnder(file, new Set());
    const files = [{ file, tests, source: discovery.sourceOf(file) }];
    await runTests(recorder, files, { services, engine, token, save: true });
    return recorder;
  }

  /** A source and its test file in a folder of their own. */
  function write(name: string, code: string, tests: unknown[]): { relative: string; source: string; text: string } {
    const relative = `${name}/${name}.xdptest.json`;
    mkdirSync(path.join(folder, name), { recursive: true });
    const source = path.join(folder, name, `${name}.bpf.c`);
    writeFileSync(source, code);
    const text = JSON.stringify({ source: `${name}.bpf.c`, tests }, null, 2);
    writeFileSync(path.join(folder, relative), text);
    return { relative, source, text };
  }

  const program = (body: string): string =>
    `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp")\nint prog(struct xdp_md *ctx)\n{\n${body}\n}\nchar _license[] SEC("license") = "GPL";\n`;

  it('finds the files of the workspace, and reads none of them before it is asked', async () => {
    await discovery.findAll();
    await until('the files', () => (controller.items.size >= 5 ? true : undefined));
    const item = itemOf('vlan/xdp_vlan_pop.xdptest.json');
    assert.equal(item?.label, 'xdp_vlan_pop.xdptest.json');
    assert.equal(item.description, 'packet tests/vlan');
    assert.equal(item.canResolveChildren, true);
    assert.equal(item.children.size, 0);
  });

  it('shows tests where they stand, under their programs where a file has several', async () => {
    const flat = await fileItem('counter/xdp_counter.xdptest.json');
    const text = readFileSync(path.join(folder, 'counter/xdp_counter.xdptest.json'), 'utf8');
    const document = await vscode.workspace.openTextDocument(flat.uri ?? vscode.Uri.file(''));
    const { tests } = JSON.parse(text) as { tests: { name: string }[] };
    const items = testsUnder(flat, new Set());
    assert.deepEqual(
      items.map(({ label }) => label),
      tests.map(({ name }) => name),
    );
    for (const item of items) {
      assert.ok(item.range);
      assert.equal((JSON.parse(document.getText(item.range)) as { name: string }).name, item.label);
    }
    const nested = await fileItem('multi/xdp_multi.xdptest.json');
    const programs = [...nested.children].map(([, item]) => item.label);
    assert.deepEqual(programs.slice(0, 4), ['xdp_reflect', 'xdp_pass', 'xdp_drop', 'xdp_drop_large']);
    const reflect = [...nested.children].map(([, item]) => item).find(({ label }) => label === 'xdp_reflect');
    assert.ok(reflect && reflect.children.size >= 2);
  });

  it('follows what is typed: problems at their place, the last good tests stay', async () => {
    const { relative } = write('typed', program('return XDP_PASS;'), [
      { name: 'one', packet: 'Ether()/IP()', expect: { action: 'XDP_PASS' } },
    ]);
    const uri = vscode.Uri.file(path.join(folder, relative));
    const editor = await vscode.window.showTextDocument(uri);
    const item = await until('its tests', () => (itemOf(relative)?.children.size === 1 ? itemOf(relative) : undefined));
    const ours = (): vscode.Diagnostic[] =>
      vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'xdp');
    const replace = async (from: string, to: string): Promise<void> => {
      const { document } = editor;
      const start = document.getText().indexOf(from);
      const range = new vscode.Range(document.positionAt(start), document.positionAt(start + from.length));
      assert.ok(await editor.edit((edit) => edit.replace(range, to)));
    };
    await replace('XDP_PASS', 'XDP_PAS');
    const [problem] = await until('a problem', () => (ours().length > 0 ? ours() : undefined));
    assert.equal(editor.document.getText(problem?.range), '"XDP_PAS"');
    // The extension's own explorer tells the same problem; this one may be a moment later.
    await until('an error at the file', () => item.error);
    assert.equal(item.children.size, 1);
    await replace('XDP_PAS', 'XDP_DROP');
    await replace('"one"', '"renamed"');
    await until('no problem', () => (ours().length === 0 ? true : undefined));
    await until('the new name', () => item.children.get('renamed'));
    assert.equal(item.error, undefined);
    // What runs is what is on the screen.
    const recorder = await run(item, 'vm');
    assert.deepEqual(recorder.states(), ['failed: renamed']);
    assert.equal(editor.document.isDirty, false);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('follows files that come and go', async () => {
    await discovery.findAll();
    const { relative } = write('later', program('return XDP_PASS;'), []);
    await until('the new file', () => itemOf(relative));
    rmSync(path.join(folder, 'later'), { recursive: true });
    await until('it to go', () => (itemOf(relative) === undefined ? true : undefined));
  });

  for (const engine of ['vm', 'kernel'] as const) {
    it(`passes the tests of the examples: ${engine}`, async function () {
      if (engine === 'kernel' && !isRoot) this.skip();
      for (const relative of ['counter/xdp_counter', 'firewall/xdp_firewall', 'multi/xdp_multi', 'vlan/xdp_vlan_pop']) {
        const file = await fileItem(`${relative}.xdptest.json`);
        const expected = testsUnder(file, new Set()).map(({ label }) => `passed: ${label}`);
        const recorder = await run(file, engine);
        assert.deepEqual(recorder.states().sort(), expected.sort(), recorder.output);
        assert.equal(recorder.startedItems.length, expected.length);
      }
    });

    it(`puts a failure at its expectation, with both packets to compare, and what was printed: ${engine}`, async function () {
      if (engine === 'kernel' && !isRoot) this.skip();
      const code = program(
        '\tunsigned char *data = (void *)(long)ctx->data;\n\tif (data + 34 > (unsigned char *)(long)ctx->data_end)\n\t\treturn XDP_DROP;\n\tdata[22]--;\n\tbpf_printk("ttl %d", data[22]);\n\treturn XDP_PASS;',
      );
      const { relative, text } = write(`failing_${engine}`, code, [
        { name: 'skipped', skip: 'not now', packet: 'Ether()/IP()', expect: { action: 'XDP_PASS' } },
        { name: 'good', packet: "Ether()/IP(src='10.0.0.1')", expect: { action: 'XDP_PASS' } },
        { name: 'bad', packet: 'Ether()/IP(ttl=64)', expect: { action: 'XDP_TX', packet: 'Ether()/IP(ttl=64)' } },
      ]);
      const recorder = await run(await fileItem(relative), engine);
      assert.deepEqual(recorder.states(), ['skipped: skipped', 'passed: good', 'failed: bad']);
      const [action, packet] = recorder.results.get('bad')?.messages ?? [];
      const lineAt = (message: vscode.TestMessage | undefined): string =>
        text.split('\n')[message?.location?.range.start.line ?? -1] ?? '';
      assert.match(lineAt(action), /"XDP_TX"/);
      assert.deepEqual([action?.expectedOutput, action?.actualOutput], ['XDP_TX', 'XDP_PASS']);
      assert.match(lineAt(packet), /"packet": "Ether\(\)\/IP\(ttl=64\)"/);
      assert.match(wordsOf(packet), /IP\.ttl: expected 64, got 63/);
      assert.match(packet?.expectedOutput ?? '', /^IP\.ttl 64$/m);
      assert.match(packet?.expectedOutput ?? '', /^ {2}ttl +64$/m);
      assert.match(packet?.actualOutput ?? '', /^ {2}ttl +63$/m);
      assert.match(packet?.actualOutput ?? '', /^0010 {2}/m);
      assert.match(recorder.output, /bpf_printk: .*ttl 63/);
      assert.ok(!/[^\r]\n/.test(recorder.output), 'a terminal needs both');
    });
  }

  it('shows what does not compile at the tests and as Problems', async () => {
    const { relative, source } = write('broken', program('\treturn ctx->nope;'), [
      { name: 'first', packet: 'Ether()', expect: { action: 'XDP_PASS' } },
      { name: 'second', packet: 'Ether()', expect: { action: 'XDP_PASS' } },
    ]);
    const file = await fileItem(relative);
    const recorder = await run(file, 'vm');
    assert.deepEqual(recorder.states(), ['errored: first', 'errored: second']);
    assert.match(wordsOf(recorder.results.get('first')?.messages[0]), /broken\.bpf\.c does not compile: .*nope/);
    const problems = (): vscode.Diagnostic[] => vscode.languages.getDiagnostics(vscode.Uri.file(source));
    assert.equal(problems()[0]?.range.start.line, 5);
    writeFileSync(source, program('\treturn XDP_PASS;'));
    assert.deepEqual((await run(file, 'vm')).states(), ['passed: first', 'passed: second']);
    assert.deepEqual(problems(), []);
  });

  it("has the verifier's whole log in the output", async function () {
    if (!isRoot) this.skip();
    const { relative } = write('refused', program('\treturn *(unsigned char *)(long)ctx->data;'), [
      { name: 'never runs', packet: 'Ether()', expect: { action: 'XDP_PASS' } },
    ]);
    const recorder = await run(await fileItem(relative), 'kernel');
    assert.deepEqual(recorder.states(), ['errored: never runs']);
    assert.match(recorder.output, /invalid access to packet[\s\S]*processed \d+ insns/);
  });

  it('says what is wrong with a test file that is run all the same', async () => {
    const { relative } = write('invalid', program('return XDP_PASS;'), [{ name: 'no packet' }]);
    const file = await fileItem(relative);
    const recorder = await run(file, 'vm');
    assert.deepEqual(recorder.states(), [`errored: ${file.label}`]);
    assert.match(wordsOf(recorder.results.get(file.label)?.messages[0]), /A test has no packet/);
  });

  it('ends between two tests when it is cancelled', async () => {
    const tests = Array.from({ length: 5000 }, (_, index) => ({
      name: `test ${index}`,
      packet: 'Ether()/IP()',
      expect: { action: 'XDP_PASS' },
    }));
    const { relative } = write('many', program('return XDP_PASS;'), tests);
    const file = await fileItem(relative);
    const recorder = new Recorder();
    const cancel = new vscode.CancellationTokenSource();
    // As a click does: from outside, while it runs.
    recorder.onResult = () => void setImmediate(() => cancel.cancel());
    const files = [{ file, tests: testsUnder(file, new Set()), source: discovery.sourceOf(file) }];
    await runTests(recorder, files, { services, engine: 'vm', token: cancel.token, save: true });
    assert.ok(recorder.results.size > 0 && recorder.results.size < 5000, `${recorder.results.size} results`);
  });

  it('runs again on save of the test file, its source or a header beside it, and of nothing else', async () => {
    const { relative, source } = write('saved', program('return XDP_PASS;'), [
      { name: 'one', packet: 'Ether()', expect: { action: 'XDP_PASS' } },
    ]);
    const header = path.join(path.dirname(source), 'own.h');
    const other = path.join(folder, 'firewall/xdp_firewall.bpf.c');
    writeFileSync(header, '\n');
    const file = await fileItem(relative);
    const runs: string[][] = [];
    const following = runOnSave({
      request: new vscode.TestRunRequest([file], undefined, undefined, true),
      controller,
      discovery,
      run: async ({ include = [] }) => {
        runs.push(include.map(({ label }) => label));
      },
    });
    const save = async (name: string): Promise<void> => {
      const editor = await vscode.window.showTextDocument(vscode.Uri.file(name));
      await editor.edit((edit) => edit.insert(new vscode.Position(0, 0), '\n'));
      assert.ok(await editor.document.save());
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    };
    try {
      for (const [index, name] of [source, header, path.join(folder, relative)].entries()) {
        await save(other);
        await save(name);
        await until(`run ${index + 1}`, () => (runs.length > index ? true : undefined));
        await sleep(300);
        assert.deepEqual(runs, Array(index + 1).fill([file.label]), name);
      }
    } finally {
      following.dispose();
    }
    await save(source);
    await sleep(400);
    assert.equal(runs.length, 3);
  });
});
