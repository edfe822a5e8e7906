import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { XdpApi } from '../../extension/host/api.ts';
import { commands } from '../../extension/host/ids.ts';

const extension = vscode.extensions.getExtension('vscode-xdp.vscode-xdp');
const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
const source = path.join(folder, 'counter/xdp_counter.bpf.c');
const object = source.replace(/\.c$/, '.o');

async function compile(file: string): Promise<readonly vscode.Diagnostic[]> {
  const uri = vscode.Uri.file(file);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
  await vscode.commands.executeCommand(commands.compile, uri);
  return vscode.languages.getDiagnostics(uri);
}

/**
 * VS Code's own marks around loading an extension's code and calling its activate(), as "Developer: Show Running
 * Extensions" adds them up. The rest of a request is VS Code's: storage, localisation, messages to the window.
 */
function ownActivationTimes(): { loadMs: number; activateMs: number } {
  const { MonacoPerformanceMarks: all } = globalThis as unknown as {
    MonacoPerformanceMarks: { getMarks(): { name: string; startTime: number }[] };
  };
  const at = (name: string): number => {
    const mark = all.getMarks().find((each) => each.name === `code/extHost/${name}/vscode-xdp.vscode-xdp`);
    assert.ok(mark, `VS Code made no mark ${name}`);
    return mark.startTime;
  };
  return {
    loadMs: at('didLoadExtensionCode') - at('willLoadExtensionCode'),
    activateMs: at('didActivateExtension') - at('willActivateExtension'),
  };
}

describe('the extension', () => {
  it('is not active before it is needed, and registers what its manifest promises', async () => {
    assert.ok(extension);
    assert.equal(extension.isActive, false, 'nothing activates it before it is needed');
    const start = performance.now();
    await extension.activate();
    const requestMs = performance.now() - start;
    // `npm run bench` reports it; no test asserts a time.
    writeFileSync(path.join(__dirname, 'activation.json'), JSON.stringify({ requestMs, ...ownActivationTimes() }));
    const registered = await vscode.commands.getCommands(true);
    for (const command of Object.values(commands)) assert.ok(registered.includes(command), command);
  });

  it('compiles the current file to an object beside it', async () => {
    rmSync(object, { force: true });
    assert.deepEqual(await compile(source), []);
    assert.equal(readFileSync(object).subarray(0, 4).toString('latin1'), '\x7fELF');
  });

  it('makes a project from a template', async () => {
    const made = path.join(folder, 'new-project');
    rmSync(made, { recursive: true, force: true });
    await vscode.commands.executeCommand(commands.newProject, { template: 'firewall', folder: made });
    for (const file of ['Makefile', 'xdp_firewall.bpf.c', 'include/xdp_maps.h', '.github/workflows/xdp.yml']) {
      assert.ok(existsSync(path.join(made, file)), file);
    }
    assert.deepEqual(await compile(path.join(made, 'xdp_firewall.bpf.c')), []);
    rmSync(made, { recursive: true, force: true });
  });

  it('gives another extension what docs/api.md promises', async () => {
    const seen = await vscode.commands.executeCommand<Record<string, unknown>>('apiConsumer.look', source);
    const { refused, ...others } = seen;
    assert.deepEqual(others, {
      version: 1,
      ok: true,
      diagnostics: [],
      action: 'XDP_DROP',
      attachments: [],
      changes: 0,
    });
    const { code, message, fix } = refused as Record<string, string>;
    assert.equal(code, 'packet-invalid');
    assert.match(message ?? '', /999 does not fit/);
    assert.ok(fix === undefined || fix.length > 0);
  });

  it('gives other extensions an API whose answers are the documents of the CLI', async () => {
    const api = (await extension?.activate()) as XdpApi;
    const file = vscode.Uri.file(source);
    assert.equal(api.version, 1);
    assert.equal((await api.compile(file)).ok, true);
    for (const engine of ['kernel', 'vm'] as const) {
      const run = await api.run({ file, packet: 'Ether()/IP()/UDP(dport=9)', engine });
      assert.equal(run['engine'], engine);
      assert.equal(run['action'], 'XDP_DROP');
    }
    assert.deepEqual(
      (await api.verify(file)).map(({ name, verdict }) => [name, verdict]),
      [['xdp_counter', 'accepted']],
    );
    assert.deepEqual(api.attachments(), []);
    await assert.rejects(api.run({ file, packet: 'Ether()/Nonsense()', engine: 'vm' }), { code: 'packet-invalid' });
  });

  const broken: { title: string; code: string; line: number; message: RegExp }[] = [
    {
      title: 'a type error',
      code: '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp")\nint p(struct xdp_md *ctx)\n{\n\treturn ctx->nope;\n}\n',
      line: 6,
      message: /nope/,
    },
    { title: 'a header that is not there', code: '#include "never_there.h"\n', line: 1, message: /never_there/ },
    { title: 'the short form of BCC', code: '#include <xdp_maps.h>\nBPF_HASH(table);\n', line: 2, message: /BPF_HASH/ },
  ];
  broken.forEach(({ title, code, line, message }, index) => {
    it(`puts ${title} on its line, and takes it away when it is mended`, async () => {
      const file = path.join(folder, `broken${index}.bpf.c`);
      writeFileSync(file, code);
      try {
        const error = (await compile(file)).find(({ severity }) => severity === vscode.DiagnosticSeverity.Error);
        assert.equal(error && error.range.start.line + 1, line);
        assert.match(error?.message ?? '', message);
        assert.equal(existsSync(file.replace(/\.c$/, '.o')), false);
        const editor = await vscode.window.showTextDocument(vscode.Uri.file(file));
        const whole = new vscode.Range(0, 0, editor.document.lineCount, 0);
        await editor.edit((edit) => edit.replace(whole, 'int fine;\n'));
        assert.deepEqual(await compile(file), []);
      } finally {
        await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
        rmSync(file, { force: true });
        rmSync(file.replace(/\.c$/, '.o'), { force: true });
      }
    });
  });

  it('takes the Problems of a file with the file, and those of its folder', async () => {
    const made = path.join(folder, 'gone');
    const file = path.join(made, 'broken.bpf.c');
    mkdirSync(made, { recursive: true });
    writeFileSync(file, 'int broken\n');
    try {
      assert.notDeepEqual(await compile(file), []);
      const edit = new vscode.WorkspaceEdit();
      edit.deleteFile(vscode.Uri.file(made), { recursive: true });
      assert.ok(await vscode.workspace.applyEdit(edit));
      for (let waited = 0; waited < 100 && vscode.languages.getDiagnostics(vscode.Uri.file(file)).length > 0; waited++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(vscode.languages.getDiagnostics(vscode.Uri.file(file)), []);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });

  it('takes a new tab of C for what is meant, not another file that is in sight', async () => {
    rmSync(object, { force: true });
    await vscode.window.showTextDocument(vscode.Uri.file(source), { viewColumn: vscode.ViewColumn.One });
    const tab = await vscode.workspace.openTextDocument({ language: 'c', content: 'int pasted;\n' });
    await vscode.window.showTextDocument(tab, { viewColumn: vscode.ViewColumn.Two });
    try {
      assert.equal(await vscode.commands.executeCommand(commands.compile), undefined);
      assert.equal(existsSync(object), false);
    } finally {
      await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    }
  });

  it('shows a rejected program at the C expression, with its cause in words', async () => {
    const file = path.join(folder, 'rejected.bpf.c');
    const lines = [
      '#include <linux/bpf.h>',
      '#include <linux/if_ether.h>',
      '#include <linux/ip.h>',
      '#include <bpf/bpf_helpers.h>',
      'SEC("xdp") int rejected(struct xdp_md *ctx)',
      '{',
      '\tstruct iphdr *ip = (void *)(long)ctx->data + sizeof(struct ethhdr);',
      '\treturn ip->protocol == 6 ? XDP_DROP : XDP_PASS;',
      '}',
      'char _license[] SEC("license") = "GPL";',
    ];
    writeFileSync(file, lines.join('\n'));
    const uri = vscode.Uri.file(file);
    try {
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
      await vscode.commands.executeCommand(commands.verify, uri);
      const [problem] = vscode.languages.getDiagnostics(uri);
      assert.equal(problem?.source, 'verifier');
      assert.equal(problem?.code, 'packet-bounds');
      assert.equal(problem && problem.range.start.line + 1, 8);
      assert.match(problem?.message ?? '', /data_end/);
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        uri,
        problem?.range ?? new vscode.Range(7, 0, 7, 1),
      );
      const shown = actions.find(({ command }) => command?.command === commands.openVerifierView);
      assert.deepEqual(shown?.command?.arguments?.map(String), [uri.toString(), 'rejected']);
      const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri);
      assert.ok(lenses.some(({ command }) => command?.command === commands.openVerifierView));
    } finally {
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
      rmSync(file, { force: true });
    }
  });

  it('offers every map macro as a snippet', async () => {
    const document = await vscode.workspace.openTextDocument({ language: 'c', content: 'BPF_' });
    await vscode.window.showTextDocument(document);
    const list = await vscode.commands.executeCommand<vscode.CompletionList>(
      'vscode.executeCompletionItemProvider',
      document.uri,
      new vscode.Position(0, 4),
    );
    const labels = list.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
    for (const macro of ['BPF_MAP', 'BPF_HASH', 'BPF_PERCPU_ARRAY', 'BPF_LPM_TRIE', 'BPF_RINGBUF', 'BPF_XSKMAP']) {
      assert.ok(labels.includes(macro), `${macro} is not among ${labels.join(', ')}`);
    }
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });

  it('has a compile task for each source, and runs it', async () => {
    rmSync(object, { force: true });
    const tasks = await vscode.tasks.fetchTasks({ type: 'xdp' });
    const task = tasks.find(({ definition }) => definition['file'] === 'counter/xdp_counter.bpf.c');
    assert.ok(task, tasks.map(({ name }) => name).join(', '));
    const ended = new Promise<number | undefined>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution.task.name !== task.name) return;
        subscription.dispose();
        resolve(event.exitCode);
      });
    });
    await vscode.tasks.executeTask(task);
    assert.equal(await ended, 0);
    assert.ok(existsSync(object));
  });

  it('runs a compile task of tasks.json, however its file is called', async () => {
    const other = path.join(folder, 'counter/other_name.c');
    const configured = path.join(folder, '.vscode/tasks.json');
    const before = existsSync(configured) ? readFileSync(configured) : undefined;
    cpSync(source, other);
    mkdirSync(path.dirname(configured), { recursive: true });
    const label = 'compile the other';
    const task = { type: 'xdp', task: 'compile', file: 'counter/other_name.c', label };
    writeFileSync(configured, JSON.stringify({ version: '2.0.0', tasks: [task] }));
    try {
      let found: vscode.Task | undefined;
      // VS Code hears of the file in its own time.
      for (let waited = 0; waited < 200 && found === undefined; waited++) {
        found = (await vscode.tasks.fetchTasks()).find(({ name }) => name === label);
        if (found === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(found, 'tasks.json is read');
      const ended = new Promise<number | undefined>((resolve) => {
        const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
          if (event.execution.task.name !== label) return;
          subscription.dispose();
          resolve(event.exitCode);
        });
      });
      await vscode.tasks.executeTask(found);
      assert.equal(await ended, 0);
      assert.ok(existsSync(other.replace(/\.c$/, '.o')));
    } finally {
      for (const file of [other, other.replace(/\.c$/, '.o'), configured]) rmSync(file, { force: true });
      if (before !== undefined) writeFileSync(configured, before);
    }
  });

  it('colours verifier logs and BPF assembly by their own languages', async () => {
    const languages = await vscode.languages.getLanguages();
    for (const id of ['bpf-verifier-log', 'bpf-asm']) assert.ok(languages.includes(id), id);
  });

  it('takes a folder name with spaces and a quote', async () => {
    const odd = path.join(folder, "it's odd");
    mkdirSync(odd, { recursive: true });
    const file = path.join(odd, 'x y.bpf.c');
    writeFileSync(file, readFileSync(source));
    try {
      assert.deepEqual(await compile(file), []);
      assert.ok(existsSync(file.replace(/\.c$/, '.o')));
    } finally {
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
      rmSync(odd, { recursive: true, force: true });
    }
  });
});
