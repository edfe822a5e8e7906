import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Compiled BPF objects for tests. Needs clang and the libbpf headers; no privilege. */

export const fixtureDir = new URL('../fixtures/', import.meta.url).pathname;

const gnuArch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const compiled = new Map<string, Uint8Array>();

export interface CompileOptions {
  target?: 'bpfel' | 'bpfeb';
  flags?: readonly string[];
}

/** The object that clang makes of BPF C. Throws with clang's words. */
export function compileBpf(
  source: string,
  { target = 'bpfel', flags = ['-g', '-O2'] }: CompileOptions = {},
): Uint8Array {
  const key = `${target} ${flags.join(' ')}\n${source}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const dir = mkdtempSync(join(tmpdir(), 'xdp-fixture-'));
  try {
    writeFileSync(join(dir, 'fixture.bpf.c'), source);
    const include = `-I/usr/include/${gnuArch}-linux-gnu`;
    execFileSync('clang', ['-target', target, ...flags, include, '-c', 'fixture.bpf.c', '-o', 'fixture.o'], {
      cwd: dir,
      stdio: 'pipe',
    });
    const bytes = new Uint8Array(readFileSync(join(dir, 'fixture.o')));
    compiled.set(key, bytes);
    return bytes;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What a tool says about an object, which is handed to it as a file: `@` in the arguments. */
export function askTool(tool: string, args: readonly string[], object: Uint8Array): string {
  const dir = mkdtempSync(join(tmpdir(), 'xdp-fixture-'));
  try {
    const file = join(dir, 'object.o');
    writeFileSync(file, object);
    return execFileSync(
      tool,
      args.map((arg) => (arg === '@' ? file : arg)),
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export const bpfPrelude = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
typedef _Bool bool;
`;

/** A small generator with a fixed seed (mulberry32), so that a failing case can be repeated. Returns [0, below). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** One damaged copy: cut, bytes overwritten, words set to extremes, or pieces moved. */
export function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (random(8) === 0) return copy.subarray(0, random(copy.length));
  const changes = 1 + random(6);
  for (let i = 0; i < changes; i++) {
    const at = random(copy.length);
    switch (random(4)) {
      case 0:
        copy[at] = random(256);
        break;
      case 1:
        copy.set([0xff, 0xff, 0xff, random(2) * 0xff].slice(0, copy.length - at), at);
        break;
      case 2:
        copy.set([random(64), 0, 0, 0].slice(0, copy.length - at), at);
        break;
      case 3:
        copy.copyWithin(at, random(copy.length), random(copy.length));
        break;
    }
  }
  return copy;
}
