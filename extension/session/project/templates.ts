import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** An example that a project can begin as. */
export interface Template {
  /** Folder under `bpf/examples`. */
  name: string;
  /** One sentence. */
  description: string;
}

/** A row of the table in `bpf/examples/README.md`: `| [name](name) | shows |`. */
const row = /^\| \[(\w+)\]\(\1\) \| (.+) \|$/gm;

/**
 * Every example, in the order of the examples' own README, which begins with the easiest.
 * @param bpfFolder the product's `bpf/`
 */
export async function listTemplates(bpfFolder: string): Promise<Template[]> {
  const examples = path.join(bpfFolder, 'examples');
  const [index, folders] = await Promise.all([readFile(path.join(examples, 'README.md'), 'utf8'), readdir(examples)]);
  return [...index.matchAll(row)]
    .map(([, name = '', shows = '']) => ({ name, description: shows.replaceAll('`', '') }))
    .filter(({ name }) => folders.includes(name));
}
