import { stat } from 'node:fs/promises';
import { XdpError } from '../core/errors.ts';

/** Files that users name: what cannot be read or written, in words. */

/** An object or a capture beyond this is a mistake. Bytes. */
const maxFileBytes = 256 << 20;

/** A pipe or a device may never end, and a huge file would not fit: neither is read. Errors: `file-not-found`. */
export async function requireRegularFile(file: string): Promise<void> {
  const info = await stat(file).catch((cause: unknown) => {
    throw fileError(file, cause);
  });
  if (info.isDirectory()) throw fileError(file, { code: 'EISDIR' });
  if (!info.isFile()) throw new XdpError('file-not-found', `${file} is not a regular file.`, { fix: 'Name a file.' });
  if (info.size > maxFileBytes) {
    throw new XdpError('file-not-found', `${file} is larger than ${maxFileBytes >> 20} MiB.`, {
      fix: 'Name a smaller one.',
    });
  }
}

/** A failed open or read of a user's file, in words. */
export function fileError(file: string, cause: unknown): XdpError {
  if (cause instanceof XdpError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'this user may not read it'
        : code === 'EISDIR'
          ? 'it is a folder'
          : `reading failed with ${code ?? String(cause)}`;
  return new XdpError('file-not-found', `Cannot open ${file}: ${why}.`, { fix: 'Check the path.', cause });
}

/** A file that the user wants written and that cannot be, in words. Errors: `environment`. */
export function writeError(file: string, cause: unknown): XdpError {
  if (cause instanceof XdpError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT'
      ? 'its folder does not exist'
      : code === 'EACCES' || code === 'EPERM'
        ? 'this user may not write there'
        : code === 'EISDIR'
          ? 'it is a folder'
          : code === 'EROFS'
            ? 'that file system is read-only'
            : code === 'ENOSPC' || code === 'EDQUOT'
              ? 'there is no room left'
              : `writing failed with ${code ?? String(cause)}`;
  return new XdpError('environment', `Cannot write ${file}: ${why}.`, { fix: 'Name a file in another folder.', cause });
}
