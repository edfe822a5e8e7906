import * as vscode from 'vscode';
import { findCounters } from '../../core/c/counters.ts';
import { scanSource } from '../../core/c/source.ts';
import { isBpfSource } from '../contextKeys.ts';
import { commands } from '../ids.ts';
import type { FieldNumber, MapNumbers, SourceNumbers } from './sourceNumbers.ts';

const selector: vscode.DocumentSelector = [{ language: 'c', scheme: 'file' }];

/** Live numbers in the source of an attached program: over each map, and behind the lines that count. */
export function registerSourceHints(numbers: SourceNumbers): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.languages.registerCodeLensProvider(selector, new MapLenses(numbers)),
    vscode.languages.registerInlayHintsProvider(selector, new CounterHints(numbers)),
  );
}

/** `5 entries, 70,123/s rx_packets`: opens the map in an editor tab. One for each interface where the program is attached. */
class MapLenses implements vscode.CodeLensProvider {
  readonly #numbers: SourceNumbers;
  readonly onDidChangeCodeLenses: vscode.Event<void>;

  constructor(numbers: SourceNumbers) {
    this.#numbers = numbers;
    this.onDidChangeCodeLenses = numbers.onDidChange;
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const maps = this.#numbers.of(document.uri.fsPath);
    if (maps.size === 0 || !isBpfSource(document)) return [];
    return scanSource(document.getText()).maps.flatMap(({ name, nameSpan }) => {
      const range = new vscode.Range(document.positionAt(nameSpan.start), document.positionAt(nameSpan.end));
      const found = maps.get(name) ?? [];
      return found.map(
        (map) =>
          new vscode.CodeLens(range, {
            title: `$(pulse) ${found.length === 1 ? '' : `${map.iface}: `}${titleOf(map)}`,
            tooltip: vscode.l10n.t('What {0} holds now; opens it in an editor tab', name),
            command: commands.openMap,
            arguments: [{ id: map.id, name }],
          }),
      );
    });
  }
}

function titleOf({ entries, fields }: MapNumbers): string {
  const count = entries === 1 ? vscode.l10n.t('1 entry') : vscode.l10n.t('{0} entries', integer(entries));
  const [first] = fields;
  if (first === undefined) return count;
  const [path, { sum, perSecond }] = first;
  const name = path === '' ? vscode.l10n.t('in all') : path;
  const rate = perSecond === undefined ? '' : `, ${rateText(perSecond)}`;
  return `${count}: ${integer(sum)} ${name}${rate}`;
}

/** Behind the lines that count. Which entry a line counts in is not known: it is the sum over all of them, on all interfaces. */
class CounterHints implements vscode.InlayHintsProvider {
  readonly #numbers: SourceNumbers;
  readonly onDidChangeInlayHints: vscode.Event<void>;

  constructor(numbers: SourceNumbers) {
    this.#numbers = numbers;
    this.onDidChangeInlayHints = numbers.onDidChange;
  }

  provideInlayHints(document: vscode.TextDocument, range: vscode.Range): vscode.InlayHint[] {
    const maps = this.#numbers.of(document.uri.fsPath);
    // An edited text is not what runs: its lines may count something else.
    if (maps.size === 0 || document.isDirty || !isBpfSource(document)) return [];
    return findCounters(scanSource(document.getText())).flatMap(({ end, of }) => {
      const line = document.lineAt(document.positionAt(end).line);
      if (!range.contains(line.range.end)) return [];
      const found = of.kind === 'map' ? fieldsOf(maps.get(of.map) ?? [], of.field) : variableIn(maps, of.name);
      if (found.length === 0) return [];
      const hint = new vscode.InlayHint(line.range.end, textOf(sumOf(found)));
      hint.paddingLeft = true;
      hint.tooltip =
        of.kind === 'map'
          ? vscode.l10n.t(
              'Sum of {0} over all entries and CPUs of {1}. The line counts in one entry at a time, and other lines may count in it too.',
              of.field === '' ? vscode.l10n.t('the value') : of.field,
              of.map,
            )
          : vscode.l10n.t('The variable {0} of the attached program', of.name);
      return hint;
    });
  }
}

function variableIn(maps: ReadonlyMap<string, readonly MapNumbers[]>, name: string): FieldNumber[] {
  for (const [map, numbers] of maps) {
    const found = map.startsWith('.') ? fieldsOf(numbers, name) : [];
    if (found.length > 0) return found;
  }
  return [];
}

function fieldsOf(maps: readonly MapNumbers[], field: string): FieldNumber[] {
  return maps.flatMap(({ fields }) => fields.get(field) ?? []);
}

/** Its rate is known when that of each is. */
function sumOf(numbers: readonly FieldNumber[]): FieldNumber {
  return numbers.reduce((all, { sum, perSecond }) => ({
    sum: all.sum + sum,
    perSecond: all.perSecond === undefined || perSecond === undefined ? undefined : all.perSecond + perSecond,
  }));
}

function textOf({ sum, perSecond }: FieldNumber): string {
  return perSecond === undefined ? `= ${integer(sum)}` : `= ${integer(sum)}, ${rateText(perSecond)}`;
}

function rateText(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : integer(Math.round(perSecond))}/s`;
}

function integer(value: number | bigint): string {
  return value.toLocaleString(vscode.env.language);
}
