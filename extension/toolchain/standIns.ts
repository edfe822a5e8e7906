import { createHash, randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFile } from './headers.ts';
import { makeFolder } from './makeFolder.ts';

export interface StandIn {
  /** As the program includes it, such as `../vmlinux/vmlinux.h`. */
  header: string;
  /** What it stands for: an absolute path, or a name that the include directories have. */
  target: string;
  /** A folder of this user's cache. */
  cache: string;
}

/** Upward steps of a header's name lead out of the include directory, so that it lies this deep in its own folder. */
const below = ['d', 'd', 'd', 'd', 'd'];

/**
 * An include directory in which `header` is a file that includes `target`: for headers that are there under another name.
 * Undefined where the name leads further up than anybody writes, or the cache cannot be written.
 */
export async function standIn({ header, target, cache }: StandIn): Promise<string | undefined> {
  const steps = header.split('/');
  if (header.startsWith('/') || steps.filter((step) => step === '..').length > below.length - 1) return undefined;
  const key = createHash('sha256').update(`${header}\0${target}`).digest('hex').slice(0, 16);
  const dir = join(cache, 'stand-ins', key, ...below);
  const path = join(dir, header);
  if (await isFile(path)) return dir;
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  try {
    await makeFolder(dir, 0o700);
    await makeFolder(dirname(path), 0o700);
    await writeFile(temporary, `#include ${target.startsWith('/') ? `"${target}"` : `<${target}>`}\n`);
    await rename(temporary, path);
    return dir;
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
    return undefined;
  }
}
