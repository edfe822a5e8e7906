import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type CompletionItem,
  CompletionItemKind,
  type Connection,
  DiagnosticSeverity,
  type DocumentSymbol,
  type InitializeParams,
  type InitializeResult,
  type Location,
  MarkupKind,
  Range,
  ResponseError,
  LSPErrorCodes,
  SemanticTokensBuilder,
  SymbolKind,
  TextDocuments,
  TextDocumentSyncKind,
  type TextEdit,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { check } from '../core/c/assist/checks.ts';
import { type Completion, completionsAt } from '../core/c/assist/completion.ts';
import { wordAt } from '../core/c/assist/expressions.ts';
import { hoverAt } from '../core/c/assist/hover.ts';
import type { Knowledge } from '../core/c/assist/knowledge.ts';
import { signatureAt } from '../core/c/assist/signature.ts';
import { tailCallTargets } from '../core/c/assist/tailCalls.ts';
import { tokensOf, tokenTypes } from '../core/c/assist/tokens.ts';
import { type CSource, scanSource } from '../core/c/source.ts';
import { type Catalogue, speak } from '../core/text/language.ts';
import { type MapPlace, placesOfMap, sourceOfTest } from './mapPlaces.ts';
import { Surroundings } from '../session/surroundings/surroundings.ts';

/** What the client says when it starts the server. */
export interface ServerOptions {
  bundledInclude: string;
  /** Another extension colours C by meaning: then this one leaves it alone. */
  semanticTokens: boolean;
  targetKernel?: string;
  /** The table of the editor's language (`vscode.l10n.bundle`); none where that is English. */
  words?: Catalogue;
}

const completionKinds = {
  function: CompletionItemKind.Function,
  field: CompletionItemKind.Field,
  constant: CompletionItemKind.EnumMember,
  struct: CompletionItemKind.Struct,
  keyword: CompletionItemKind.Property,
  variable: CompletionItemKind.Variable,
} as const;

/** Typing stops for a moment before the whole source is checked. */
const checkAfterMs = 250;

interface Analysed {
  version: number;
  source: CSource;
}

/** The language server: core's analysis behind the protocol. It only ever answers about BPF sources. */
export class LanguageServer {
  readonly #connection: Connection;
  readonly #documents = new TextDocuments(TextDocument);
  readonly #analysed = new Map<string, Analysed>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #surroundings = new Surroundings({ bundledInclude: '' });
  #options: ServerOptions = { bundledInclude: '', semanticTokens: true };

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.onInitialize((params) => this.#initialize(params));
    this.#documents.onDidChangeContent(({ document }) => this.#checkSoon(document));
    this.#documents.onDidClose(({ document }) => this.#forget(document));
    connection.onCompletion(async ({ textDocument, position }) => {
      const at = await this.#at(textDocument.uri, position);
      if (at === undefined) return [];
      const { items, isWhole } = completionsAt(at.source, at.knowledge, at.offset);
      return { isIncomplete: !isWhole, items: items.map(toItem) };
    });
    connection.onHover(async ({ textDocument, position }) => {
      const at = await this.#at(textDocument.uri, position);
      const hover = at && hoverAt(at.source, at.knowledge, at.offset);
      if (at === undefined || hover === undefined) return null;
      return { contents: { kind: MarkupKind.Markdown, value: hover.text }, range: rangeIn(at.document, hover) };
    });
    connection.onSignatureHelp(async ({ textDocument, position }) => {
      const at = await this.#at(textDocument.uri, position);
      const found = at && signatureAt(at.source, at.knowledge, at.offset);
      if (found === undefined) return null;
      const { label, documentation, parameters, active } = found;
      const signature = {
        label,
        documentation: { kind: MarkupKind.Markdown, value: documentation },
        parameters: parameters.map((each) => ({ label: each })),
      };
      return { signatures: [signature], activeSignature: 0, activeParameter: active };
    });
    connection.onDocumentSymbol(({ textDocument }) => this.#symbols(textDocument.uri));
    connection.onDefinition(async ({ textDocument, position }) => {
      const programs = this.#tailCalls(textDocument.uri, position);
      if (programs.length > 0) return programs;
      const places = await this.#mapPlaces(textDocument.uri, position);
      return places.filter(({ isDefinition }) => isDefinition).map(locationOf);
    });
    connection.onReferences(async ({ textDocument, position, context }) => {
      const places = await this.#mapPlaces(textDocument.uri, position);
      return places.filter(({ isDefinition }) => context.includeDeclaration || !isDefinition).map(locationOf);
    });
    connection.onPrepareRename(async ({ textDocument, position }) => {
      const places = await this.#mapPlaces(textDocument.uri, position);
      const document = this.#documents.get(textDocument.uri);
      const word = document && wordAt(document.getText(), document.offsetAt(position));
      if (places.length === 0 || document === undefined || word === undefined) return null;
      return { range: rangeIn(document, word), placeholder: word.word };
    });
    connection.onRenameRequest(async ({ textDocument, position, newName }) => {
      if (!/^[A-Za-z_]\w{0,63}$/.test(newName)) {
        throw new ResponseError(LSPErrorCodes.RequestFailed, `"${newName}" cannot be the name of a map.`);
      }
      return { changes: editsOf(await this.#mapPlaces(textDocument.uri, position), newName) };
    });
    connection.languages.semanticTokens.on(async ({ textDocument }) => {
      const at = await this.#at(textDocument.uri, { line: 0, character: 0 });
      const builder = new SemanticTokensBuilder();
      for (const { start, length, type } of at === undefined ? [] : tokensOf(at.source, at.knowledge)) {
        const { line, character } = at?.document.positionAt(start) ?? { line: 0, character: 0 };
        builder.push(line, character, length, tokenTypes.indexOf(type), 0);
      }
      return builder.build();
    });
    connection.onNotification('xdp/targetKernel', (kernel: unknown) => {
      this.#options = {
        ...this.#options,
        targetKernel: typeof kernel === 'string' && kernel !== '' ? kernel : undefined,
      };
      for (const document of this.#documents.all()) this.#checkSoon(document);
    });
    this.#documents.listen(connection);
  }

  #initialize(params: InitializeParams): InitializeResult {
    // The client is this extension's own: what it says is of this shape.
    this.#options = params.initializationOptions as ServerOptions;
    speak(this.#options.words ?? {});
    this.#surroundings = new Surroundings({ bundledInclude: this.#options.bundledInclude });
    const legend = { tokenTypes: [...tokenTypes], tokenModifiers: [] };
    return {
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        completionProvider: { triggerCharacters: ['"', '>', '.', '&', '/', ' '] },
        hoverProvider: true,
        signatureHelpProvider: { triggerCharacters: ['(', ','] },
        documentSymbolProvider: { label: 'XDP' },
        definitionProvider: true,
        referencesProvider: true,
        renameProvider: { prepareProvider: true },
        ...(this.#options.semanticTokens ? { semanticTokensProvider: { legend, full: true } } : {}),
      },
    };
  }

  /** The scanned source of a document; undefined where it is no BPF source. */
  #sourceOf(document: TextDocument): CSource | undefined {
    if (document.languageId !== 'c' || !/\bSEC\s*\(|\bBPF_MAP_TYPE_|xdp_maps\.h/.test(document.getText()))
      return undefined;
    const known = this.#analysed.get(document.uri);
    if (known?.version === document.version) return known.source;
    const source = scanSource(document.getText());
    this.#analysed.set(document.uri, { version: document.version, source });
    return source;
  }

  async #at(
    uri: string,
    position: { line: number; character: number },
  ): Promise<{ document: TextDocument; source: CSource; knowledge: Knowledge; offset: number } | undefined> {
    const document = this.#documents.get(uri);
    const source = document && this.#sourceOf(document);
    if (document === undefined || source === undefined) return undefined;
    const knowledge = await this.#surroundings.knowledgeOf(fileURLToPath(uri), source);
    return { document, source, knowledge, offset: document.offsetAt(position) };
  }

  #symbols(uri: string): DocumentSymbol[] {
    const document = this.#documents.get(uri);
    const source = document && this.#sourceOf(document);
    if (document === undefined || source === undefined) return [];
    const programs = source.functions.filter(({ section }) => section !== undefined);
    return [
      ...source.maps.map((map) => symbol(document, map, { kind: SymbolKind.Array, detail: map.type ?? 'map' })),
      ...programs.map((fn) => symbol(document, fn, { kind: SymbolKind.Event, detail: `SEC("${fn.section}")` })),
    ];
  }

  /** The programs that the tail call at this place may go to. */
  #tailCalls(uri: string, position: { line: number; character: number }): Location[] {
    const document = this.#documents.get(uri);
    const source = document && this.#sourceOf(document);
    if (document === undefined || source === undefined) return [];
    return tailCallTargets(source, document.offsetAt(position)).map((span) => ({
      uri,
      range: rangeIn(document, span),
    }));
  }

  async #mapPlaces(uri: string, position: { line: number; character: number }): Promise<MapPlace[]> {
    const document = this.#documents.get(uri);
    if (document === undefined || !uri.startsWith('file:')) return [];
    const text = document.getText();
    const offset = document.offsetAt(position);
    const word = wordAt(text, offset)?.word;
    if (word === undefined) return [];
    const file = fileURLToPath(uri);
    const source = file.endsWith('.json') ? sourceOfTest(file, text) : file;
    if (source === undefined) return [];
    const open = (path: string): string | undefined => this.#documents.get(pathToFileURL(path).href)?.getText();
    const places = await placesOfMap(source, word, open);
    // The cursor has to be on one of them: a local variable of that name is something else.
    const here = places.some((each) => each.file === file && each.start <= offset && offset <= each.end);
    return here && places.some(({ isDefinition }) => isDefinition) ? places : [];
  }

  #checkSoon(document: TextDocument): void {
    clearTimeout(this.#timers.get(document.uri));
    this.#timers.set(
      document.uri,
      setTimeout(() => void this.#check(document.uri), checkAfterMs),
    );
  }

  async #check(uri: string): Promise<void> {
    const at = await this.#at(uri, { line: 0, character: 0 });
    if (at === undefined) return;
    const { document, source, knowledge } = at;
    const { targetKernel } = this.#options;
    const findings = check(source, knowledge, targetKernel === undefined ? {} : { targetKernel });
    await this.#connection.sendDiagnostics({
      uri,
      version: document.version,
      diagnostics: findings.map((finding) => ({
        range: rangeIn(document, finding),
        message: finding.message,
        code: finding.code,
        source: 'xdp',
        severity: finding.code === 'hot-printk' ? DiagnosticSeverity.Hint : DiagnosticSeverity.Warning,
      })),
    });
  }

  #forget(document: TextDocument): void {
    clearTimeout(this.#timers.get(document.uri));
    this.#timers.delete(document.uri);
    this.#analysed.delete(document.uri);
    void this.#connection.sendDiagnostics({ uri: document.uri, diagnostics: [] });
  }
}

function toItem({ label, kind, detail, documentation, insert, sort }: Completion): CompletionItem {
  return {
    label,
    kind: completionKinds[kind],
    detail,
    ...(documentation === undefined ? {} : { documentation: { kind: MarkupKind.Markdown, value: documentation } }),
    ...(insert === undefined ? {} : { insertText: insert }),
    ...(sort === undefined ? {} : { sortText: sort }),
  };
}

function rangeIn(document: TextDocument, { start, end }: { start: number; end: number }): Range {
  return Range.create(document.positionAt(start), document.positionAt(end));
}

function symbol(
  document: TextDocument,
  {
    name,
    span,
    nameSpan,
  }: { name: string; span: { start: number; end: number }; nameSpan: { start: number; end: number } },
  { kind, detail }: { kind: SymbolKind; detail: string },
): DocumentSymbol {
  return { name, kind, detail, range: rangeIn(document, span), selectionRange: rangeIn(document, nameSpan) };
}

function locationOf({ file, text, start, end }: MapPlace): Location {
  const document = TextDocument.create('', '', 0, text);
  return { uri: pathToFileURL(file).href, range: rangeIn(document, { start, end }) };
}

function editsOf(places: readonly MapPlace[], newText: string): Record<string, TextEdit[]> {
  const changes: Record<string, TextEdit[]> = {};
  for (const place of places) {
    const { uri, range } = locationOf(place);
    (changes[uri] ??= []).push({ range, newText });
  }
  return changes;
}
