import path from 'node:path';
import * as vscode from 'vscode';
import type { Suggestion } from '../../core/packetTest/assist/suggest.ts';
import { XdpError } from '../../core/errors.ts';
import type { Services } from '../services.ts';
import { isTestFile } from './discovery.ts';
import { SourceSpecs } from './sourceSpecs.ts';

const selector: vscode.DocumentSelector = [
  { language: 'json', pattern: '**/*.xdptest.json' },
  { language: 'jsonc', pattern: '**/*.xdptest.json' },
];

/** Completion and hovers in packet test files for what their source has: programs, maps, fields, values. */
export function registerTestAssist(services: Services): vscode.Disposable {
  const specs = new SourceSpecs(services);
  return vscode.Disposable.from(
    specs,
    vscode.languages.registerCompletionItemProvider(
      selector,
      { provideCompletionItems: (document, position) => complete(specs, document, position) },
      '"',
      '{',
      ' ',
      '.',
    ),
    vscode.languages.registerHoverProvider(selector, {
      provideHover: (document, position) => hover(specs, document, position),
    }),
  );
}

async function complete(
  specs: SourceSpecs,
  document: vscode.TextDocument,
  position: vscode.Position,
): Promise<vscode.CompletionItem[]> {
  const spec = await specOf(specs, document);
  if (spec === undefined) return [];
  const { suggestAt } = await import('../../core/packetTest/assist/suggest.ts');
  const found = suggestAt(document.getText(), document.offsetAt(position), spec);
  if (found === undefined) return [];
  const { offset, length } = found.span;
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
  const isQuoted = document.getText(range).startsWith('"');
  return found.items.map((each, index) => {
    const item = new vscode.CompletionItem(each.label, kinds[each.kind]);
    item.detail = each.detail;
    if (each.documentation !== undefined) item.documentation = each.documentation;
    item.insertText = each.text;
    item.filterText = isQuoted ? JSON.stringify(each.label) : each.label;
    // As the source has them; before what the schema knows.
    item.sortText = `0${String(index).padStart(5, '0')}`;
    item.range = range;
    return item;
  });
}

const kinds: Readonly<Record<Suggestion['kind'], vscode.CompletionItemKind>> = {
  program: vscode.CompletionItemKind.Function,
  map: vscode.CompletionItemKind.Variable,
  field: vscode.CompletionItemKind.Field,
  value: vscode.CompletionItemKind.Value,
  type: vscode.CompletionItemKind.Struct,
};

async function hover(
  specs: SourceSpecs,
  document: vscode.TextDocument,
  position: vscode.Position,
): Promise<vscode.Hover | undefined> {
  const spec = await specOf(specs, document);
  if (spec === undefined) return undefined;
  const { hoverAt } = await import('../../core/packetTest/assist/hover.ts');
  const found = hoverAt(document.getText(), document.offsetAt(position), spec);
  if (found === undefined) return undefined;
  const { offset, length } = found.span;
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
  // Names come from somebody's source: they are shown, not rendered.
  return new vscode.Hover(
    found.lines.map((line) => new vscode.MarkdownString().appendText(line)),
    range,
  );
}

async function specOf(specs: SourceSpecs, document: vscode.TextDocument): ReturnType<SourceSpecs['of']> {
  if (!isTestFile(document.uri)) return undefined;
  const { outlineTests } = await import('../../core/packetTest/outline.ts');
  // While something is half typed the text is no JSON: the name of the source is in it all the same.
  const text = document.getText();
  const source = outlineTests(text).source ?? /"source"\s*:\s*"([^"\\]+)"/.exec(text)?.[1];
  if (source === undefined) return undefined;
  try {
    return await specs.of(vscode.Uri.file(path.resolve(path.dirname(document.uri.fsPath), source)));
  } catch (error) {
    // A source that does not compile is said elsewhere; there is nothing to offer.
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}
