import { translated } from '../../core/text/language.ts';
import * as vscode from 'vscode';
import type { Verdict, VerifierFailure } from '../../session/verify.ts';

/** What an accepted program cost the verifier. */
export interface Cost {
  insnsProcessed: number;
  states: number;
  stackBytes: number;
  stack: Verdict['stack'];
}

export interface ProgramCost extends Cost {
  /** At the verification before, where that had another cost. */
  before: Cost | undefined;
}

/** What the kernel's verifier said last of each source: squiggles, what quick fixes need, and costs for CodeLenses. */
export class VerdictStore implements vscode.Disposable {
  readonly #diagnostics = vscode.languages.createDiagnosticCollection('xdp-verifier');
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #failures = new Map<string, VerifierFailure[]>();
  #refused: { file: vscode.Uri; programs: readonly string[] } | undefined;
  readonly #costs = new Map<string, Map<string, ProgramCost>>();
  readonly onDidChange = this.#changed.event;

  /** The file's programs were verified. Rejections stand where they fail, which may be in a header. */
  show(file: vscode.Uri, verdicts: readonly Verdict[]): void {
    this.clear();
    const byFile = new Map<string, { uri: vscode.Uri; found: { program: string; failure: VerifierFailure }[] }>();
    for (const { name: program, failure } of verdicts) {
      if (failure === undefined) continue;
      const uri = failure.file === null ? file : vscode.Uri.file(failure.file);
      const entry = byFile.get(uri.toString()) ?? { uri, found: [] };
      entry.found.push({ program, failure });
      byFile.set(uri.toString(), entry);
    }
    for (const [key, { uri, found }] of byFile) {
      this.#failures.set(
        key,
        found.map(({ failure }) => failure),
      );
      this.#diagnostics.set(
        uri,
        found.map((each) => diagnosticOf(uri, each.program, each.failure)),
      );
    }
    const refused = verdicts.filter(({ verdict }) => verdict === 'rejected').map(({ name }) => name);
    this.#refused = { file, programs: refused };
    const old = this.#costs.get(file.toString());
    const costs = new Map<string, ProgramCost>();
    for (const { name, verdict, insnsProcessed, states, stackBytes, stack } of verdicts) {
      if (verdict !== 'accepted') continue;
      const cost: Cost = { insnsProcessed, states, stackBytes, stack };
      const last = old?.get(name);
      costs.set(name, { ...cost, before: last !== undefined && !isSame(last, cost) ? last : undefined });
    }
    this.#costs.set(file.toString(), costs);
    this.#changed.fire();
  }

  /** Takes the squiggles away; costs stay until they are known anew. */
  clear(): void {
    this.#diagnostics.clear();
    this.#failures.clear();
    this.#refused = undefined;
  }

  /** Of files that are gone, and of what was verified with them, nothing is said any more. */
  forget(isGone: (uri: vscode.Uri) => boolean): void {
    for (const key of this.#costs.keys()) if (isGone(vscode.Uri.parse(key))) this.#costs.delete(key);
    const told = [...this.#failures.keys()].map((key) => vscode.Uri.parse(key));
    if ([...told, ...(this.#refused === undefined ? [] : [this.#refused.file])].some(isGone)) this.clear();
    this.#changed.fire();
  }

  /** The failure that a diagnostic of this collection shows. */
  failureOf(uri: vscode.Uri, diagnostic: vscode.Diagnostic): VerifierFailure | undefined {
    const failures = this.#failures.get(uri.toString()) ?? [];
    return failures.find(
      ({ code, line, explanation }) =>
        code === diagnostic.code &&
        line === diagnostic.range.start.line + 1 &&
        diagnostic.message.includes(translated(explanation)),
    );
  }

  /** Programs that were refused last, and the source that they are made of: a failure may stand in a header. */
  get refused(): { file: vscode.Uri; programs: readonly string[] } | undefined {
    return this.#refused;
  }

  costsOf(uri: vscode.Uri): ReadonlyMap<string, ProgramCost> {
    return this.#costs.get(uri.toString()) ?? new Map<string, ProgramCost>();
  }

  dispose(): void {
    this.#diagnostics.dispose();
    this.#changed.dispose();
  }
}

function isSame(left: Cost, right: Cost): boolean {
  return (
    left.insnsProcessed === right.insnsProcessed && left.states === right.states && left.stackBytes === right.stackBytes
  );
}

function diagnosticOf(uri: vscode.Uri, program: string, failure: VerifierFailure): vscode.Diagnostic {
  const advice = failure.fix === undefined ? '' : `\n${translated(failure.fix)}`;
  const diagnostic = new vscode.Diagnostic(
    rangeAt(uri, failure),
    `${program}: ${translated(failure.explanation)}${advice}`,
    vscode.DiagnosticSeverity.Error,
  );
  diagnostic.source = 'verifier';
  diagnostic.code = failure.code;
  diagnostic.relatedInformation = failure.story.map((step) => {
    const at = vscode.Uri.file(step.file);
    return new vscode.DiagnosticRelatedInformation(new vscode.Location(at, rangeAt(at, step)), translated(step.text));
  });
  return diagnostic;
}

/** The expression, the word, or the whole line that the place points at. 1-based in, 0-based out. */
function rangeAt(
  uri: vscode.Uri,
  { line, column, expression }: { line: number | null; column: number | null; expression?: string },
): vscode.Range {
  const start = new vscode.Position(Math.max(0, (line ?? 1) - 1), Math.max(0, (column ?? 1) - 1));
  const document = vscode.workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
  if (!document || start.line >= document.lineCount) return new vscode.Range(start, start);
  const text = document.lineAt(start.line);
  if (column === null)
    return new vscode.Range(start.line, text.firstNonWhitespaceCharacterIndex, start.line, text.text.length);
  const whole = expression === undefined ? -1 : text.text.indexOf(expression);
  if (
    expression !== undefined &&
    whole >= 0 &&
    whole <= start.character &&
    start.character <= whole + expression.length + 2
  ) {
    return new vscode.Range(start.line, whole, start.line, whole + expression.length);
  }
  return document.getWordRangeAtPosition(start) ?? new vscode.Range(start, start.translate(0, 1));
}
