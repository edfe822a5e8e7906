#!/usr/bin/env node
/**
 * BPF programs that other people wrote, as the tests' material: sources that Debian and Ubuntu carry, unpacked into the
 * shared cache once. `node extension/build/corpus.mjs` fetches them by itself.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { sharedCache } from './paths.mjs';
import { capture, findCommand, runStatus } from './processes.mjs';
import { runMain, say, UserError } from './terminal.mjs';

/**
 * @typedef {{ name: string, packages: readonly string[], keep: readonly string[] }} KernelTree a binary package that holds
 *   the kernel's source as a tar file; the first package that there is
 * @typedef {{ name: string, source: string }} SourceTree a source package
 */

/** @type {KernelTree} */
const kernel = {
  name: 'linux',
  packages: ['linux-source-6.12', 'linux-source-6.8.0', 'linux-source'],
  keep: ['samples/bpf', 'tools/testing/selftests/bpf', 'tools/lib/bpf', 'tools/include', 'include/uapi'],
};

/** Not on every mirror: what cannot be had is left out, and said. @type {readonly SourceTree[]} */
const sources = ['xdp-tools', 'bpfcc', 'libbpf', 'knot'].map((source) => ({ name: source, source }));

/** Where each tree stands, by its name: `linux`, `xdp-tools`, … A tree that could not be had is not there. */
export const corpus = path.join(sharedCache, 'corpus-1');

/** Makes the corpus where it is missing: 170 MB to download, 60 MB to keep. */
export async function ensureCorpus() {
  if (existsSync(path.join(corpus, 'complete'))) return;
  if (findCommand('apt-get') === undefined)
    throw new UserError(`The tests need BPF sources of Debian packages in ${corpus}, and there is no apt-get here.`);
  say(`Fetching BPF sources of Debian packages into ${corpus} (170 MB, once) …`);
  const partial = `${corpus}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    const apt = await privateApt(path.join(partial, '.apt'));
    await fetchKernel(apt, partial);
    const absent = [];
    for (const tree of sources) if (!(await fetchSource(apt, tree, partial))) absent.push(tree.name);
    if (absent.length > 0) say(`  not to be had from this mirror, and left out: ${absent.join(', ')}`);
    rmSync(path.join(partial, '.apt'), { recursive: true, force: true });
    writeFileSync(path.join(partial, 'complete'), `${absent.join('\n')}\n`);
    rmSync(corpus, { recursive: true, force: true });
    renameSync(partial, corpus);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** @typedef {(args: readonly string[], cwd: string) => Promise<boolean>} Apt */

/**
 * apt with lists of its own, which have the source packages as well: the machine's own lists are not touched, and no
 * privilege is needed.
 * @param {string} home
 * @returns {Promise<Apt>}
 */
async function privateApt(home) {
  for (const folder of ['parts', 'lists/partial', 'cache/archives/partial'])
    mkdirSync(path.join(home, folder), { recursive: true });
  for (const { name, text } of readAptSources()) writeFileSync(path.join(home, 'parts', name), withSources(text, name));
  const options = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': path.join(home, 'parts'),
    'Dir::State::lists': path.join(home, 'lists'),
    'Dir::Cache': path.join(home, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  /** @type {Apt} */
  const apt = async (args, cwd) => (await capture('apt-get', ['-q', ...flags, ...args], { cwd })).code === 0;
  // A mirror that lacks one of many lists makes this fail, and still serves the others: the downloads tell.
  await apt(['update'], home);
  return apt;
}

/** @returns {{ name: string, text: string }[]} */
function readAptSources() {
  const folder = '/etc/apt/sources.list.d';
  const parts = existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
  return ['/etc/apt/sources.list', ...parts]
    .filter((file) => /\.(?:list|sources)$/.test(file) && existsSync(file))
    .map((file) => ({ name: path.basename(file), text: readFileSync(file, 'utf8') }));
}

/**
 * The same places with their source packages: sources.list(5), both forms.
 * @param {string} text
 * @param {string} name
 */
function withSources(text, name) {
  if (name.endsWith('.sources')) return text.replaceAll(/^Types:.*$/gm, 'Types: deb deb-src');
  const binary = text.split('\n').filter((line) => /^deb\s/.test(line));
  return [...binary, ...binary.map((line) => line.replace(/^deb/, 'deb-src')), ''].join('\n');
}

/**
 * @param {Apt} apt
 * @param {string} home
 */
async function fetchKernel(apt, home) {
  const work = path.join(home, '.apt/kernel');
  mkdirSync(work, { recursive: true });
  for (const name of kernel.packages) {
    if (await apt(['download', name], work)) break;
  }
  const deb = readdirSync(work).find((file) => file.endsWith('.deb'));
  if (deb === undefined) throw new UserError(`None of these packages could be had: ${kernel.packages.join(', ')}.`);
  await must('dpkg-deb', ['--fsys-tarfile', path.join(work, deb)], `tar -x -C ${quote(work)} ./usr/src`);
  const folder = path.join(work, 'usr/src');
  const tar = readdirSync(folder).find((file) => /\.tar\.\w+$/.test(file));
  if (tar === undefined) throw new UserError(`${deb} holds no source of the kernel.`);
  const out = path.join(home, kernel.name);
  mkdirSync(out, { recursive: true });
  const wanted = kernel.keep.map((each) => `*/${each}/*`);
  const anchored = ['--wildcards', '--anchored', '--strip-components=1'];
  await must('tar', ['-x', '-f', path.join(folder, tar), '-C', out, ...anchored, ...wanted]);
}

/**
 * @param {Apt} apt
 * @param {SourceTree} tree
 * @param {string} home
 */
async function fetchSource(apt, { name, source }, home) {
  const work = path.join(home, '.apt', name);
  mkdirSync(work, { recursive: true });
  if (!(await apt(['source', '--download-only', '--only-source', source], work))) return false;
  const tar = readdirSync(work).find((file) => /\.orig\.tar\.(?:gz|xz|bz2|zst)$/.test(file));
  if (tar === undefined) return false;
  const out = path.join(home, name);
  mkdirSync(out);
  await must('tar', ['-x', '-f', path.join(work, tar), '-C', out, '--strip-components=1']);
  return true;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [into] a shell command that reads its output
 */
async function must(command, args, into) {
  const script = into === undefined ? '"$@"' : `"$@" | ${into}`;
  const code = await runStatus('sh', ['-ec', script, 'sh', command, ...args]);
  if (code !== 0)
    throw new UserError(`This command failed (exit status ${code}):\n    ${[command, ...args].join(' ')}`);
}

/** @param {string} text */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await runMain(ensureCorpus);
