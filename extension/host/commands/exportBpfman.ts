import path from 'node:path';
import * as vscode from 'vscode';
import { exportBpfman } from '../../core/bpfman/exportBpfman.ts';
import { buildWithProgress, targetFile } from '../build.ts';
import type { Services } from '../services.ts';

/** XDP: Export for bpfman. Writes object, image build and Kubernetes resource beside the source, and shows the resource. */
export async function exportBpfmanCommand(services: Services, target: unknown): Promise<unknown> {
  const file = await targetFile(target);
  if (!file) return undefined;
  const { elf, spec, name } = await buildWithProgress(services, file);
  const resourceName = name.toLowerCase().replaceAll('_', '-');
  const image = await vscode.window.showInputBox({
    title: vscode.l10n.t('Image that will hold {0}', name),
    prompt: vscode.l10n.t('The reference under which it is pushed: registry/name:tag'),
    value: `registry.example/${resourceName}:latest`,
    ignoreFocusOut: true,
  });
  if (image === undefined) return undefined;
  const objectFile = `${name}.bpf.o`;
  const exported = exportBpfman({ spec, objectFile, image, name: resourceName });
  const folder = vscode.Uri.file(path.dirname(file.fsPath));
  const write = async (each: string, content: Uint8Array): Promise<vscode.Uri> => {
    const uri = vscode.Uri.joinPath(folder, each);
    await vscode.workspace.fs.writeFile(uri, content);
    return uri;
  };
  await write(objectFile, elf);
  await write('Containerfile.bytecode', Buffer.from(exported.containerfile));
  const resource = await write('bpfman.yaml', Buffer.from(exported.resource));
  await vscode.window.showTextDocument(resource);
  return exported;
}
