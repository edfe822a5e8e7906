import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { XdpError } from '../../core/errors.ts';
import { labTopologies } from './plan.ts';

const Identity = v.object({ pid: v.number(), startTime: v.string() });

/**
 * What is written down about a lab, so that a later process knows what is ours. Written before anything is made, and
 * removed last.
 */
const LabRecord = v.object({
  version: v.literal(2),
  topology: v.picklist(labTopologies),
  phase: v.picklist(['making', 'ready']),
  /** Who is making it, or made it. */
  maker: Identity,
  /** Inode of the network namespace that holds the host's end. */
  hostNamespace: v.number(),
  /** Inodes of the lab's namespaces by name, once they exist. */
  namespaces: v.record(v.string(), v.number()),
  /** Number of the end in the host's namespace, once it exists. */
  hostIfindex: v.optional(v.number()),
  traffic: v.optional(v.object({ ...Identity.entries, packetsPerSecond: v.number(), mix: v.string() })),
  /** What is not as it should be, and no reason to fail. */
  warnings: v.optional(v.array(v.string())),
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
    const parsed = v.safeParse(LabRecord, modern(parseJson(text), path.basename(this.file, '.json')));
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
    // The record of root's attachments may have made it for root alone: users look at the lab, and their own folder stays closed.
    if (uid === 0) chmodSync(folder, 0o755);
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

const Version1 = v.looseObject({ version: v.literal(1), namespace: v.optional(v.number()) });

/** A lab that 0.1 made is one pair in a namespace of the lab's own name. */
function modern(record: unknown, lab: string): unknown {
  const old = v.safeParse(Version1, record);
  if (!old.success) return record;
  const { namespace, traffic: _traffic, ...rest } = old.output;
  return { ...rest, version: 2, topology: 'pair', namespaces: namespace === undefined ? {} : { [lab]: namespace } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
