/**
 * What stands in a browser for the modules of Node that the session's code names: paths, and files through VS Code's own file
 * system. The bundler puts it in their place (extension/build/bundle.mjs), and fails when something is asked for that is not here.
 */
import * as vscode from 'vscode';

const path = {
  sep: '/',
  join: (...parts: string[]): string => normalize(parts.filter((part) => part !== '').join('/')),
  resolve: (...parts: string[]): string => {
    const from = parts.findLastIndex((part) => part.startsWith('/'));
    return normalize(`/${parts.slice(Math.max(from, 0)).join('/')}`);
  },
  dirname: (file: string): string => {
    const at = file.lastIndexOf('/');
    return at > 0 ? file.slice(0, at) : at === 0 ? '/' : '.';
  },
  basename: (file: string, suffix = ''): string => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    return suffix !== '' && name.endsWith(suffix) && name !== suffix ? name.slice(0, -suffix.length) : name;
  },
  extname: (file: string): string => /[^/](\.[^./]*)$/.exec(file)?.[1] ?? '',
  isAbsolute: (file: string): boolean => file.startsWith('/'),
};
const { join, resolve, dirname, basename, extname, isAbsolute, sep } = path;
export default { ...path, posix: path };
export { basename, dirname, extname, isAbsolute, join, resolve, sep };

function normalize(file: string): string {
  const parts: string[] = [];
  for (const part of file.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `${file.startsWith('/') ? '/' : ''}${parts.join('/')}` || '.';
}

let extension: vscode.Uri | undefined;
/** Where the product's own files are: on a web server, mostly. */
export function placeExtension(uri: vscode.Uri): void {
  extension = uri;
}

const isOfExtension = (file: string): boolean => extension !== undefined && file.startsWith(`${extension.path}/`);

/** Of a path in the workspace: its folders lie wherever the page's file system has them. */
function uriOf(file: string): vscode.Uri {
  if (extension !== undefined && isOfExtension(file)) return extension.with({ path: file });
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) =>
    file.startsWith(`${uri.path.replace(/\/$/, '')}/`),
  );
  // Asking VS Code for a file of a system that is not there takes its time.
  if (folder === undefined && /^\/(?:usr|sys|proc|boot)\//.test(file)) throw missing(file);
  return (folder?.uri ?? vscode.Uri.file('/')).with({ path: file });
}

function missing(file: string): Error {
  return Object.assign(new Error(`ENOENT: ${file}`), { code: 'ENOENT' });
}

/** Bytes, or text where an encoding is given. */
export async function readFile(file: string, encoding?: 'utf8'): Promise<Uint8Array | string> {
  const bytes = await vscode.workspace.fs.readFile(uriOf(file)).then(
    (read) => read,
    () => Promise.reject(missing(file)),
  );
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

export async function stat(
  file: string,
): Promise<{ size: number; mtimeMs: number; isFile(): boolean; isDirectory(): boolean }> {
  // A web server tells nothing of a file but what is in it.
  if (isOfExtension(file)) {
    const { length } = await readFile(file);
    return { size: length, mtimeMs: 0, isFile: () => true, isDirectory: () => false };
  }
  const { size, type, mtime } = await vscode.workspace.fs.stat(uriOf(file)).then(
    (found) => found,
    () => Promise.reject(missing(file)),
  );
  return {
    size,
    mtimeMs: mtime,
    isFile: () => type === vscode.FileType.File,
    isDirectory: () => type === vscode.FileType.Directory,
  };
}

/** Of the host's own files there are none: no /sys, no /proc. */
export function readFileSync(file: string): never {
  throw missing(file);
}
export function readdirSync(file: string): never {
  throw missing(file);
}
export function existsSync(): boolean {
  return false;
}
export const release = (): string => '';
export const setImmediate = (): Promise<void> => new Promise((done) => setTimeout(done, 0));
export function gunzipSync(): never {
  throw new Error('There is nothing packed here');
}
export function opendir(file: string): Promise<never> {
  return Promise.reject(missing(file));
}

/** For a look at a file's first bytes. */
export async function open(file: string): Promise<{
  read(into: Uint8Array, at: number, length: number): Promise<{ bytesRead: number; buffer: Uint8Array }>;
  close(): Promise<void>;
}> {
  const bytes = await readFile(file);
  return {
    read: (into, at, length) => {
      const found = typeof bytes === 'string' ? new Uint8Array() : bytes.subarray(0, length);
      into.set(found, at);
      return Promise.resolve({ bytesRead: found.length, buffer: into });
    },
    close: () => Promise.resolve(),
  };
}

/** Only what VS Code itself writes is written. */
export const writeFile = (file: string): Promise<never> => Promise.reject(missing(file));
export const rename = writeFile;
export const randomUUID = (): string => crypto.randomUUID();

/** Nothing is written: what would be compiled into a folder is there already. */
export const tmpdir = (): string => '/';
export const mkdtemp = (folder: string): Promise<string> => Promise.resolve(folder);
export const rm = (): Promise<void> => Promise.resolve();
