import { opendir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { XdpError } from '../../core/errors.ts';
import type { PacketForm, TestFile } from '../../core/packetTest/model.ts';
import { parseTestFile } from '../../core/packetTest/parseTestFile.ts';
import { TestFileInvalid } from '../../core/packetTest/problems.ts';
import { fileError, requireRegularFile } from '../userFiles.ts';
import { readCapture } from '../run/packetArgument.ts';

export const testFileSuffix = '.xdptest.json';

const skippedFolders = new Set(['node_modules', '.git']);
/** A walk that started in the wrong place has to end. */
const maxFolders = 20_000;
const maxFileBytes = 64 << 20;

/**
 * The packet test files that PATHs name: a file is taken as it is, a folder is searched. Absolute, sorted, each once.
 * Symbolic links inside folders are not followed. Errors: `file-not-found`, `usage`.
 */
export async function findTestFiles(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const walk = { folders: 0 };
  for (const each of paths) {
    const absolute = path.resolve(each);
    const info = await stat(absolute).catch((cause: unknown) => {
      throw fileError(each, cause);
    });
    if (info.isDirectory()) for (const file of await searchFolder(absolute, walk)) found.add(file);
    else found.add(absolute);
  }
  return [...found].sort();
}

async function searchFolder(folder: string, walk: { folders: number }): Promise<string[]> {
  walk.folders++;
  if (walk.folders > maxFolders) {
    throw new XdpError('usage', `There are more than ${maxFolders} folders to search.`, {
      fix: 'Name the folder with the tests.',
    });
  }
  const files: string[] = [];
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    // A folder of somebody else's in between holds no tests of ours.
    if (error.code === 'EACCES' || error.code === 'EPERM') return [];
    throw fileError(folder, error);
  });
  for await (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && !skippedFolders.has(entry.name)) files.push(...(await searchFolder(file, walk)));
    else if (entry.isFile() && entry.name.endsWith(testFileSuffix)) files.push(file);
  }
  return files;
}

/** Errors: `file-not-found`, and TestFileInvalid with everything that is wrong. */
export async function readTestFile(file: string): Promise<TestFile> {
  let text: string;
  try {
    // A pipe that nobody writes to would be read for ever.
    await requireRegularFile(file);
    const { size } = await stat(file);
    if (size > maxFileBytes)
      throw new XdpError('test-file-invalid', `${file} is larger than ${maxFileBytes >> 20} MiB.`);
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw cause instanceof XdpError ? cause : fileError(file, cause);
  }
  const { file: parsed, problems } = parseTestFile(text);
  if (parsed === undefined) throw new TestFileInvalid(file, problems);
  return parsed;
}

/** The bytes of every packet that a test file names; capture files are read once. */
export class PacketSource {
  readonly #folder: string;
  readonly #captures = new Map<string, ReturnType<typeof readCapture>>();
  readonly #known = new Map<PacketForm, Uint8Array>();

  constructor(testFile: string) {
    this.#folder = path.dirname(testFile);
  }

  /** Errors: `file-not-found`, `packet-invalid`. */
  async load(form: PacketForm): Promise<void> {
    if (form.kind === 'bytes' || this.#known.has(form)) return;
    const file = path.resolve(this.#folder, form.file);
    const reading = this.#captures.get(file) ?? readCapture(file);
    this.#captures.set(file, reading);
    const packets = await reading;
    const packet = packets[form.index - 1];
    if (packet === undefined) {
      throw new XdpError('packet-invalid', `${form.file} has no packet ${form.index}: it holds ${packets.length}.`, {
        fix: 'Packets are numbered from 1, as Wireshark shows them.',
      });
    }
    this.#known.set(form, new Uint8Array(packet.data));
  }

  /** What was loaded before. */
  bytesOf(form: PacketForm): Uint8Array {
    const bytes = form.kind === 'bytes' ? form.bytes : this.#known.get(form);
    if (bytes === undefined) throw new Error('A packet is used before it was loaded');
    return bytes;
  }
}
