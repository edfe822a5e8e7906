import path from 'node:path';
import * as vscode from 'vscode';
import { scanSource } from '../../core/c/source.ts';
import { parseTestFile } from '../../core/packetTest/parseTestFile.ts';
import { debugType } from '../ids.ts';

/** What a new launch.json starts with, and what is asked for without one. */
export function defaultConfiguration(): vscode.DebugConfiguration {
  return {
    type: debugType,
    request: 'launch',
    name: vscode.l10n.t('Debug XDP Program'),
    program: '${file}',
    packet: 'Ether()/IP(src="10.0.0.1")/TCP(dport=80)',
  };
}

interface Choice extends vscode.QuickPickItem {
  configuration: vscode.DebugConfiguration | 'packet';
}

/** More test files are not looked through. */
const maxTestFiles = 200;

/**
 * What to debug of a C file: one of the packet tests that name it, or a packet that is typed. Undefined when the user thinks
 * better of it.
 */
export async function chooseConfiguration(
  file: vscode.Uri,
  fn?: string,
): Promise<vscode.DebugConfiguration | undefined> {
  const name = fn ?? (await chooseFunction(file));
  if (name === undefined) return undefined;
  const choices: Choice[] = [
    { label: `$(edit) ${vscode.l10n.t('With a packet that I type…')}`, configuration: 'packet' },
    ...(await testChoices(file, name)),
  ];
  const picked =
    choices.length === 1
      ? choices[0]
      : await vscode.window.showQuickPick(choices, {
          title: vscode.l10n.t('Debug {0}', name || path.basename(file.fsPath)),
          placeHolder: vscode.l10n.t('Choose a packet'),
        });
  if (picked === undefined) return undefined;
  if (picked.configuration !== 'packet') return picked.configuration;
  const packet = await vscode.window.showInputBox({
    title: vscode.l10n.t('Debug {0}', name || path.basename(file.fsPath)),
    prompt: vscode.l10n.t('The packet: in Scapy form, as hex, or file.pcap#1'),
    value: 'Ether()/IP(src="10.0.0.1")/TCP(dport=80)',
    ignoreFocusOut: true,
  });
  if (packet === undefined) return undefined;
  return { ...defaultConfiguration(), program: file.fsPath, packet, ...(name === '' ? {} : { function: name }) };
}

/** The program to debug; empty where there is no choice. */
async function chooseFunction(file: vscode.Uri): Promise<string | undefined> {
  if (!file.path.endsWith('.c')) return '';
  const programs = scanSource(await textOf(file)).functions.filter(({ section }) => /^\??xdp/.test(section ?? ''));
  if (programs.length < 2) return programs[0]?.name ?? '';
  return await vscode.window.showQuickPick(
    programs.map(({ name }) => name),
    { title: vscode.l10n.t('XDP program') },
  );
}

async function testChoices(file: vscode.Uri, fn: string): Promise<Choice[]> {
  const choices: Choice[] = [];
  for (const uri of await testFilesFor(file)) {
    const { file: parsed } = parseTestFile(await textOf(uri));
    if (parsed === undefined || path.resolve(path.dirname(uri.fsPath), parsed.source.value) !== file.fsPath) continue;
    for (const { name, program = parsed.program } of parsed.tests) {
      if (program !== undefined && fn !== '' && program.value !== fn) continue;
      choices.push({
        label: `$(beaker) ${name}`,
        description: vscode.workspace.asRelativePath(uri),
        configuration: testConfiguration(uri, name),
      });
    }
  }
  return choices;
}

/** Those of the workspace; of a program outside it, such as the walkthrough's, those beside it. */
async function testFilesFor(source: vscode.Uri): Promise<vscode.Uri[]> {
  const inside = vscode.workspace.getWorkspaceFolder(source) !== undefined;
  const beside = new vscode.RelativePattern(vscode.Uri.joinPath(source, '..'), '*.xdptest.json');
  const pattern = inside ? '**/*.xdptest.json' : beside;
  return await vscode.workspace.findFiles(pattern, '**/node_modules/**', maxTestFiles);
}

export function testConfiguration(testFile: vscode.Uri, test: string): vscode.DebugConfiguration {
  return { type: debugType, request: 'launch', name: test, testFile: testFile.fsPath, test };
}

async function textOf(file: vscode.Uri): Promise<string> {
  const open = vscode.workspace.textDocuments.find((each) => each.uri.toString() === file.toString());
  return open?.getText() ?? new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
}
