import { readFileSync } from 'node:fs';
import path from 'node:path';
import { dist, root } from './paths.mjs';

/** What runs in Node with its user's rights. */
export const processEntries = {
  extension: 'extension/host/extension.ts',
  cli: 'extension/cli/main.ts',
  debug: 'extension/debug/main.ts',
  language: 'extension/language/main.ts',
  'lab-traffic': 'extension/kernel/labTraffic.ts',
};

/** What the sources know at build time, of every bundle that runs in Node. */
export const constants = {
  __XDP_VERSION__: JSON.stringify(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version),
};

/**
 * Every process loads what it needs when it needs it, from chunks that all of them share (`dist/chunks`): one file each would make
 * everybody who opens a C file wait for the packet tests' machine, and would pack most modules four times.
 *
 * What the extension needs at once is kept in three files, though. VS Code resolves every import of an extension in another thread,
 * at 1 to 2 ms each: as the fifty chunks that modules fall into by who uses them, activation took five times as long. Grouping
 * modules is what esbuild, which makes the other bundles, cannot do.
 * @param {{ outdir?: string, minify?: boolean, sourcemap?: boolean }} [options]
 * @returns {import('rolldown').BuildOptions & { output: import('rolldown').OutputOptions }}
 */
export function processModules({ outdir = dist, minify = true, sourcemap = true } = {}) {
  const atOnce = staticImports(processEntries);
  const host = path.join(root, 'extension/host/');
  return {
    cwd: root,
    input: processEntries,
    platform: 'node',
    external: ['vscode', 'koffi'],
    transform: { target: 'node20', define: constants },
    // A module that one process needs at once and another one later is no mistake.
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: outdir,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: 'chunks/[name]-[hash].mjs',
      minify,
      sourcemap,
      // notices.mjs writes the licences of all that is bundled into one file.
      comments: false,
      codeSplitting: {
        // In this order: a group takes along what its modules import, unless an earlier one has it.
        groups: [
          {
            debugName: 'what the extension and the command need at once',
            priority: 3,
            name: (id, graph) => (atOnce('cli', graph).has(id) && atOnce('extension', graph).has(id) ? 'common' : null),
          },
          {
            debugName: 'what the extension needs at once and others may import',
            priority: 2,
            name: (id, graph) => (!id.startsWith(host) && atOnce('extension', graph).has(id) ? 'engine' : null),
          },
          {
            debugName: 'what the extension needs at once and nobody else may import',
            priority: 1,
            name: (id, graph) => (atOnce('extension', graph).has(id) ? 'host' : null),
          },
        ],
      },
    },
  };
}

/**
 * Which modules an entry loads before its first line runs: all that static imports lead to.
 * @template {string} Name
 * @param {Readonly<Record<Name, string>>} entries
 * @returns {(entry: Name, graph: import('rolldown').ChunkingContext) => Set<string>}
 */
export function staticImports(entries) {
  /** @type {Map<string, Set<string>>} */
  const known = new Map();
  return (entry, graph) => {
    const found = known.get(entry);
    if (found !== undefined) return found;
    /** @type {Set<string>} */
    const reached = new Set();
    const open = [path.join(root, entries[entry])];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const module = graph.getModuleInfo(id);
      if (module === null || reached.has(id)) continue;
      reached.add(id);
      open.push(...module.importedIds);
    }
    known.set(entry, reached);
    return reached;
  };
}
