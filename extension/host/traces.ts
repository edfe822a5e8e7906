import { translated } from '../core/text/language.ts';
import * as vscode from 'vscode';
import { countExceptions, exceptionLine } from '../session/attach/exceptions.ts';
import type { HelperClient } from '../session/kernelAccess.ts';
import type { Services } from './services.ts';

/**
 * The output channels `XDP: bpf_printk` and, in the XDP log, packets that got lost. Both start with the first attachment
 * of a helper; a channel that cannot be filled says why.
 */
export class Traces {
  readonly #services: Services;
  readonly #followed = new WeakSet<HelperClient>();
  readonly #subscription: { dispose(): void };
  #printk: vscode.OutputChannel | undefined;

  constructor(services: Services) {
    this.#services = services;
    this.#subscription = services.attachments.onDidChange((event) => {
      if (event.kind === 'attached') void this.#follow(event.attachment.client);
    });
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#printk?.dispose();
  }

  async showPrintk(): Promise<void> {
    const channel = this.#channel();
    channel.show(true);
    await this.#follow(await this.#services.kernel.own());
  }

  #channel(): vscode.OutputChannel {
    this.#printk ??= vscode.window.createOutputChannel('XDP: bpf_printk');
    return this.#printk;
  }

  async #follow(client: HelperClient): Promise<void> {
    if (this.#followed.has(client)) return;
    this.#followed.add(client);
    client.on('trace/printk', ({ lines, left }) => {
      const channel = this.#channel();
      for (const line of lines) channel.appendLine(line);
      if (left > 0) channel.appendLine(vscode.l10n.t('… {0} more lines were left out', left));
    });
    countExceptions(client, (total) => {
      this.#services.log.warn(exceptionLine(total));
      if (!total.first) return;
      const { program, iface, text } = total;
      const showLog = vscode.l10n.t('Show Log');
      void vscode.window
        .showWarningMessage(
          vscode.l10n.t('Packets of {0} on {1} are lost. {2}.', program, iface, translated(text)),
          showLog,
        )
        .then((answer) => answer === showLog && this.#services.log.show());
    });
    const answer = await client.call('trace/follow', { printk: true }).catch((error: unknown) => ({
      problem: translated(error instanceof Error ? error.message : String(error)),
    }));
    if (answer.problem !== undefined) this.#channel().appendLine(answer.problem);
  }
}
