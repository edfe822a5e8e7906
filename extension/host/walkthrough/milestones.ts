import * as vscode from 'vscode';
import type { Attachments } from '../../session/attach/attachments.ts';
import type { Milestone } from '../ids.ts';

export class Milestones {
  readonly #reached = new Set<Milestone>();
  #refused = false;

  /** VS Code keeps what was checked off; here it is only said, once. */
  reach(milestone: Milestone): void {
    if (this.#reached.has(milestone)) return;
    this.#reached.add(milestone);
    void vscode.commands.executeCommand('setContext', `xdp.done.${milestone}`, true);
  }

  /** Proven is what the verifier refused before and accepts now. */
  verified(verdict: 'rejected' | 'accepted'): void {
    if (verdict === 'rejected') this.#refused = true;
    else if (this.#refused) this.reach('proven');
  }

  /** The steps that show by themselves. */
  follow(attachments: Attachments): vscode.Disposable {
    return vscode.Disposable.from(
      attachments.onDidChange(({ kind }) => {
        if (kind === 'attached') this.reach('attached');
        if (kind === 'detached') this.reach('detached');
      }),
      vscode.debug.onDidTerminateDebugSession(({ type }) => {
        if (type === 'xdp') this.reach('debugged');
      }),
    );
  }
}
