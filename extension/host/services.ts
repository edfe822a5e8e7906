import path from 'node:path';
import * as vscode from 'vscode';
import { Attachments } from '../session/attach/attachments.ts';
import { passProgramOf } from '../session/interfaces/describe.ts';
import type { Look } from '../session/interfaces/survey.ts';
import type { BuildOptions } from '../session/bpfObject.ts';
import { type Elevation, KernelAccess } from '../session/kernelAccess.ts';
import { AttachmentRegistry } from '../session/attach/registry.ts';
import { DisassemblyViews } from './disassembly/disassemblyViews.ts';
import { forgetGoneFiles } from './diagnostics.ts';
import { settings } from './ids.ts';
import { CompileView } from './language/compileView.ts';
import { TextViews } from './language/textViews.ts';
import { VerdictStore } from './language/verdictStore.ts';
import { TestNotices } from './testing/testNotices.ts';
import { Milestones } from './walkthrough/milestones.ts';

/** What commands, views and panels share. Made at activation; nothing in it does any work before it is asked to. */
export interface Services {
  log: vscode.LogOutputChannel;
  /** What clang says. */
  diagnostics: vscode.DiagnosticCollection;
  /** What the kernel's verifier says of the programs of the file that was verified last. */
  verdicts: VerdictStore;
  /** Texts beside the source. */
  textViews: TextViews;
  /** What generated packets and changed programs showed. */
  testNotices: TestNotices;
  /** Listings of bytecode and machine code. */
  disassembly: DisassemblyViews;
  /** How each file was compiled. */
  compileView: CompileView;
  kernel: KernelAccess;
  attachments: Attachments;
  /** What looking at interfaces needs beside a helper. */
  look: Look;
  /** What a newcomer has done, for the walkthrough. */
  milestones: Milestones;
  extensionUri: vscode.Uri;
  /** Where this extension may keep files, for all workspaces. */
  storageUri: vscode.Uri;
  buildOptions(file: vscode.Uri): BuildOptions;
}

export function createServices(context: vscode.ExtensionContext): Services {
  const log = vscode.window.createOutputChannel('XDP', { log: true });
  const diagnostics = vscode.languages.createDiagnosticCollection('xdp');
  const verdicts = new VerdictStore();
  const textViews = new TextViews();
  const disassembly = new DisassemblyViews();
  const testNotices = new TestNotices();
  const kernel = new KernelAccess({
    helperPath: context.asAbsolutePath(path.join('dist', 'helper.js')),
    // Read whenever a helper starts: what was changed on the advice of an error is for the next try, not the next window.
    get execPath() {
      return setting(settings.nodePath) || process.execPath;
    },
    get elevation() {
      return setting(settings.elevation) as Elevation;
    },
    askPassword,
    onLog: (line) => log.info(line),
  });
  const registry = new AttachmentRegistry('vscode');
  const attachments = new Attachments(kernel, registry);
  const milestones = new Milestones();
  context.subscriptions.push(forgetGoneFiles(diagnostics, verdicts));
  context.subscriptions.push(milestones.follow(attachments), log, diagnostics, verdicts, disassembly, testNotices);
  return {
    log,
    diagnostics,
    verdicts,
    textViews,
    testNotices,
    disassembly,
    compileView: new CompileView(textViews),
    kernel,
    attachments,
    look: { registry, passProgram: passProgramOf(context.asAbsolutePath(path.join('bpf', 'include'))) },
    milestones,
    extensionUri: context.extensionUri,
    storageUri: context.globalStorageUri,
    buildOptions: (file) => buildOptions(context, file),
  };
}

function setting(name: string): string {
  return vscode.workspace.getConfiguration().get<string>(name) ?? '';
}

/** The password goes to sudo and nowhere else: it is neither stored nor logged. */
async function askPassword(prompt: string): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    password: true,
    ignoreFocusOut: true,
    title: vscode.l10n.t('XDP needs privilege to load and attach programs'),
    prompt,
  });
}

function buildOptions(context: vscode.ExtensionContext, file: vscode.Uri): BuildOptions {
  const folder = vscode.workspace.getWorkspaceFolder(file)?.uri.fsPath;
  const configuration = vscode.workspace.getConfiguration(undefined, file);
  const includePath = configuration.get<string[]>(settings.includePath) ?? [];
  const clangPath = configuration.get<string>(settings.clangPath);
  const vmlinux = configuration.get<string>(settings.vmlinux);
  return {
    bundledInclude: context.asAbsolutePath(path.join('bpf', 'include')),
    includeDirs: includePath.map((each) => path.resolve(folder ?? path.dirname(file.fsPath), each)),
    ...(vmlinux ? { vmlinux: path.resolve(folder ?? path.dirname(file.fsPath), vmlinux) } : {}),
    workspaceRoots: (vscode.workspace.workspaceFolders ?? []).map((each) => each.uri.fsPath),
    ...(clangPath ? { clangPath } : {}),
  };
}
