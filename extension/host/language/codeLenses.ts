import * as vscode from 'vscode';
import { scanSource } from '../../core/c/source.ts';
import { isBpfSource } from '../contextKeys.ts';
import { commands } from '../ids.ts';
import type { VerdictStore, ProgramCost, Cost } from './verdictStore.ts';

/** Over each program: what can be done with it, and what it cost the verifier. Over each map: open. */
export class CodeLenses implements vscode.CodeLensProvider {
  readonly #verdicts: VerdictStore;
  readonly onDidChangeCodeLenses: vscode.Event<void>;

  constructor(verdicts: VerdictStore) {
    this.#verdicts = verdicts;
    this.onDidChangeCodeLenses = verdicts.onDidChange;
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!isBpfSource(document)) return [];
    const source = scanSource(document.getText());
    const costs = this.#verdicts.costsOf(document.uri);
    const file = document.uri;
    const { refused } = this.#verdicts;
    const isRefused = (name: string): boolean =>
      refused?.file.toString() === file.toString() && refused.programs.includes(name);
    const steps = vscode.l10n.t('What the verifier knew at each step, and where a value came from');
    const lenses: vscode.CodeLens[] = [];
    for (const { name, section, span } of source.functions) {
      if (section === undefined) continue;
      const range = rangeOf(document, { start: span.start, end: span.start });
      const add = (title: string, command: string, tooltip: string): void => {
        lenses.push(new vscode.CodeLens(range, { title, command, tooltip, arguments: [file, name] }));
      };
      add(vscode.l10n.t('Verify'), commands.verify, vscode.l10n.t('Ask the kernel’s verifier about {0}', name));
      if (section.startsWith('xdp')) {
        add(vscode.l10n.t('Attach'), commands.attach, vscode.l10n.t('Attach {0} to an interface', name));
        add(vscode.l10n.t('Run Packet'), commands.runPacket, vscode.l10n.t('Run {0} on a packet built by hand', name));
        add(vscode.l10n.t('Debug'), commands.debug, vscode.l10n.t('Step through {0} on one packet', name));
      }
      const disassembly = vscode.l10n.t('Show the bytecode of {0} by C line', name);
      add(vscode.l10n.t('Disassembly'), commands.showDisassembly, disassembly);
      const cost = costs.get(name);
      if (cost !== undefined) add(costTitle(cost), commands.openVerifierView, costTooltip(cost));
      if (isRefused(name)) add(vscode.l10n.t('$(error) refused: show the steps'), commands.openVerifierView, steps);
    }
    for (const { name, span } of source.maps) {
      const tooltip = vscode.l10n.t('Show the entries of {0} while a program that uses it is attached', name);
      const command = { title: vscode.l10n.t('Open map'), command: commands.openMapViewer, tooltip };
      lenses.push(new vscode.CodeLens(rangeOf(document, { start: span.start, end: span.start }), command));
    }
    return lenses;
  }
}

function costTitle(cost: ProgramCost): string {
  const { insnsProcessed, states, stackBytes, before } = cost;
  const now = vscode.l10n.t('{0} instructions, {1} states, {2} B stack', insnsProcessed, states, stackBytes);
  if (before === undefined) return `$(check) ${now}`;
  return `$(check) ${now} ${vscode.l10n.t('({0} since the last save)', difference(before, cost))}`;
}

function difference(before: Cost, now: Cost): string {
  const signed = (value: number): string => (value > 0 ? `+${value}` : String(value));
  const insns = now.insnsProcessed - before.insnsProcessed;
  const states = now.states - before.states;
  const stack = now.stackBytes - before.stackBytes;
  const parts = [
    insns === 0 ? '' : vscode.l10n.t('{0} instructions', signed(insns)),
    states === 0 ? '' : vscode.l10n.t('{0} states', signed(states)),
    stack === 0 ? '' : vscode.l10n.t('{0} B', signed(stack)),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function costTooltip({ stack }: Cost): string {
  const lines = stack.map(({ function: name, bytes }) => vscode.l10n.t('{0}: {1} bytes of stack', name, bytes));
  return [vscode.l10n.t('What the verifier walked to accept the program'), ...lines].join('\n');
}

function rangeOf(document: vscode.TextDocument, { start, end }: { start: number; end: number }): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}
