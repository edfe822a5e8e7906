import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { XdpError } from '../../core/errors.ts';

const Identity = v.object({ pid: v.number(), startTime: v.string() });

/**
 * What is written down about a lab, so that a later process knows what is ours. Written before anything is made, and
 * removed last.
 */
const LabRecord = v.object({
  version: v.literal(1),
  phase: v.picklist(['making', 'ready']),
  /** Who is making it, or made it. */
  maker: Identity,
  /** Inode of the network namespace that holds the host's end. */
  hostNamespace: v.number(),
  /** Inode of the lab's namespace, once it exists. */
  namespace: v.optional(v.number()),
  /** Number of the host's end, once it exists. */
  hostIfindex: v.optional(v.number()),
  traffic: v.optional(v.object({ ...Identity.entries, packetsPerSecond: v.number() })),
});
export type LabRecord = v.InferOutput<typeof LabRecord>;

const systemFolder = '/run/xdp-vscode';

/** The record of one lab. Root's lies where everybody can see it; a user's where only they can write. */
export class LabState {
  readonly file: string;

  private constructor(file: string) {
    this.file = file;
  }

  /** This user's own record. */
  static own(lab: string): LabState {
    const uid = process.getuid?.() ?? 0;
    if (uid === 0) return new LabState(path.join(systemFolder, `${lab}.json`));
    const runtime = process.env['XDG_RUNTIME_DIR'];
    const folder = runtime ? path.join(runtime, 'xdp-vscode') : path.join(tmpdir(), `xdp-vscode-${uid}`);
    return new LabState(path.join(folder, `${lab}.json`));
  }

  /** Root's record, to look at. */
  static system(lab: string): LabState {
    return new LabState(path.join(systemFolder, `${lab}.json`));
  }

  read(): LabRecord | undefined {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch {
      return undefined;
    }
    const parsed = v.safeParse(LabRecord, parseJson(text));
    if (parsed.success) return parsed.output;
    throw new XdpError('environment', `The lab's record ${this.file} cannot be read.`, {
      fix: `Remove it, and remove by hand what is left of the lab: sudo ip netns del xdp-lab`,
    });
  }

  /** Fails when there is a record already: two commands at once cannot both make the lab. */
  create(record: LabRecord): void {
    const folder = path.dirname(this.file);
    const uid = process.getuid?.() ?? 0;
    mkdirSync(folder, { recursive: true, mode: uid === 0 ? 0o755 : 0o700 });
    // In a folder that anybody can write to, someone else may have made this one first.
    const found = lstatSync(folder);
    if (found.uid !== uid || !found.isDirectory()) {
      throw new XdpError('environment', `${folder} belongs to another user.`, { fix: 'Set XDG_RUNTIME_DIR.' });
    }
    const draft = `${this.file}.${process.pid}`;
    try {
      writeFileSync(draft, JSON.stringify(record), { mode: 0o644 });
      linkSync(draft, this.file);
    } catch (cause) {
      throw new XdpError('environment', `The lab's record ${this.file} cannot be made: ${String(cause)}`, {
        fix: 'If another command is making the lab right now, try again when it has ended.',
        cause,
      });
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Whole or not at all: a reader never sees half a record. */
  update(record: LabRecord): void {
    writeFileSync(`${this.file}.new`, JSON.stringify(record), { mode: 0o644 });
    renameSync(`${this.file}.new`, this.file);
  }

  remove(): void {
    rmSync(this.file, { force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
