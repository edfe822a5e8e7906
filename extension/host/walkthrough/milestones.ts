import * as vscode from 'vscode';
import type { Attachments } from '../../session/attach/attachments.ts';
import { debugType, type Milestone } from '../ids.ts';

/** The lab's interfaces begin with it; session/lab/plan.ts. */
const labPrefix = 'xdplab';

export class Milestones {
  readonly #reached = new Set<Milestone>();
  #refused = false;
  #looks = false;
  #kept = false;

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

  /** Somebody opened the map viewer. That it opens by itself after an attach is no sight of it. */
  look(): void {
    this.#looks = true;
  }

  /** Entries of a map are on the screen. */
  rows(count: number): void {
    if (this.#looks && count > 0) this.reach('watched');
  }

  /** A packet became a test. */
  keep(): void {
    this.#kept = true;
  }

  /** Tested is that a packet was kept, and tests pass. */
  passed(): void {
    if (this.#kept) this.reach('tested');
  }

  /** The steps that show by themselves. */
  follow(attachments: Attachments): vscode.Disposable {
    return vscode.Disposable.from(
      attachments.onDidChange((event) => {
        if (event.kind === 'attached') {
          this.reach('attached');
          // A lab that was started in a terminal, where sudo asks for the password, is first seen here.
          if (event.attachment.iface.startsWith(labPrefix)) this.reach('lab');
        }
        if (event.kind === 'detached') this.reach('detached');
      }),
      // A session that could not start, since clang is missing for example, has debugged nothing.
      vscode.debug.registerDebugAdapterTrackerFactory(debugType, {
        createDebugAdapterTracker: () => ({
          onDidSendMessage: (message: unknown) => {
            if (isStop(message)) this.reach('debugged');
          },
        }),
      }),
    );
  }
}

/** The program stands at a line: an event of the Debug Adapter Protocol. */
function isStop(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'event' in message && message.event === 'stopped';
}
