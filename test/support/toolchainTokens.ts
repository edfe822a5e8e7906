import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { IGrammar, IRawGrammar } from 'vscode-textmate';
import { repository } from './toolchain.ts';

// Both packages are CommonJS bundles whose names Node cannot see from ESM.
const require = createRequire(import.meta.url);
const textmate = require('vscode-textmate') as typeof import('vscode-textmate');
const oniguruma = require('vscode-oniguruma') as typeof import('vscode-oniguruma');

/** A small stand-in for VS Code's own grammar of C, which is not ours to ship: what the injection has to live with. */
const hostGrammar = {
  scopeName: 'source.c',
  patterns: [
    { name: 'comment.block.c', begin: '/\\*', end: '\\*/' },
    { name: 'comment.line.double-slash.c', begin: '//', end: '$' },
    {
      name: 'meta.preprocessor.include.c',
      begin: '^\\s*(#\\s*include)\\b',
      end: '$',
      beginCaptures: { 1: { name: 'keyword.control.directive.include.c' } },
      patterns: [
        { name: 'string.quoted.other.lt-gt.include.c', begin: '<', end: '>' },
        { name: 'string.quoted.double.include.c', begin: '"', end: '"' },
      ],
    },
    { name: 'string.quoted.double.c', begin: '"', end: '"' },
    { name: 'storage.type.c', match: '\\b(?:int|void|long|char|struct)\\b' },
    {
      name: 'meta.function-call.c',
      begin: '\\b([A-Za-z_]\\w*)\\s*(\\()',
      end: '\\)',
      beginCaptures: { 1: { name: 'entity.name.function.c' } },
      patterns: [{ include: '$self' }],
    },
    { name: 'variable.other.c', match: '\\b[A-Za-z_]\\w*\\b' },
  ],
};

const files: Readonly<Record<string, string>> = {
  'bpf-c.injection': 'bpf-c.injection.tmLanguage.json',
  'source.bpf-verifier-log': 'verifier-log.tmLanguage.json',
  'source.bpf-asm': 'bpf-asm.tmLanguage.json',
};

let registry: InstanceType<typeof textmate.Registry> | undefined;

async function grammar(scopeName: string): Promise<IGrammar> {
  if (registry === undefined) {
    const wasm = readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
    await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
    registry = new textmate.Registry({
      onigLib: Promise.resolve({
        createOnigScanner: (sources) => new oniguruma.OnigScanner(sources),
        createOnigString: (text) => new oniguruma.OnigString(text),
      }),
      loadGrammar: (scope) => Promise.resolve(readGrammar(scope)),
      getInjections: (scope) => (scope === 'source.c' ? ['bpf-c.injection'] : undefined),
    });
  }
  const loaded = await registry.loadGrammar(scopeName);
  if (loaded === null) throw new Error(`no grammar ${scopeName}`);
  return loaded;
}

function readGrammar(scope: string): IRawGrammar | undefined {
  if (scope === 'source.c') {
    // XDP_TEST_C_GRAMMAR names VS Code's own c.tmLanguage.json, to try the injection on the real thing.
    const real = process.env.XDP_TEST_C_GRAMMAR;
    const text = real === undefined ? JSON.stringify(hostGrammar) : readFileSync(real, 'utf8');
    return textmate.parseRawGrammar(text, 'source.c.json');
  }
  const file = files[scope];
  if (file === undefined) return undefined;
  const path = join(repository, 'syntaxes', file);
  return textmate.parseRawGrammar(readFileSync(path, 'utf8'), path);
}

/** For each line a function that gives the scopes of the character at a 0-based offset. */
export async function tokenizeLines(
  scopeName: string,
  lines: readonly string[],
): Promise<((at: number) => string[])[]> {
  const loaded = await grammar(scopeName);
  let stack = textmate.INITIAL;
  return lines.map((line) => {
    const { tokens, ruleStack } = loaded.tokenizeLine(line, stack);
    stack = ruleStack;
    return (at) => tokens.find((token) => token.startIndex <= at && at < token.endIndex)?.scopes ?? [];
  });
}
