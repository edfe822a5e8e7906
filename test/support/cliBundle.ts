import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { build as buildModules } from 'rolldown';
import { command, privilegedBundle } from '../../extension/build/bundle.mjs';
import { processModules } from '../../extension/build/moduleGraph.mjs';

const root = path.resolve(import.meta.dirname, '../..');

/** The `xdp` program, bundled as the product is, in a folder of the test's own. */
export interface CliBundle {
  file: string;
  /** With --json: its exit code, its one document, its words. */
  run(
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ): { status: number | null; json: Record<string, unknown>; stderr: string };
  /** Without --json: what it says on stdout. */
  text(args: readonly string[]): string;
  /** On a terminal of its own, whose Enter is the child's stdin; both outputs come as one text. */
  onTerminal(args: readonly string[]): {
    child: ChildProcess;
    text(): string;
    enter(): void;
    exit: Promise<number | null>;
  };
  remove(): void;
}

export async function bundleCli(name: string): Promise<CliBundle> {
  const folder = path.join(root, '.cache', `${name}-${process.pid}`);
  mkdirSync(path.join(folder, 'bpf'), { recursive: true });
  symlinkSync(path.join(root, 'bpf/include'), path.join(folder, 'bpf/include'));
  mkdirSync(path.join(folder, 'extension/host'), { recursive: true });
  symlinkSync(path.join(root, 'extension/host/l10n'), path.join(folder, 'extension/host/l10n'));
  const dist = path.join(folder, 'dist');
  await build({ ...privilegedBundle(), outdir: dist, sourcemap: false, logLevel: 'error' });
  await buildModules(processModules({ outdir: dist, minify: false, sourcemap: false }));
  const file = path.join(dist, command.out);
  writeFileSync(file, command.text);
  return {
    file,
    run: (args, env = process.env) => {
      const options = { encoding: 'utf8', env, input: '' } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args, '--json'], options);
      return { status, json: JSON.parse(stdout) as Record<string, unknown>, stderr };
    },
    text: (args) => spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', input: '' }).stdout,
    onTerminal: (args) => {
      // exec: a shell that stays in between gets Ctrl-C too, and dash then answers 130 whatever its child answered.
      const line = ['exec', ...[process.execPath, file, ...args].map((part) => `'${part}'`)].join(' ');
      const child = spawn('script', ['-qefc', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
      return { child, text: () => text, enter: () => void child.stdin.write('\n'), exit };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
