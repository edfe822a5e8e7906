import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { type AttachedProgram, type Attachment, XdpModeSchema } from '../../protocol/kernel.ts';

/** Who started this session: it decides how another session asks it to let go. */
export type HolderKind = 'cli' | 'vscode';

export interface RegisteredAttachment {
  key: { progId: number };
  /** For people: `xdp attach (process 123)`. */
  holder: string;
  /** This very process. */
  own: boolean;
  program: string;
  file: string;
  /** Asks a foreground `xdp attach` to end. A VS Code window is never asked: it is told by its lost attachment. */
  stop: (() => void) | undefined;
}

/** What outlives its session: pinned under the BPF file system, as this user remembers it. */
const KeptSchema = v.object({
  version: v.literal(1),
  /** Ids begin anew with each boot. */
  bootId: v.string(),
  progId: v.number(),
  program: v.string(),
  iface: v.string(),
  mode: XdpModeSchema,
  netns: v.optional(v.string()),
  file: v.string(),
});
export type KeptRecord = v.InferOutput<typeof KeptSchema>;

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
  /** What was begun earlier is done first: nobody need wait for a write to go on with what it is about. */
  #writing: Promise<void> = Promise.resolve();

  constructor(kind: HolderKind, folder: string = defaultFolder()) {
    this.#kind = kind;
    this.#folder = folder;
  }

  add(attachment: Attachment, file: string, netns?: string): Promise<void> {
    // As it is now: it may have changed when its turn comes.
    const now = { ...attachment };
    return this.#inTurn(() => this.#add(now, file, netns));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(work).catch(() => undefined);
    return this.#writing;
  }

  async #add(attachment: Attachment, file: string, netns: string | undefined): Promise<void> {
    if (attachment.pin !== undefined) await this.#addKept(attachment, file, netns);
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
    await this.#write(this.#path(attachment), record);
  }

  async #addKept({ progId, program, iface, mode }: Attachment, file: string, netns?: string): Promise<void> {
    const record: KeptRecord = { version: 1, bootId: await bootId(), progId, program, iface, mode, netns, file };
    await this.#write(this.#keptPath({ progId }), record);
  }

  /** A convenience for other sessions: that it cannot be kept is no reason to fail an attachment. */
  async #write(file: string, record: object): Promise<void> {
    if (!(await this.#prepare())) return;
    const temporary = path.join(this.#folder, `.${randomUUID()}`);
    try {
      await writeFile(temporary, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
      await rename(temporary, file);
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  /** What was kept since this machine started, and may have ended since. */
  async kept(): Promise<KeptRecord[]> {
    await this.#writing;
    if (!(await this.#isOurs())) return [];
    const now = await bootId();
    const names = (await readdir(this.#folder).catch(() => [])).filter((name) => name.startsWith(keptPrefix));
    const records = await Promise.all(names.map((name) => readKept(path.join(this.#folder, name))));
    return records.flatMap((record) => (record?.bootId === now ? [record] : []));
  }

  forgetKept({ progId }: { progId: number }): Promise<void> {
    return this.#inTurn(() => this.#delete(this.#keptPath({ progId })));
  }

  remove({ progId }: { progId: number }): Promise<void> {
    return this.#inTurn(() => this.#delete(this.#path({ progId })));
  }

  async #delete(file: string): Promise<void> {
    if (await this.#isOurs()) await rm(file, { force: true });
  }

  /** The session of this user that holds one of these programs, if any. */
  async find(attached: readonly AttachedProgram[]): Promise<RegisteredAttachment | undefined> {
    await this.#writing;
    return (await this.all()).find(({ key }) => attached.some(({ progId }) => progId === key.progId));
  }

  /** What the sessions of this user hold, this one's too. */
  async all(): Promise<RegisteredAttachment[]> {
    if (!(await this.#isOurs())) return [];
    const found: RegisteredAttachment[] = [];
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const record = await readRecord(path.join(this.#folder, name));
      if (!record) continue;
      if ((await processStartTime(record.pid)) !== record.startTime) {
        await rm(path.join(this.#folder, name), { force: true }).catch(() => undefined);
        continue;
      }
      const { kind, pid } = record;
      found.push({
        key: record,
        own: pid === process.pid,
        holder: kind === 'cli' ? `xdp attach (process ${pid})` : `another VS Code window (process ${pid})`,
        program: record.program,
        file: record.file,
        stop: kind === 'cli' && pid !== process.pid ? () => process.kill(pid, 'SIGTERM') : undefined,
      });
    }
    return found;
  }

  #keptPath({ progId }: { progId: number }): string {
    return path.join(this.#folder, `${keptPrefix}${progId}.json`);
  }

  #path({ progId }: { progId: number }): string {
    return path.join(this.#folder, `${progId}.json`);
  }

  /** Makes the folder and its parent, each ours alone; false when that cannot be had. */
  async #prepare(): Promise<boolean> {
    for (const folder of [path.dirname(this.#folder), this.#folder]) {
      await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
    }
    return await this.#isOurs();
  }

  /**
   * The folders may stand in a shared /tmp, where anybody can make them first: nothing is read from or written to one
   * that is a link, belongs to somebody else, or lets others write.
   */
  async #isOurs(): Promise<boolean> {
    try {
      for (const [folder, forbidden] of [
        [path.dirname(this.#folder), 0o022],
        [this.#folder, 0o077],
      ] as const) {
        const info = await lstat(folder);
        if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & forbidden) !== 0) return false;
      }
      return true;
    } catch {
      return false;
    }
  }
}

/** Root's is in /run, which only root writes to; a user's in the runtime folder that logind made, else in /tmp. */
function defaultFolder(): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return '/run/xdp-vscode/attachments';
  const runtime = process.env.XDG_RUNTIME_DIR;
  const base =
    runtime !== undefined && ownsFolder(runtime, uid) ? path.join(runtime, 'xdp-vscode') : `/tmp/xdp-vscode-${uid}`;
  return path.join(base, 'attachments');
}

/** `su` keeps XDG_RUNTIME_DIR of the user who called it. */
function ownsFolder(folder: string, uid: number): boolean {
  try {
    const info = lstatSync(folder);
    return path.isAbsolute(folder) && info.isDirectory() && info.uid === uid;
  } catch {
    return false;
  }
}

const keptPrefix = 'kept-';

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

async function readKept(file: string): Promise<KeptRecord | undefined> {
  try {
    const parsed = v.safeParse(KeptSchema, JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
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
