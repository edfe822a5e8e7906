import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AttachedProgram, Attachment } from '../protocol/kernel.ts';

/** Who started this session: it decides how another session asks it to let go. */
export type HolderKind = 'cli' | 'vscode';

export interface RegisteredAttachment {
  key: { progId: number };
  /** For people: `xdp attach (process 123)`. */
  holder: string;
  program: string;
  file: string;
  /** Asks a foreground `xdp attach` to end. A VS Code window is never asked: it is told by its lost attachment. */
  stop: (() => void) | undefined;
}

interface Record {
  version: 1;
  pid: number;
  /** Field 22 of /proc/PID/stat: a reused pid has another. */
  startTime: string;
  kind: HolderKind;
  progId: number;
  program: string;
  iface: string;
  file: string;
}

/**
 * Small files of this user that say which of its sessions holds which program, so that two windows, or the CLI beside a
 * window, know each other's attachments. A record counts only while its process lives and its program is attached.
 */
export class AttachmentRegistry {
  readonly #folder: string;
  readonly #kind: HolderKind;

  constructor(kind: HolderKind, folder: string = defaultFolder()) {
    this.#kind = kind;
    this.#folder = folder;
  }

  async add(attachment: Attachment, file: string): Promise<void> {
    const startTime = await processStartTime(process.pid);
    if (startTime === undefined) return;
    const record: Record = {
      version: 1,
      pid: process.pid,
      startTime,
      kind: this.#kind,
      progId: attachment.progId,
      program: attachment.program,
      iface: attachment.iface,
      file,
    };
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const target = this.#path(attachment);
    await writeFile(`${target}.new`, JSON.stringify(record), { mode: 0o600 });
    await chmod(`${target}.new`, 0o600);
    await rename(`${target}.new`, target);
  }

  async remove(key: { progId: number }): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  /** The session of this user that holds one of these programs, if any. */
  async find(attached: readonly AttachedProgram[]): Promise<RegisteredAttachment | undefined> {
    if (!(await this.#isOurs())) return undefined;
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const record = await readRecord(path.join(this.#folder, name));
      if (!record) continue;
      if ((await processStartTime(record.pid)) !== record.startTime) {
        await rm(path.join(this.#folder, name), { force: true });
        continue;
      }
      if (!attached.some(({ progId }) => progId === record.progId)) continue;
      const { kind, pid } = record;
      return {
        key: record,
        holder: kind === 'cli' ? `xdp attach (process ${pid})` : `another VS Code window (process ${pid})`,
        program: record.program,
        file: record.file,
        stop: kind === 'cli' && pid !== process.pid ? () => process.kill(pid, 'SIGTERM') : undefined,
      };
    }
    return undefined;
  }

  #path({ progId }: { progId: number }): string {
    return path.join(this.#folder, `${progId}.json`);
  }

  /** The folder may stand in a shared /tmp: what another user wrote there is not believed. */
  async #isOurs(): Promise<boolean> {
    try {
      const { uid, mode } = await stat(this.#folder);
      return uid === process.getuid?.() && (mode & 0o077) === 0;
    } catch {
      return false;
    }
  }
}

function defaultFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const base = process.env.XDG_RUNTIME_DIR ?? path.join(tmpdir(), `xdp-vscode-${uid}`);

  return path.join(base, 'xdp-vscode', 'attachments');
}

async function readRecord(file: string): Promise<Record | undefined> {
  try {
    const record = JSON.parse(await readFile(file, 'utf8')) as Partial<Record>;
    const valid =
      record.version === 1 &&
      Number.isInteger(record.pid) &&
      Number.isInteger(record.progId) &&
      (record.kind === 'cli' || record.kind === 'vscode') &&
      typeof record.startTime === 'string' &&
      typeof record.program === 'string' &&
      typeof record.file === 'string';
    return valid ? (record as Record) : undefined;
  } catch {
    return undefined;
  }
}

async function processStartTime(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name is in parentheses and may hold anything: fields are counted after the last one.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
