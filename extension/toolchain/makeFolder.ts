import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it. mkdir's own `recursive` never ends where a folder is there and refuses a new one as if it were not
 * (ENOENT, as autofs does for the home of nobody, and /proc).
 * @param mode of what is made
 * @throws what mkdir(2) says; `EEXIST` where something else is there
 */
export async function makeFolder(folder: string, mode = 0o777): Promise<void> {
  const path = resolve(folder);
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !existsSync(dirname(path))) {
      await makeFolder(dirname(path), mode);
      await makeFolder(path, mode);
    } else if (!(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
