import * as vscode from 'vscode';
import { XdpError } from '../core/errors.ts';

/** Nothing is compiled, loaded or attached in a workspace that is not trusted: its files could do anything with clang's options. */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new XdpError(
    'untrusted-workspace',
    vscode.l10n.t('XDP does not compile or attach in a workspace that is not trusted.'),
    {
      fix: vscode.l10n.t('Trust this workspace first if you know where its files come from.'),
    },
  );
}
