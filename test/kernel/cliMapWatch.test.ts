import { spawn } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { bpftool, eventually } from '../support/kernelHelper.ts';

/** `xdp map PIN --watch` while its owner puts another map in the place of the one that was pinned there. */
let cli: CliBundle;
beforeAll(async () => {
  cli = await bundleCli('cli-map-watch');
});
afterAll(() => cli?.remove());

const pin = `/sys/fs/bpf/xdp_pin_${process.pid}`;
/** One entry, whose key is 1. */
function pinned(pin: string, valueBytes: readonly string[]): number {
  const size = String(valueBytes.length);
  bpftool('map', 'create', pin, 'type', 'hash', 'key', '4', 'value', size, 'entries', '4', 'name', 'pinned');
  bpftool('map', 'update', 'pinned', pin, 'key', '1', '0', '0', '0', 'value', ...valueBytes);
  return (bpftool('map', 'show', 'pinned', pin) as { id: number }).id;
}

test.for([
  ['whole', []],
  ['filtered', ['--filter', 'key == hex:01000000']],
] as const)('what takes the place of a map at its pin is read as what it is: %s', async ([, options]) => {
  const first = pinned(pin, ['1', '2', '3', '4']);
  const args = [cli.file, 'map', pin, '--watch', '20', '--json', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, notes] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (notes += chunk.toString()));
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const documents = (): unknown[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  try {
    await eventually('a reading', () => documents().length > 0);
    expect(documents()[0]).toMatchObject({ id: first, entries: [{ value: '01020304' }] });
    // As a loader does it, in one step.
    const second = pinned(`${pin}_new`, ['5', '6', '7', '8', '9', '10', '11', '12']);
    renameSync(`${pin}_new`, pin);
    await eventually('the other map', () => (documents().at(-1) as { id: number }).id === second);
    expect(documents().at(-1)).toMatchObject({ entries: [{ key: '01000000', value: '05060708090a0b0c' }] });
    await eventually('a note', () => notes.includes(`The pin has another map now: pinned (map ${second}).`));
  } finally {
    for (const path of [pin, `${pin}_new`]) rmSync(path, { force: true });
    child.kill('SIGINT');
  }
  expect(await exit).not.toBeNull();
});
