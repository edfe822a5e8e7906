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

/** The row that an example's README is about, where another one moves anyway. */
const rowOf: Readonly<Record<string, number>> = {
  counter: 1,
  encapsulation: 0,
  firewall: 0,
  frags: 1,
  icmp_echo: 0,
  multi: 2,
  protocol_filter: 17,
  router: 0,
  syn_cookie: 0,
  tail_call: 17,
};

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
  for (const line of commandsOf(readFileSync(path.join(root, document), 'utf8'))) {
    await type(line, { cwd, env });
    const map = /^xdp map (\w+)$/.exec(line.text)?.[1];
    if (map !== undefined && document.startsWith('bpf/examples/'))
      await moves(map, path.basename(path.dirname(document)));
  }
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

/** An example that can be seen working: something was counted in the map that its README looks at. */
async function moves(map: string, example: string): Promise<void> {
  const row = rowOf[example];
  let last = '';
  await eventually(`${map} of ${example} to move\n${last}`, () => {
    last = execFileSync(process.execPath, [cli.file, 'map', map, '--json'], { encoding: 'utf8' });
    const { entries } = JSON.parse(last) as { entries: { key: unknown; value?: unknown; values?: unknown }[] };
    const looked = row === undefined ? entries : entries.filter(({ key }) => key === row || keyNumber(key) === row);
    return looked.some(({ value, values }) => /[1-9]/.test(JSON.stringify(values ?? value)));
  });
}

/** `1 XDP_DROP` as the number. */
function keyNumber(key: unknown): number {
  return typeof key === 'string' ? Number.parseInt(key, 10) : Number.NaN;
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
