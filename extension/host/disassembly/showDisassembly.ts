import path from 'node:path';
import * as vscode from 'vscode';
import type { Row } from '../../core/disassembly/rows.ts';
import { type BpfObject, chooseProgram } from '../../session/bpfObject.ts';
import { buildFile, targetFile } from '../build.ts';
import type { Services } from '../services.ts';

/** `XDP: Show Disassembly`: the bytecode of a program beside its source. */
export async function showDisassemblyCommand(services: Services, target: unknown, named: unknown): Promise<void> {
  const file = await targetFile(target);
  if (!file) return;
  const title = vscode.l10n.t('Compiling {0}', path.basename(file.fsPath));
  const object = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    buildFile(services, file),
  );
  const program = typeof named === 'string' ? chooseProgram(object, named).name : await pickProgram(object);
  if (program === undefined) return;
  await services.disassembly.show(object, { file, program, make: (built) => bytecodeOf(built, program) });
}

async function bytecodeOf(object: BpfObject, program: string): Promise<readonly Row[]> {
  const { rowsOf } = await import('./rows.ts');
  return rowsOf(object, program);
}

async function pickProgram(object: BpfObject): Promise<string | undefined> {
  const { programs } = object.spec;
  if (programs.length <= 1) return chooseProgram(object, undefined).name;
  const picked = await vscode.window.showQuickPick(
    programs.map(({ name, section, insns }) => ({
      label: name,
      description: `SEC("${section}")`,
      detail: vscode.l10n.t('{0} instructions', insns),
    })),
    { title: vscode.l10n.t('Disassembly: program'), placeHolder: vscode.l10n.t('This object holds several programs') },
  );
  return picked?.label;
}
