import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import { makeFolder } from '../../toolchain/makeFolder.ts';
import { writeError } from '../userFiles.ts';
import { listTemplates } from './templates.ts';

export interface NewProject {
  /** Name of an example: `listTemplates`. */
  template: string;
  /** Made if it is not there; must be empty. Its name is the project's. */
  folder: string;
  /** The product's `bpf/`. */
  bpfFolder: string;
}

export interface CreatedProject {
  folder: string;
  template: string;
  /** Relative to the folder, sorted. */
  files: string[];
  /** The file to open first: the (first) program. */
  main: string;
}

/** What is called `.gitignore` in a project cannot be called so here: it would hold for this repository. */
const renamed = new Map([['gitignore', '.gitignore']]);

/**
 * A folder that stands on its own: the example's programs and packet tests, the headers that they include, a Makefile that
 * needs clang and libbpf's headers and nothing of this product, and a workflow for CI that runs the packet tests.
 */
export async function createProject({ template, folder, bpfFolder }: NewProject): Promise<CreatedProject> {
  const templates = await listTemplates(bpfFolder);
  if (!templates.some(({ name }) => name === template)) {
    throw new XdpError('usage', `There is no template ${template}.`, {
      fix: `It is one of: ${templates.map(({ name }) => name).join(', ')}.`,
    });
  }
  await requireEmpty(folder);
  await cp(path.join(bpfFolder, 'examples', template), folder, {
    recursive: true,
    filter: (source) => !source.endsWith('.o'),
  });
  await copyHeaders(path.join(bpfFolder, 'include'), folder);
  const scaffold = path.join(bpfFolder, 'templates/project');
  for (const file of await filesBelow(scaffold)) {
    const target = path.join(folder, renamed.get(file) ?? file);
    await mkdir(path.dirname(target), { recursive: true });
    await cp(path.join(scaffold, file), target);
  }
  await addToReadme(path.join(folder, 'README.md'), template, path.basename(path.resolve(folder)));
  const files = await filesBelow(folder);
  const main = files.find((file) => file.endsWith('.bpf.c')) ?? 'README.md';
  return { folder: path.resolve(folder), template, files, main };
}

/** Those of our headers that the sources include, into `include/`. */
async function copyHeaders(from: string, folder: string): Promise<void> {
  const sources = (await readdir(folder)).filter((file) => /\.[ch]$/.test(file));
  const texts = await Promise.all(sources.map((file) => readFile(path.join(folder, file), 'utf8')));
  const included = new Set(
    texts.flatMap((text) => [...text.matchAll(/^#include <([\w.]+)>/gm)].map(([, name]) => name)),
  );
  await mkdir(path.join(folder, 'include'));
  for (const header of await readdir(from)) {
    if (included.has(header)) await cp(path.join(from, header), path.join(folder, 'include', header));
  }
}

async function requireEmpty(folder: string): Promise<void> {
  let entries: string[];
  try {
    await makeFolder(folder);
    entries = await readdir(folder);
  } catch (cause) {
    throw new XdpError('environment', writeError(folder, cause).message, {
      fix: 'Choose a folder that you may write to.',
      cause,
    });
  }
  if (entries.length === 0) return;
  throw new XdpError('usage', `${folder} is not empty: a new project would mix with what is there.`, {
    fix: 'Choose a folder that does not exist yet.',
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** The example's README, under the project's name, with how to build and test it. */
async function addToReadme(file: string, template: string, name: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const build = `## Build and test

\`\`\`
make
xdp test --engine vm
xdp test
\`\`\`

\`make\` needs clang and libbpf's headers, and nothing of XDP for VS Code. \`xdp\` is the command in that extension's package: in the built-in
machine (\`--engine vm\`) packet tests need no privilege, else they run on this machine's kernel. \`.github/workflows/xdp.yml\` does all of
it at each push: commit the package (\`vscode-xdp-linux-x64-….vsix\`) for it, or set the repository variable \`XDP_VSIX\` to its address.
`;
  await writeFile(file, `${text.replace(`# ${template}\n`, `# ${name}\n`)}\n${build}`);
}
