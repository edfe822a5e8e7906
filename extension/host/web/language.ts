import * as vscode from 'vscode';
import { type Completion, completionsAt } from '../../core/c/assist/completion.ts';
import { hoverAt } from '../../core/c/assist/hover.ts';
import type { Knowledge } from '../../core/c/assist/knowledge.ts';
import { signatureAt } from '../../core/c/assist/signature.ts';
import { type CSource, scanSource } from '../../core/c/source.ts';
import { Surroundings } from '../../session/surroundings/surroundings.ts';
import { isBpfSource } from '../contextKeys.ts';

const kinds = {
  function: vscode.CompletionItemKind.Function,
  field: vscode.CompletionItemKind.Field,
  constant: vscode.CompletionItemKind.EnumMember,
  struct: vscode.CompletionItemKind.Struct,
  keyword: vscode.CompletionItemKind.Property,
  variable: vscode.CompletionItemKind.Variable,
} as const;

interface Place {
  source: CSource;
  knowledge: Knowledge;
  offset: number;
}

/**
 * What the language server says of a source, without a process for it: hovers, completions and parameters come from core, which
 * knows headers of the workspace and of the product. What needs a kernel's headers or its types is not there.
 */
export function languageInPage(extensionUri: vscode.Uri): vscode.Disposable {
  const surroundings = new Surroundings({
    bundledInclude: vscode.Uri.joinPath(extensionUri, 'bpf', 'include').path,
  });
  const at = async (document: vscode.TextDocument, position: vscode.Position): Promise<Place | undefined> => {
    if (!isBpfSource(document)) return undefined;
    const source = scanSource(document.getText());
    const knowledge = await surroundings.knowledgeOf(document.uri.path, source);
    return { source, knowledge, offset: document.offsetAt(position) };
  };
  const c = { language: 'c' };
  return vscode.Disposable.from(
    vscode.languages.registerHoverProvider(c, {
      async provideHover(document, position) {
        const place = await at(document, position);
        const hover = place && hoverAt(place.source, place.knowledge, place.offset);
        if (hover === undefined) return undefined;
        const range = new vscode.Range(document.positionAt(hover.start), document.positionAt(hover.end));
        return new vscode.Hover(new vscode.MarkdownString(hover.text), range);
      },
    }),
    vscode.languages.registerCompletionItemProvider(
      c,
      {
        async provideCompletionItems(document, position) {
          const place = await at(document, position);
          if (place === undefined) return undefined;
          const { items, isWhole } = completionsAt(place.source, place.knowledge, place.offset);
          return new vscode.CompletionList(items.map(itemOf), !isWhole);
        },
      },
      '"',
      '>',
      '.',
      '&',
      '/',
      ' ',
    ),
    vscode.languages.registerSignatureHelpProvider(
      c,
      {
        async provideSignatureHelp(document, position) {
          const place = await at(document, position);
          const found = place && signatureAt(place.source, place.knowledge, place.offset);
          if (found === undefined) return undefined;
          const information = new vscode.SignatureInformation(
            found.label,
            new vscode.MarkdownString(found.documentation),
          );
          information.parameters = found.parameters.map((each) => new vscode.ParameterInformation(each));
          const help = new vscode.SignatureHelp();
          Object.assign(help, { signatures: [information], activeSignature: 0, activeParameter: found.active });
          return help;
        },
      },
      '(',
      ',',
    ),
  );
}

function itemOf({ label, kind, detail, documentation, insert, sort }: Completion) {
  const item = new vscode.CompletionItem(label, kinds[kind]);
  item.detail = detail;
  if (documentation !== undefined) item.documentation = new vscode.MarkdownString(documentation);
  if (insert !== undefined) item.insertText = insert;
  if (sort !== undefined) item.sortText = sort;
  return item;
}
