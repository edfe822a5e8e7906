import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { type HelperClient, type StartHelperOptions, startHelper } from '../../extension/kernel/client.ts';

const root = resolve(import.meta.dirname, '../..');
const outDir = join(root, '.cache/test-helper');

let built: Promise<string> | undefined;
/** Bundles the helper as the product does. Returns the path of helper.js. */
export function buildHelper(): Promise<string> {
  built ??= build({
    entryPoints: [join(root, 'extension/kernel/main.ts')],
    outfile: join(outDir, 'helper.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['koffi'],
    logLevel: 'error',
  }).then(() => join(outDir, 'helper.js'));
  return built;
}

/** A helper for this test; the caller disposes it. */
export async function helper(options: Partial<StartHelperOptions> = {}): Promise<HelperClient> {
  return startHelper({
    helperPath: await buildHelper(),
    execPath: process.execPath,
    profile: 'own',
    elevation: 'none',
    ...options,
  });
}

/** Compiles test/fixtures/bpf/NAME.bpf.c and returns the object's bytes. */
export function fixture(name: string, flags: readonly string[] = []): Uint8Array {
  const object = `${name}-${process.pid}-${flags.join('').replaceAll(/[^A-Za-z0-9]/g, '_')}.o`;
  return compile(join(root, 'test/fixtures/bpf', `${name}.bpf.c`), object, flags);
}

/** Compiles this C, behind the usual includes, and returns the object's bytes. `name`: of its files. */
export function fixtureText(name: string, text: string): Uint8Array {
  mkdirSync(outDir, { recursive: true });
  const source = join(outDir, `${name}-${process.pid}.bpf.c`);
  writeFileSync(source, `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${text}`);
  return compile(source, `${name}-${process.pid}.o`, []);
}

function compile(source: string, object: string, flags: readonly string[]): Uint8Array {
  mkdirSync(outDir, { recursive: true });
  const output = join(outDir, object);
  execFileSync('clang', [
    '-g',
    '-O2',
    '-target',
    'bpf',
    '-I/usr/include/x86_64-linux-gnu',
    ...flags,
    '-c',
    source,
    '-o',
    output,
  ]);
  return readFileSync(output);
}

let namespaces = 0;
/** A veth pair in two network namespaces of its own: `near` in `ns`, `far` in `farNs`. */
export interface VethLab {
  ns: string;
  farNs: string;
  near: string;
  far: string;
  ifindex: number;
  run(...args: string[]): string;
  runFar(...args: string[]): string;
  remove(): void;
}

export function vethLab(): VethLab {
  namespaces++;
  const id = `${process.pid}x${namespaces}`;
  const [ns, farNs, near, far] = [`xk${id}a`, `xk${id}b`, `kn${namespaces}`, `kf${namespaces}`];
  const run = (...args: string[]) => command('ip', ['netns', 'exec', ns, ...args]);
  const runFar = (...args: string[]) => command('ip', ['netns', 'exec', farNs, ...args]);
  const remove = () => {
    for (const name of [ns, farNs]) {
      try {
        command('ip', ['netns', 'del', name]);
      } catch {
        // Not made, or gone already.
      }
    }
  };
  try {
    command('ip', ['netns', 'add', ns]);
    command('ip', ['netns', 'add', farNs]);
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', farNs);
    run('ip', 'addr', 'add', '10.99.0.1/24', 'dev', near);
    runFar('ip', 'addr', 'add', '10.99.0.2/24', 'dev', far);
    run('ip', 'link', 'set', near, 'up');
    runFar('ip', 'link', 'set', far, 'up');
    const ifindex = (JSON.parse(run('ip', '-j', 'link', 'show', near)) as { ifindex: number }[])[0]?.ifindex ?? 0;
    return { ns, farNs, near, far, ifindex, run, runFar, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

export function command(name: string, args: readonly string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 256 << 20 });
}

/** `ip -j link`'s view of XDP on an interface of the lab: mode number and program id, undefined when nothing is there. */
export function ipXdp(lab: VethLab): { mode: number; id: number } | undefined {
  const [link] = JSON.parse(lab.run('ip', '-j', '-d', 'link', 'show', lab.near)) as {
    xdp?: { mode: number; prog?: { id: number } };
  }[];
  return link?.xdp?.prog === undefined ? undefined : { mode: link.xdp.mode, id: link.xdp.prog.id };
}

export function bpftool(...args: string[]): unknown {
  return JSON.parse(command('bpftool', ['-j', ...args]));
}

/** Every program, map or link: bpftool fails when one of them goes while it lists them, whoever's it is; then again. */
export function bpftoolList(
  kind: 'prog' | 'map' | 'link',
): { id: number; name?: string; type?: unknown; prog_id?: number }[] {
  for (let attempt = 0; ; attempt++) {
    try {
      return bpftool(kind) as { id: number }[];
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

/** Kinds of open files of a process, `anon_inode:bpf-map` and the like, counted. */
export function openFiles(pid: number): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[\d+\]$/, '');
    } catch {
      continue;
    }
    kinds.set(target, (kinds.get(target) ?? 0) + 1);
  }
  return kinds;
}

/** The same while the process rests: a socket that lives for one question of the helper's own timer is not counted. */
export async function openFilesAtRest(pid: number): Promise<Map<string, number>> {
  let least = openFiles(pid);
  for (let look = 0; look < 5; look++) {
    await new Promise((resolvePromise) => setTimeout(resolvePromise, 20));
    const now = openFiles(pid);
    least = new Map([...least].flatMap(([kind, count]) => [[kind, Math.min(count, now.get(kind) ?? 0)] as const]));
  }
  return new Map([...least].filter(([, count]) => count > 0));
}

/** A zombie is dead: it only waits for whoever adopted it. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Polls until `condition` gives something; fails with `what` when it has not after so many seconds. */
export async function eventually<T>(what: string, condition: () => T | undefined | false, seconds = 5): Promise<T> {
  for (let attempt = 0; attempt < 50 * seconds; attempt++) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolvePromise) => setTimeout(resolvePromise, 20));
  }
  throw new Error(`${what} did not happen within ${seconds} s`);
}
