import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What bpftool says of a loaded program. */
export interface LoadedProgram {
  name: string;
  /** Path of its pin. */
  pin: string;
  mapIds: number[];
}

export interface LoadedObject {
  programs: LoadedProgram[];
  /** `bpftool map show` of every map that a program of the object uses. */
  map(name: string): { id: number; type: string; bytes_key: number; bytes_value: number; max_entries: number };
}

export interface TestRun {
  retval: number;
  dataOut: Buffer;
}

/** A bpf file system of its own, so that a test never meets the pins of another one, or leaves any behind. */
export class PrivateBpffs {
  readonly #mount: string;
  #count = 0;

  constructor() {
    this.#mount = mkdtempSync(join(tmpdir(), 'xdp-bpffs-'));
    execFileSync('mount', ['-t', 'bpf', 'bpf', this.#mount]);
  }

  /** Loads every program of an object through libbpf; throws with the verifier's words when the kernel refuses. */
  load(object: string): LoadedObject {
    const folder = join(this.#mount, `o${this.#count++}`);
    // Its maps are pinned too: the kernel empties a prog array that nobody in user space holds any more.
    bpftool('prog', 'loadall', object, folder, 'pinmaps', `${folder}.maps`);
    const programs = execFileSync('ls', [folder], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((name): LoadedProgram => {
        const pin = join(folder, name);
        const shown = JSON.parse(bpftool('-j', 'prog', 'show', 'pinned', pin)) as { map_ids?: number[] };
        return { name, pin, mapIds: shown.map_ids ?? [] };
      });
    return {
      programs,
      map(name) {
        for (const id of new Set(programs.flatMap((program) => program.mapIds))) {
          const map = JSON.parse(bpftool('-j', 'map', 'show', 'id', String(id)));
          if (map.name === name) return map;
        }
        throw new Error(`no program of ${object} uses a map ${name}`);
      },
    };
  }

  /** BPF_PROG_TEST_RUN through bpftool. */
  run(pin: string, packet: Buffer): TestRun {
    const folder = mkdtempSync(join(tmpdir(), 'xdp-run-'));
    try {
      const [dataIn, dataOut] = [join(folder, 'in'), join(folder, 'out')];
      writeFileSync(dataIn, packet);
      const output = bpftool('-j', 'prog', 'run', 'pinned', pin, 'data_in', dataIn, 'data_out', dataOut);
      return { retval: (JSON.parse(output) as { retval: number }).retval, dataOut: readFileSync(dataOut) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  dispose(): void {
    execFileSync('umount', [this.#mount]);
    rmdirSync(this.#mount);
  }
}

export function bpftool(...args: string[]): string {
  try {
    return execFileSync('bpftool', args, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 64 << 20 });
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(`bpftool ${args.join(' ')} failed:\n${stderr}`, { cause: error });
  }
}

/** The entries of a map as bpftool decodes them through BTF. */
export function dump(id: number): { key: unknown; value?: unknown; values?: { cpu: number; value: unknown }[] }[] {
  const entries = JSON.parse(bpftool('-j', 'map', 'dump', 'id', String(id))) as { formatted?: never }[];
  return entries.map((entry) => entry.formatted ?? entry) as never;
}

/** Packets in Scapy's notation, built by Debian's Scapy: so what is right does not come from us. */
export function scapy(...expressions: string[]): Buffer[] {
  const code = [
    'import sys, logging',
    "logging.getLogger('scapy').setLevel(logging.CRITICAL)",
    'from scapy.layers.l2 import *',
    'from scapy.layers.inet import *',
    'from scapy.layers.inet6 import *',
    'from scapy.packet import Raw',
    'for line in sys.stdin: print(bytes(eval(line)).hex())',
  ].join('\n');
  const output = execFileSync('/usr/bin/python3', ['-c', code], { encoding: 'utf8', input: expressions.join('\n') });
  return output
    .trim()
    .split('\n')
    .map((hex) => Buffer.from(hex, 'hex'));
}
