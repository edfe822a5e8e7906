import { randomUUID } from 'node:crypto';
import { readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { XdpError } from '../core/errors.ts';
import { isDirectory } from './headers.ts';

/**
 * The object file of one compile. clang writes a temporary file beside it, which takes its place only when all went
 * well: a failed or aborted compile leaves what was there before.
 */
export class ObjectOutput {
  /** Absolute. */
  readonly path: string;
  readonly temporary: string;
  /** Where clang lists the files that it read, as a rule of make. */
  readonly dependencies: string;

  private constructor(path: string) {
    this.path = path;
    this.temporary = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
    this.dependencies = `${this.temporary}.d`;
  }

  /** @throws {XdpError} `usage` when the place cannot hold an object file */
  static async create(source: string, output: string | undefined): Promise<ObjectOutput> {
    const given = output === undefined ? defaultOutput(source) : resolve(output);
    // A link is kept, and the file behind it replaced.
    const path = await realpath(given).catch(() => given);
    const refuse = (why: string, fix: string): never => {
      throw new XdpError('usage', `the object cannot be written to ${path}: ${why}`, { fix });
    };
    if (path === (await realpath(source))) refuse('it is the source itself', 'Name another output.');
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory())
      refuse('it is a folder', `Name a file in it, such as ${join(path, basename(defaultOutput(source)))}.`);
    if (info !== undefined && !info.isFile()) refuse('it is not a regular file', 'Name a file.');
    if (!(await isDirectory(dirname(path))))
      refuse(`the folder ${dirname(path)} does not exist`, 'Make the folder first.');
    return new ObjectOutput(path);
  }

  /** @throws {XdpError} `environment` when clang says that it could not write */
  checkWritten(diagnostics: readonly { message: string }[]): void {
    const one = diagnostics.find(({ message }) =>
      /^unable to (?:open|make|rename) .*output file|No space left/.test(message),
    );
    if (one !== undefined) throw this.#refused(one.message.replace(this.temporary, this.path));
  }

  /** @throws {XdpError} `environment` when the file system refuses */
  async commit(): Promise<void> {
    try {
      await rename(this.temporary, this.path);
    } catch (cause) {
      throw this.#refused(cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #refused(why: string, cause?: unknown): XdpError {
    return new XdpError('environment', `the object could not be written to ${this.path}: ${why}`, {
      fix: 'Check that the folder can be written to and has room, or name another output (TMPDIR for a temporary one).',
      cause,
    });
  }

  /** The first file of this name that clang read. */
  async findDependency(name: string, cwd: string): Promise<string | undefined> {
    const rule = await readFile(this.dependencies, 'utf8').catch(() => '');
    const files = rule
      .replace(/\\\r?\n/g, ' ')
      .split(/(?<!\\)\s+/)
      .map((file) => file.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'));
    const found = files.find((file) => basename(file) === name);
    return found === undefined ? undefined : resolve(cwd, found);
  }

  async dispose(): Promise<void> {
    await Promise.all([rm(this.temporary, { force: true }), rm(this.dependencies, { force: true })]);
  }
}

function defaultOutput(source: string): string {
  const ending = extname(source);
  return `${ending === '' ? source : source.slice(0, -ending.length)}.o`;
}
