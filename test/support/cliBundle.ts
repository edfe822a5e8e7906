import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

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
  await build({
    entryPoints: {
      cli: path.join(root, 'extension/cli/main.ts'),
      helper: path.join(root, 'extension/kernel/main.ts'),
      'lab-traffic': path.join(root, 'extension/kernel/labTraffic.ts'),
    },
    outdir: path.join(folder, 'dist'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['koffi'],
    define: { __XDP_VERSION__: '"0.0.0"' },
    logLevel: 'error',
  });
  const file = path.join(folder, 'dist/cli.js');
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
      const command = ['exec', ...[process.execPath, file, ...args].map((part) => `'${part}'`)].join(' ');
      const child = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
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
