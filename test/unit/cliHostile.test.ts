import { readFileSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { compileText, project } from '../support/toolchain.ts';

/** What others wrote into objects, logs and packets is shown, and does nothing to the terminal that it is shown on. */
let cli: CliBundle;
beforeAll(async () => {
  cli = await bundleCli('hostile');
});
afterAll(() => cli?.remove());

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); } map_aaaaaaaa SEC(".maps");
SEC("xdp") int prog_aaaaaaaa(struct xdp_md *ctx) { int key = 0; return bpf_map_lookup_elem(&map_aaaaaaaa, &key) ? 1 : 2; }
char _license[] SEC("license") = "GPL_aaaaaaaa";
`;
/** Clears the screen, sets the window's title, turns the direction of text, begins a line: as long as the names above. */
const names = [
  '\x1b[2J\x1b[H\x07',
  '\x1b]0;x\x07a\x9b',
  '\u202egpj..a',
  '\u061c\u200f\u200e',
  '\ra\bbbbbbb',
  '\nforged.',
];

// oxlint-disable-next-line no-control-regex -- control characters are what must not be there.
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\p{Bidi_Control}]|^forged/mu;

test.each(names)('names of an object: %j', async (name) => {
  const folder = project();
  const object = join(folder, 'x.o');
  await compileText(source, { output: object });
  const bytes = Buffer.from(name, 'utf8').subarray(0, 8);
  const hostile = Buffer.concat([bytes, Buffer.alloc(8 - bytes.length, 0x61)]);
  const elf = Buffer.from(
    readFileSync(object).toString('latin1').replaceAll('aaaaaaaa', hostile.toString('latin1')),
    'latin1',
  );
  writeFileSync(object, elf);
  expectHarmless(['inspect', object]);
  expectHarmless(['run', object, '--engine', 'vm', '--packet', 'Ether()/IP()/UDP()']);
});

test('a pasted verifier log, and text of a packet', () => {
  const log = join(project(), 'log');
  writeFileSync(
    log,
    '0: R1=ctx()\n; \x1b[31mred\x1b[0m @ \x1b]0;t\x07.c:3\n0: (61) r0 = *(u32 *)(r1 +4) ; \x9b2J\ninvalid access to packet, off=\x1b[2J\n',
  );
  expectHarmless(['explain', log]);
  expectHarmless(['packet', `Ether()/Raw(b'\x1b[2J')`]);
  expectHarmless(['packet', `Ether(\x1b[2J)`]);
});

test('a log without an end', () => {
  expectHarmless(['explain', '/dev/zero']);
});

test('a pipe that nobody writes to', async () => {
  const folder = project();
  const pipe = join(folder, 'pipe');
  spawnSync('mkfifo', [pipe]);
  const object = join(folder, 'x.o');
  await compileText(source, { output: object });
  const run = ['run', object, '--engine', 'vm', '--packet', 'Ether()'];
  for (const args of [
    ['test', pipe],
    ['inspect', pipe],
    ['packet', `@${pipe}`],
    [...run, '--maps', `@${pipe}`],
  ]) {
    const options = { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli.file, ...args], options);
    expect({ args, status, said: stdout + stderr }).toMatchObject({
      status: 2,
      said: expect.stringContaining('is not a regular file'),
    });
  }
  // A log may come from a pipe: it is waited for, until a signal ends that. SIGKILL would be the time-out.
  const child = spawn(process.execPath, [cli.file, 'explain', pipe], { timeout: 60_000, killSignal: 'SIGKILL' });
  const ended = once(child, 'exit');
  const signal = setInterval(() => child.kill('SIGTERM'), 500);
  expect(await ended).toEqual([null, 'SIGTERM']);
  clearInterval(signal);
}, 90_000);

test('names in a packet test file', async () => {
  const folder = project();
  const file = join(folder, 'x.xdptest.json');
  await compileText(source, { output: join(folder, 'x.o') });
  const one = { packet: 'Ether()/IP()/UDP()', expect: { action: 'XDP_PASS' } };
  const hostile = names.map((name) => ({ ...one, name, skip: name }));
  const failing = names.map((name) => ({ ...one, name, expect: { action: 'XDP_TX' } }));
  writeFileSync(file, JSON.stringify({ source: 'x.o', tests: [...hostile, ...failing] }));
  expectHarmless(['test', file, '--engine', 'vm']);
  writeFileSync(file, JSON.stringify({ source: '\nforged.c', tests: hostile }));
  expectHarmless(['test', file, '--engine', 'vm']);
  writeFileSync(file, JSON.stringify({ source: 'x.o', [names.at(-1) ?? '']: 1, tests: hostile }));
  expectHarmless(['test', file, '--engine', 'vm']);
});

/** Also with --json: JSON escapes C0 by itself. */
function expectHarmless(args: string[]): void {
  for (const each of [args, [...args, '--json']]) {
    const { stdout, stderr } = spawnSync(process.execPath, [cli.file, ...each], { encoding: 'utf8', input: '' });
    expect(stdout.length + stderr.length).toBeGreaterThan(0);
    const shown = each.includes('--json') ? stderr : stdout + stderr;
    expect(harmful.exec(shown), `${each.join(' ')}\n${JSON.stringify(shown)}`).toBe(null);
  }
}
