import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';

const root = path.resolve(import.meta.dirname, '../..');

/** The language server's process, bundled as the product is, as an editor talks to it. */
export interface LanguageServerProcess {
  connection: MessageConnection;
  pid: number;
  /** Its memory, resident. Bytes. */
  memory(): number;
  end(): Promise<void>;
}

let started = 0;

export async function startLanguageServer(
  options: Record<string, unknown> = {},
  execArgv: readonly string[] = [],
): Promise<LanguageServerProcess> {
  const folder = path.join(root, '.cache', `language-${process.pid}-${++started}`);
  mkdirSync(folder, { recursive: true });
  const outfile = path.join(folder, 'language.js');
  const entryPoints = [path.join(root, 'extension/language/main.ts')];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  });
  const child: ChildProcess = fork(outfile, ['--node-ipc'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--max-semi-space-size=2', ...execArgv],
  });
  const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
  connection.listen();
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    initializationOptions: { bundledInclude: path.join(root, 'bpf/include'), semanticTokens: true, ...options },
  });
  await connection.sendNotification('initialized', {});
  return {
    connection,
    pid: child.pid ?? -1,
    memory: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
    },
    end: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      await connection.sendRequest('shutdown').catch(() => undefined);
      connection.dispose();
      child.kill();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
