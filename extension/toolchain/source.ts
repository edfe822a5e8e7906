import { readFile, stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { XdpError } from '../core/errors.ts';

export interface Source {
  /** Absolute. */
  path: string;
  text: string;
}

/** A generated table can be large; a C file of this size is a mistake. Bytes. */
const maxSourceBytes = 32 << 20;

/** Text that is surely not C. Every other name is judged by its content. */
const otherLanguages = new Set(['.ts', '.js', '.mjs', '.json', '.py', '.rs', '.go', '.java', '.sh', '.md', '.html']);

/**
 * Reads a C file, so that what cannot be C is said as such and not as a hundred syntax errors.
 * @throws {XdpError} `file-not-found`, `not-c`
 */
export async function readSource(file: string): Promise<Source> {
  const path = resolve(file);
  const info = await stat(path).catch((cause: unknown) => {
    throw new XdpError('file-not-found', `${path} does not exist or cannot be reached`, {
      fix: 'Check the name and the folder.',
      cause,
    });
  });
  if (info.isDirectory()) throw notC(path, 'it is a folder', 'Name one C file in it.');
  if (!info.isFile()) throw notC(path, 'it is not a regular file', 'Name a C file.');
  if (info.size > maxSourceBytes) throw notC(path, `it has ${info.size} bytes`, 'Name a C file.');
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new XdpError('file-not-found', `${path} cannot be read`, { fix: 'Check its permissions.', cause });
  });
  const why = binaryKind(bytes);
  if (why !== undefined) throw notC(path, why.what, why.fix);
  const ending = extname(basename(path)).toLowerCase();
  if (otherLanguages.has(ending)) throw notC(path, `its name ends in ${ending}`, 'Name a file that ends in .c.');
  return { path, text: bytes.toString('utf8') };
}

function notC(path: string, why: string, fix: string): XdpError {
  return new XdpError('not-c', `${path} is not C source: ${why}`, { fix });
}

function binaryKind(bytes: Buffer): { what: string; fix: string } | undefined {
  if (bytes.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))) {
    return { what: 'it is an object file (ELF), compiled already', fix: 'Name the .c file that it was made from.' };
  }
  const mark = bytes.readUInt16BE.bind(bytes);
  if (bytes.length >= 2 && (mark(0) === 0xfffe || mark(0) === 0xfeff)) {
    return { what: 'it is text in UTF-16, which clang does not read', fix: 'Save it as UTF-8.' };
  }
  if (bytes.includes(0)) return { what: 'it holds binary data', fix: 'Name a C file.' };
  return undefined;
}
