import { resolve } from 'node:path';

export interface Diagnostic {
  /** Absolute path. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based, in UTF-16 units as editors count, where clang counts bytes. */
  column: number;
  /** 1-based, one behind the last character, on the same line; only where clang gives a range. */
  endColumn?: number;
  severity: 'error' | 'warning' | 'note';
  message: string;
}

/** Where clang stands in a chain of includes: `file` includes, on `line`, the next one. The main file comes first. */
export interface IncludedFrom {
  file: string;
  line: number;
}

/** A diagnostic as clang prints it: columns in bytes, and how clang came to the file. */
export interface ClangDiagnostic extends Diagnostic {
  includedFrom: readonly IncludedFrom[];
}

export interface ParsedOutput {
  diagnostics: ClangDiagnostic[];
  /** Lines that are not diagnostics: what a crashing compiler says. */
  rest: string[];
}

/** `file:line:col: severity: message`, with `-fdiagnostics-print-source-range-info` `{l:c-l:c}` behind the column. */
const located = /^(.+?):(\d+):(\d+):((?:\{\d+:\d+-\d+:\d+\})*):? (fatal error|error|warning|note|remark): (.*)$/;
const unlocated = /^(?:clang(?:-\d+)?: |<unknown>:0:0: )?(fatal error|error|warning|note|remark): (.*)$/;
const included = /^In file included from (.+):(\d+)[:,]$/;
/** What clang says about its own counting, and the source line that some back-end messages drag along. */
const noise = /^(?:\d+ (?:warning|error)s?(?: and \d+ errors?)? generated\.|\s*)$/;

/**
 * Parses what `clang -fno-caret-diagnostics -fdiagnostics-print-source-range-info` writes, in the C locale.
 * @param context `main`: the file that is compiled, which takes what has no place; `cwd`: where relative paths start
 */
export function parseClangOutput(stderr: string, context: { main: string; cwd: string }): ParsedOutput {
  const diagnostics: ClangDiagnostic[] = [];
  const rest: string[] = [];
  // clang prints the chain of a header once, and not again while it stays in that header.
  const chains = new Map<string, readonly IncludedFrom[]>();
  let chain: IncludedFrom[] = [];

  for (const line of stderr.split(/\r?\n/)) {
    const from = included.exec(line);
    if (from) {
      chain.push({ file: resolve(context.cwd, from[1] ?? ''), line: Number(from[2]) });
      continue;
    }
    const place = located.exec(line);
    if (place) {
      const [, name = '', lineText, columnText, ranges = '', severity = '', message = ''] = place;
      if (name.startsWith('<')) {
        // <scratch space>, <built-in> and <command line> are no files that anybody can open.
        if (severity !== 'note') diagnostics.push(withoutPlace(context.main, severity, message));
        continue;
      }
      const file = resolve(context.cwd, name);
      if (chain.length > 0) chains.set(file, chain);
      chain = [];
      const diagnostic: ClangDiagnostic = {
        file,
        line: Math.max(1, Number(lineText)),
        column: Math.max(1, Number(columnText)),
        severity: severityOf(severity),
        message,
        includedFrom: chains.get(file) ?? [],
      };
      const endColumn = endOfRange(ranges, diagnostic.line, diagnostic.column);
      if (endColumn !== undefined) diagnostic.endColumn = endColumn;
      diagnostics.push(diagnostic);
      continue;
    }
    const placeless = unlocated.exec(line);
    if (placeless) {
      const [, severity = '', message = ''] = placeless;
      // "(skipping 1 expansions in backtrace …)" and the driver's echo of a failure say nothing about the program.
      if (severity !== 'note' && !/^linker command|clang frontend command failed/.test(message)) {
        diagnostics.push(withoutPlace(context.main, severity, message));
      } else if (severity !== 'note') rest.push(line);
      continue;
    }
    if (!noise.test(line)) rest.push(line);
  }
  return { diagnostics: withoutRepeats(diagnostics), rest };
}

function severityOf(text: string): Diagnostic['severity'] {
  if (text === 'error' || text === 'fatal error') return 'error';
  return text === 'warning' ? 'warning' : 'note';
}

function withoutPlace(main: string, severity: string, message: string): ClangDiagnostic {
  return { file: main, line: 1, column: 1, severity: severityOf(severity), message, includedFrom: [] };
}

/** The end of the range that holds the caret: binary operators have one range on either side of it as well. */
function endOfRange(ranges: string, line: number, column: number): number | undefined {
  for (const [, l1, c1, l2, c2] of ranges.matchAll(/\{(\d+):(\d+)-(\d+):(\d+)\}/g)) {
    const onLine = Number(l1) === line && Number(l2) === line;
    if (onLine && Number(c1) <= column && column < Number(c2)) return Number(c2);
  }
  return undefined;
}

/** The back end reports a stack overflow once per access; once per place is enough. */
function withoutRepeats(diagnostics: readonly ClangDiagnostic[]): ClangDiagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter((one) => {
    const key = `${one.file}\0${one.line}\0${one.column}\0${one.severity}\0${one.message}`;
    if (seen.has(key) || one.message.startsWith('could not determine the original source location')) return false;
    seen.add(key);
    return true;
  });
}

/** What is shown on the #include line of the compiled file for trouble in the headers behind it: one per line. */
export function includeLineDiagnostics(diagnostics: readonly ClangDiagnostic[], main: string): Diagnostic[] {
  const byLine = new Map<number, ClangDiagnostic[]>();
  for (const one of diagnostics) {
    const entry = one.includedFrom[0];
    if (one.severity === 'note' || one.file === main || entry?.file !== main) continue;
    const group = byLine.get(entry.line) ?? [];
    group.push(one);
    byLine.set(entry.line, group);
  }
  const results: Diagnostic[] = [];
  for (const [line, group] of byLine) {
    const errors = group.filter((one) => one.severity === 'error');
    const first = errors[0] ?? group[0];
    if (first === undefined) continue;
    const others = (errors.length > 0 ? errors : group).length - 1;
    const more = others === 0 ? '' : ` (and ${others} more)`;
    const message = `in the included ${first.file}, line ${first.line}: ${first.message}${more}`;
    results.push({ file: main, line, column: 1, severity: first.severity, message });
  }
  return results;
}

/** Turns a column that counts bytes of UTF-8 into one that counts UTF-16 units. Both 1-based. */
export function editorColumn(lineText: string, byteColumn: number): number {
  const bytes = Buffer.from(lineText, 'utf8');
  const before = bytes.subarray(0, byteColumn - 1).toString('utf8').length;
  return before + 1 + Math.max(0, byteColumn - 1 - bytes.length);
}
