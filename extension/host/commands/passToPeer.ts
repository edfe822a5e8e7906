import { translated } from '../../core/text/language.ts';
import * as vscode from 'vscode';
import { XdpError } from '../../core/errors.ts';
import type { SeenInterface } from '../../session/interfaces/describe.ts';
import type { Survey } from '../../session/interfaces/survey.ts';
import { openObject } from '../../session/bpfObject.ts';
import { guardSecondsFor } from '../guards.ts';
import { commands } from '../ids.ts';
import { untilCancelled, withCancel } from '../progress.ts';
import type { Services } from '../services.ts';
import { requireTrust } from '../trust.ts';
import { isNode } from '../views/interfaces/nodes.ts';
import { pickNamespace } from './pickNamespace.ts';

/**
 * Attaches a program that passes everything to the other end of a veth, in native mode, so that it takes what XDP_TX and
 * redirects send there. `survey`: what is seen now, to find that end in other namespaces.
 */
export async function passToPeerCommand(
  services: Services,
  target: unknown,
  survey: Survey | undefined,
): Promise<void> {
  requireTrust();
  const iface = isNode(target) && (target.kind === 'advice' || target.kind === 'interface') ? target.iface : undefined;
  const { passProgram } = services.look;
  if (iface?.peer === undefined || passProgram === undefined) {
    throw new XdpError('usage', vscode.l10n.t('No veth with another end was chosen.'), {
      fix: vscode.l10n.t('Use the button beside the warning of a veth in the Interfaces view.'),
    });
  }
  const { name } = iface.peer;
  const netns = iface.peer.here
    ? iface.netns
    : (iface.peer.netns ?? namespaceOfPeer(iface, survey) ?? (await askNamespace()));
  if (netns === null) return;
  const file = vscode.Uri.file(passProgram);
  const guardSeconds = await guardSecondsFor(services, name, netns);
  const live = await withCancel(vscode.l10n.t('Attaching {0} to {1}', 'xdp_pass', name), async (_, signal) => {
    const object = await openObject(passProgram, { ...services.buildOptions(file), signal });
    const attaching = services.attachments.attach({
      object,
      program: 'xdp_pass',
      iface: name,
      mode: 'native',
      via: 'link',
      keep: false,
      ...(netns === undefined ? {} : { netns }),
      ...(guardSeconds === undefined ? {} : { guardSeconds }),
    });
    return await untilCancelled(signal, attaching, (attached) => services.attachments.detach(attached));
  });
  vscode.window.setStatusBarMessage(vscode.l10n.t('$(check) {0} takes packets now', live.iface), 5000);
}

/** Where both ends name each other by name and number; undefined when no seen namespace has the other end. */
function namespaceOfPeer(iface: SeenInterface, survey: Survey | undefined): string | undefined {
  for (const namespace of survey?.namespaces ?? []) {
    if (!('interfaces' in namespace)) continue;
    const found = namespace.interfaces.some(({ name, peer }) => name === iface.peer?.name && peer?.name === iface.name);
    if (found) return namespace.netns;
  }
  return undefined;
}

/** null: the user wants none. */
async function askNamespace(): Promise<string | null> {
  return (await pickNamespace()) ?? null;
}

/** After an attach: the packets that this program sends back would be lost. */
export async function offerPass(iface: SeenInterface, cause: string): Promise<void> {
  const attach = vscode.l10n.t('Attach XDP_PASS to {0}', iface.peer?.name ?? '');
  const message = `${translated(cause)}.`;
  if (iface.peer === undefined) {
    void vscode.window.showWarningMessage(message);
    return;
  }
  if ((await vscode.window.showWarningMessage(message, attach)) !== attach) return;
  await vscode.commands.executeCommand(commands.attachPassToPeer, { kind: 'interface', iface });
}
