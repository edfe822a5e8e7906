import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { corpus } from '../../extension/build/corpus.mjs';
import { artifacts } from '../../extension/build/paths.mjs';
import { clangs, compileFile, project } from '../support/toolchain.ts';

/** The trees that `npm test` fetches; those that a mirror does not have are not there. */
const trees = ['linux', 'libbpf', 'knot', 'xdp-tools', 'bpfcc'];

/** XDP programs: a function that takes the context, in a section, outside of comments. */
function xdpFiles(tree: string): string[] {
  const root = join(corpus, tree);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.c') && existsSync(join(root, name)))
    .map((name) => join(root, name))
    .filter((file) => {
      const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
      return (
        /\bSEC\("(?:xdp|freplace)/.test(text) && /struct\s+xdp_md\s*\*/.test(text) && !/\bint\s+main\s*\(/.test(text)
      );
    })
    .sort();
}

test.each(clangs)(
  'of 100 XDP programs that Debian carries at least 95 compile as they are on disk: %s',
  { timeout: 240_000 },
  async (clangPath) => {
    expect(existsSync(join(corpus, 'complete')), 'node extension/build/corpus.mjs fetches the programs').toBe(true);
    const output = join(project(), 'out.o');
    const failures: { file: string; errors: string[] }[] = [];
    let count = 0;
    for (const tree of trees) {
      for (const file of xdpFiles(tree)) {
        count++;
        const result = await compileFile(file, { output, clangPath, workspaceRoots: [join(corpus, tree)] }).catch(
          (error: unknown) => error,
        );
        if (result instanceof Error) failures.push({ file, errors: [result.message] });
        else if (isFailure(result)) {
          const errors = result.diagnostics
            .filter(({ severity }) => severity !== 'warning')
            .map(({ message }) => message);
          failures.push({ file, errors: errors.slice(0, 6) });
        }
      }
    }
    mkdirSync(artifacts, { recursive: true });
    writeFileSync(
      join(artifacts, `corpus-failures-${clangPath}.json`),
      `${JSON.stringify({ count, failures }, null, 2)}\n`,
    );
    expect(count).toBeGreaterThan(40);
    expect((count - failures.length) / count, JSON.stringify(failures, null, 1)).toBeGreaterThanOrEqual(0.95);
  },
);

type Result = Awaited<ReturnType<typeof compileFile>>;

function isFailure(result: unknown): result is Result {
  return typeof result === 'object' && result !== null && 'ok' in result && !result.ok;
}
