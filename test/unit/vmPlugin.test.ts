import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assemble } from '../support/vmAssembler.ts';

const folder = mkdtempSync(join(tmpdir(), 'xdp-vm-plugin-'));
const script = join(folder, 'plugin.cjs');
const repository = join(import.meta.dirname, '../..');

/** The verb alone, as a process: its streams and its exit code are its contract. */
beforeAll(async () => {
  const contents = `
import { Output } from './extension/cli/output.ts';
import { vmPlugin } from './extension/cli/verbs/vmPlugin.ts';
vmPlugin.run(process.argv.slice(2), { output: new Output(false) }).then((code) => { process.exitCode = code; });`;
  const stdin = { contents, resolveDir: repository, loader: 'ts' as const };
  await build({ stdin, outfile: script, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
});
afterAll(() => rmSync(folder, { recursive: true }));

function plugin(input: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { input, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}
const hex = (source: string): string => Buffer.from(assemble(source)).toString('hex');

test('r0 is printed as unsigned hex', () => {
  expect(plugin(hex('mov r0, -2\nexit'))).toEqual({ code: 0, out: 'fffffffffffffffe\n', err: '' });
  expect(plugin(hex('mov r0, 0\nexit'))).toEqual({ code: 0, out: '0\n', err: '' });
});

test('white space in program and memory means nothing', () => {
  const spaced = hex('ldxh r0, [r1+1]\nadd r0, r2\nexit').replace(/../g, '$& ').toUpperCase();
  expect(plugin(`\n${spaced}\n`, '01 02 03 04')).toEqual({ code: 0, out: '306\n', err: '' });
});

test.for([
  ['no program', ''],
  ['no hex', 'xyz'],
  ['half a byte', '9500000000000000f'],
  ['an unknown opcode', `ff${'00'.repeat(7)}`],
  ['a fault', hex('ldxw r0, [r1+8]\nexit')],
  ['no end', hex('ja -1')],
])('%s: exit 1, a message, nothing on stdout', ([, program = '']) => {
  const { code, out, err } = plugin(program, '00000000');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^xdp: .+\n$/);
});
