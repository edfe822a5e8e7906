import * as vscode from 'vscode';
import { type BpfObject, chooseProgram } from '../../session/bpfObject.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import { sourceOf } from '../commands/goToSource.ts';
import { untilCancelled, withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';
import { isNode } from '../views/interfaces/nodes.ts';

/** `XDP: Show Disassembly`: the bytecode of a program beside its source. */
export async function showDisassemblyCommand(services: Services, target: unknown, named: unknown): Promise<void> {
  const chosen = await chooseFromFile(services, target, named);
  if (chosen === undefined) return;
  const { file, object, program } = chosen;
  const { rowsOf } = await import('./rows.ts');
  const remake = (built: BpfObject): ReturnType<typeof rowsOf> => rowsOf(built, program, services.buildOptions(file));
  await services.disassembly.show({ file, program, kind: 'bytecode', rows: await remake(object), remake });
}

/** `XDP: Show Machine Code`: of an attached program of the tree, else of a program of a file, which is loaded for the moment. */
export async function showMachineCodeCommand(services: Services, target: unknown, named: unknown): Promise<void> {
  requireTrust();
  const { machineRowsOf } = await import('./rows.ts');
  const title = vscode.l10n.t('Reading machine code');
  if (isNode(target) && (target.kind === 'program' || target.kind === 'behind')) {
    const { progId } = target.program;
    const file = sourceOf(target);
    const made = await withCancel(title, (_, signal) =>
      untilCancelled(signal, machineRowsOf(services, { kind: 'loaded', id: progId }, file)),
    );
    await services.disassembly.show({ file, kind: 'machine', ...made });
    return;
  }
  const active = vscode.window.activeTextEditor?.document;
  const listing = active === undefined ? undefined : services.disassembly.listingOf(active);
  const chosen = await chooseFromFile(services, listing?.file ?? target, listing?.program ?? named);
  if (chosen === undefined) return;
  const { file, object, program } = chosen;
  const made = await withCancel(title, (_, signal) =>
    untilCancelled(signal, machineRowsOf(services, { kind: 'file', object, program }, file)),
  );
  await services.disassembly.show({ file, kind: 'machine', ...made });
}

async function chooseFromFile(
  services: Services,
  target: unknown,
  named: unknown,
): Promise<{ file: vscode.Uri; object: BpfObject; program: string } | undefined> {
  const file = await targetFile(target);
  if (!file) return undefined;
  const object = await buildWithProgress(services, file);
  const program = typeof named === 'string' ? chooseProgram(object, named).name : await pickProgram(object);
  return program === undefined ? undefined : { file, object, program };
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
