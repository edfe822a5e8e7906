#!/usr/bin/env node
/**
 * `npm run package`: the `.vsix` files, one per platform that has a kernel helper and one without it for all others.
 * `--target linux-x64` (repeatable) makes only that one; `--twice` makes each a second time and fails when the two differ in a
 * byte. `npm run build` must have run.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { cache, root } from './paths.mjs';
import { capture, run } from './processes.mjs';
import { runMain, say, UserError } from './terminal.mjs';

/** @typedef {'linux-x64' | 'linux-arm64' | 'universal'} Target */

/** @type {readonly Target[]} */
export const targets = ['linux-x64', 'linux-arm64', 'universal'];

const limitBytes = 2 * 1024 * 1024;

/**
 * Enough of koffi to run its prebuilt library; the rest is C++ sources and documentation. The helper, one file, requires
 * it; the lab's traffic source, a module, imports it.
 */
const koffiFiles = [
  'package.json',
  'LICENSE.txt',
  ...['index', 'src/koffi/index', 'src/koffi/src/static'].flatMap((name) => [`${name}.cjs`, `${name}.js`]),
];

/** @param {Target} target */
export function vsixPath(target) {
  const { name, version } = readManifest();
  return path.join(root, `${name}-${target === 'universal' ? '' : `${target}-`}${version}.vsix`);
}

/**
 * @param {Target} target
 * @returns {Promise<string>} the file
 */
export async function packageExtension(target) {
  for (const bundle of ['dist/extension.mjs', 'dist/helper.js'])
    if (!existsSync(path.join(root, bundle))) throw new UserError(`${bundle} is missing: run \`npm run build\` first.`);
  const stage = path.join(cache, 'package', target);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  const { createVSIX, listFiles, PackageManager } = await import('@vscode/vsce');
  // What .vscodeignore lets through, beside koffi, which differs by platform.
  const files = await listFiles({ cwd: root, packageManager: PackageManager.None });
  copyFiles(root, stage, [...files, '.vscodeignore']);
  requireManifestFiles(stage);
  if (target === 'universal') rmSync(path.join(stage, 'dist/helper.js'));
  else await stageKoffi(stage, target);

  const file = vsixPath(target);
  process.env.SOURCE_DATE_EPOCH ??= await sourceTime();
  await createVSIX({
    cwd: stage,
    packagePath: file,
    ...(target !== 'universal' && { target }),
    dependencies: target !== 'universal',
    allowMissingRepository: true,
    rewriteRelativeLinks: false,
  });
  const { size } = statSync(file);
  const kilobytes = `${(size / 1024).toFixed(0)} KB`;
  if (size > limitBytes) throw new UserError(`${file} has ${kilobytes}, more than the 2 MB it may have.`);
  say(`  ${path.basename(file)}  ${kilobytes}`);
  return file;
}

/**
 * The time that every file in the package bears: the commit's, so that the same sources give the same package. Where there
 * is no git, the first that a zip file can hold.
 * @returns {Promise<string>} seconds since 1970
 */
async function sourceTime() {
  const { code, stdout } = await capture('git', ['log', '-1', '--format=%ct'], { cwd: root });
  return code === 0 ? stdout.trim() : '315532800';
}

/**
 * What the manifest points to must be in the package: VS Code would leave it out without a word.
 * @param {string} stage
 */
function requireManifestFiles(stage) {
  const names = JSON.stringify(readManifest()).matchAll(/"((?:\.\/)?[\w./-]+\.(?:js|json|svg|png|md))"/g);
  for (const [, name = ''] of names)
    if (!existsSync(path.join(stage, name)))
      throw new UserError(`package.json names ${name}, which is not there or which .vscodeignore leaves out.`);
}

/**
 * @param {string} stage
 * @param {'linux-x64' | 'linux-arm64'} target
 */
async function stageKoffi(stage, target) {
  const platform = `@koromix/koffi-${target}`;
  const library = `${target.replace('-', '_')}/koffi.node`;
  const source = existsSync(path.join(root, 'node_modules', platform)) ? root : await fetchKoffi(platform, target);
  copyFiles(path.join(root, 'node_modules/koffi'), path.join(stage, 'node_modules/koffi'), koffiFiles);
  const files = ['package.json', 'index.js', library];
  copyFiles(path.join(source, 'node_modules', platform), path.join(stage, 'node_modules', platform), files);
}

/**
 * npm installs koffi's library for this machine only; the other one is fetched, of the same version.
 * @param {string} platform
 * @param {string} target
 * @returns {Promise<string>} the folder that holds its node_modules
 */
async function fetchKoffi(platform, target) {
  const version = JSON.parse(readFileSync(path.join(root, 'node_modules/koffi/package.json'), 'utf8')).version;
  const folder = path.join(cache, 'package', `koffi-${target}-${version}`);
  if (existsSync(path.join(folder, 'node_modules', platform))) return folder;
  const [os = '', cpu = ''] = target.split('-');
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  // Asked for by its own name, npm would refuse it on this machine; as koffi's optional dependency it comes along.
  await run('npm', ['install', '--prefix', folder, ...flags, `--os=${os}`, `--cpu=${cpu}`, `koffi@${version}`]);
  return folder;
}

/**
 * @param {string} from
 * @param {string} to
 * @param {readonly string[]} files
 */
function copyFiles(from, to, files) {
  for (const file of files) cpSync(path.join(from, file), path.join(to, file));
}

function readManifest() {
  return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
}

/** @param {string} file */
function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/**
 * @param {readonly string[]} wanted
 * @param {boolean} twice
 */
async function main(wanted, twice) {
  for (const name of wanted) {
    const target = targets.find((target) => target === name);
    if (target === undefined) throw new UserError(`There is no target ${name}: choose from ${targets.join(', ')}.`);
    const first = hashOf(await packageExtension(target));
    if (twice && hashOf(await packageExtension(target)) !== first)
      throw new UserError(`${vsixPath(target)}: made twice of the same sources, it is not the same.`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: { target: { type: 'string', multiple: true }, twice: { type: 'boolean', default: false } },
  });
  await runMain(() => main(values.target ?? targets, values.twice));
}
