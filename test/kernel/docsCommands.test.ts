import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CommandLine, commandsOf } from '../support/docsCommands.ts';
import { bundleCli, type CliBundle } from '../support/cliBundle.ts';
import { eventually } from '../support/kernelHelper.ts';

/** What README, docs and the examples tell people to type is typed here, from top to bottom, as they would. */
const root = path.resolve(import.meta.dirname, '../..');
const documents = [
  'README.md',
  'README.zh-CN.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  ...readdirSync(path.join(root, 'bpf/examples'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `bpf/examples/${file}`),
].filter((file) => commandsOf(readFileSync(path.join(root, file), 'utf8')).length > 0);

let cli: CliBundle;
let folder: string;
let running: { child: ChildProcess; output(): string }[] = [];

beforeAll(async () => {
  cli = await bundleCli('docs');
});
afterAll(() => cli?.remove());
afterEach(async () => {
  for (const { child } of running.toReversed()) await end(child);
  running = [];
  spawnSync(process.execPath, [cli.file, 'lab', 'down']);
  rmSync(folder, { recursive: true, force: true });
});

test.each(documents)('%s: every command works', async (document) => {
  // A clone of its own: what the commands leave beside the sources does not stay.
  folder = mkdtempSync(path.join(tmpdir(), 'xdp-docs-'));
  cpSync(path.join(root, 'bpf'), path.join(folder, 'bpf'), { recursive: true });
  symlinkSync(path.dirname(cli.file), path.join(folder, 'dist'));
  writeFileSync(path.join(folder, 'xdp'), `#!/bin/sh\nexec '${process.execPath}' '${cli.file}' "$@"\n`, {
    mode: 0o755,
  });
  const cwd = document.startsWith('bpf/') ? path.join(folder, path.dirname(document)) : folder;
  const env = { ...process.env, PATH: `${folder}:${path.dirname(process.execPath)}:${process.env['PATH']}` };
  for (const line of commandsOf(readFileSync(path.join(root, document), 'utf8'))) await type(line, { cwd, env });
});

async function type({ text, ready }: CommandLine, where: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  const command = withIds(text);
  if (ready === undefined) {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { ...where, encoding: 'utf8', input: '' });
    expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
    return;
  }
  const child = spawn('bash', ['-c', `exec ${command}`], { ...where, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  running.push({ child, output: () => output });
  await eventually(`${command} (${ready})`, () => {
    expect(child.exitCode, `${command}\n${output}`).toBe(null);
    return ready.test(output);
  });
}

/** `ID-OF-THE-MAP-sockets`: what a reader takes from the output of `xdp maps`. */
function withIds(text: string): string {
  return text.replaceAll(/ID-OF-THE-MAP-(\w+)/g, (_, name: string) => {
    const { maps } = JSON.parse(execFileSync(process.execPath, [cli.file, 'maps', '--json'], { encoding: 'utf8' })) as {
      maps: { id: number; name: string }[];
    };
    return String(maps.findLast((map) => map.name === name)?.id);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
}
