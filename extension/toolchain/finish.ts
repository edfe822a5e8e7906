import { readFile } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { type ClangDiagnostic, type Diagnostic, editorColumn, includeLineDiagnostics } from './diagnostics.ts';
import { explainDiagnostic, missingHeader } from './hints.ts';
import { legacyMapDiagnostics } from './legacyMaps.ts';

export interface FinishContext {
  source: { path: string; text: string };
  /** Absolute path of the product's bpf/include. */
  bundledInclude: string;
  reasonOfMissing: ReadonlyMap<string, string>;
}

/** Columns as editors count, hints as notes behind what they explain, and what clang does not see. */
export async function finishDiagnostics(
  parsed: readonly ClangDiagnostic[],
  context: FinishContext,
): Promise<Diagnostic[]> {
  const { source, bundledInclude, reasonOfMissing } = context;
  const lines = new Map<string, readonly string[]>([[source.path, source.text.split('\n')]]);
  const results: Diagnostic[] = [];
  for (const one of parsed) {
    // How the macros of xdp_maps.h work inside is nobody's concern: their message says what to write.
    if (one.severity === 'note' && one.message.startsWith('expanded from') && isInside(one.file, bundledInclude)) {
      continue;
    }
    if (!lines.has(one.file)) {
      lines.set(one.file, (await readFile(one.file, 'utf8').catch(() => '')).split('\n'));
    }
    const { includedFrom: _, ...diagnostic } = one;
    const text = lines.get(one.file)?.[one.line - 1];
    if (text !== undefined) {
      diagnostic.column = editorColumn(text, one.column);
      if (one.endColumn !== undefined) diagnostic.endColumn = editorColumn(text, one.endColumn);
    }
    diagnostic.message = readableAssertion(one.message);
    results.push(diagnostic);
    const header = missingHeader(one.message);
    const hint =
      (header === undefined ? undefined : reasonOfMissing.get(header)) ??
      explainDiagnostic(diagnostic, { main: source.path, source: source.text });
    if (hint !== undefined) results.push({ ...diagnostic, severity: 'note', message: hint });
  }
  return [
    ...results,
    ...includeLineDiagnostics(parsed, source.path),
    ...legacyMapDiagnostics(source.text, source.path),
  ];
}

/** Our own assertions are sentences; clang's words around them differ from version to version. */
function readableAssertion(message: string): string {
  const text = /^static_assert failed "(.*)"$|^static assertion failed: (.*)$/.exec(message);
  const own = text?.[1] ?? text?.[2];
  return own !== undefined && /^BPF_\w+\(.*BCC's short form|^wrong number of arguments\. Write BPF_/.test(own)
    ? own
    : message;
}

function isInside(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return !path.startsWith('..') && !isAbsolute(path);
}
