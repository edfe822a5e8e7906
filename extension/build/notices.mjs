import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dist, root } from './paths.mjs';

/**
 * Somebody else's package that the product carries.
 * @typedef {object} Component
 * @property {string} name
 * @property {string} version
 * @property {string} license SPDX expression
 * @property {string} text of its licence
 */

/** Carried as they are, and not through a bundle. */
const besides = ['koffi', '@vscode/codicons'];

/**
 * What is in the bundles: every file of them whose path goes through node_modules belongs to a package.
 * @param {readonly string[]} inputs of esbuild's metafiles
 * @returns {Component[]} sorted by name
 */
export function componentsOf(inputs) {
  const folders = new Set(besides.map((name) => `node_modules/${name}`));
  for (const input of inputs) {
    // The last one, where packages lie in packages.
    const at = input.lastIndexOf('node_modules/');
    if (at < 0) continue;
    const [scope = '', name = ''] = input.slice(at + 'node_modules/'.length).split('/');
    folders.add(`${input.slice(0, at)}node_modules/${scope.startsWith('@') ? `${scope}/${name}` : scope}`);
  }
  return [...folders].map(readComponent).sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

/**
 * @param {string} folder relative to the repository
 * @returns {Component}
 */
function readComponent(folder) {
  const file = path.join(root, folder, 'package.json');
  const { name, version, license } = JSON.parse(readFileSync(file, 'utf8'));
  const texts = readdirSync(path.join(root, folder)).filter((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = texts.map((entry) => readFileSync(path.join(root, folder, entry), 'utf8').trim()).join('\n\n');
  return { name, version, license: typeof license === 'string' ? license : (license?.type ?? 'NOASSERTION'), text };
}

/**
 * Writes what must go with the product: the licences, and the bill of materials in CycloneDX 1.5 for those who check it.
 * @param {readonly Component[]} components
 * @returns {string[]} the files, relative to dist/
 */
export function writeNotices(components) {
  const rule = '='.repeat(80);
  const notices = components.map(
    ({ name, version, license, text }) => `${rule}\n${name} ${version} (${license})\n${rule}\n\n${text}\n`,
  );
  const head = 'XDP for VS Code carries the software of others, under these licences.\n';
  writeFileSync(path.join(dist, 'THIRD-PARTY-NOTICES.txt'), [head, ...notices].join('\n'));
  writeFileSync(path.join(dist, 'sbom.cdx.json'), `${JSON.stringify(billOfMaterials(components), undefined, 2)}\n`);
  return ['THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json'];
}

/**
 * Without a time and without a serial number: the same sources give the same file.
 * @param {readonly Component[]} components
 */
function billOfMaterials(components) {
  const { name, version, license } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const product = { type: 'application', 'bom-ref': `pkg:npm/${name}@${version}`, name, version };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { ...product, licenses: [{ license: { id: license } }] } },
    components: components.map((each) => ({
      type: 'library',
      'bom-ref': packageUrl(each),
      name: each.name,
      version: each.version,
      purl: packageUrl(each),
      licenses: [{ license: { id: each.license } }],
    })),
  };
}

/** @param {{ name: string, version: string }} component a purl: the @ of a scope is escaped */
function packageUrl({ name, version }) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
