import { spawn } from 'node:child_process';
import { XdpError } from '../core/errors.ts';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** The process is killed after this time. Milliseconds; without it there is no limit. */
  timeoutMs?: number;
  /** Output beyond this is read and dropped, so that a runaway tool cannot fill the memory. Bytes per stream. */
  maxBytes?: number;
}

export interface RunResult {
  /** null when a signal ended the process. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/**
 * Runs a program by its path, never through a shell, and collects its output as UTF-8.
 *
 * The child leads its own process group, so that abort and time-out also end what a wrapper (ccache, a script) started.
 * @throws {XdpError} `cancelled` on abort, `environment` when the program cannot be started.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { cwd, env, signal, timeoutMs, maxBytes = 64 << 20 } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancelled(command));
      return;
    }
    const ownGroup = process.platform !== 'win32';
    const child = spawn(command, args, { cwd, env, detached: ownGroup, stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = (): void => {
      if (ownGroup && child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
          return;
        } catch {
          // The group is gone already; killing the child alone does no harm.
        }
      }
      child.kill('SIGKILL');
    };
    let timedOut = false;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            kill();
          }, timeoutMs);
    signal?.addEventListener('abort', kill, { once: true });
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
      finish();
    };
    const stdout = collect(child.stdout, maxBytes);
    const stderr = collect(child.stderr, maxBytes);
    child.once('error', (cause) => {
      settle(() => reject(new XdpError('environment', `cannot start ${command}: ${cause.message}`, { cause })));
    });
    child.once('close', (code, endSignal) => {
      settle(() => {
        if (signal?.aborted) reject(cancelled(command));
        else resolve({ code, signal: endSignal, stdout: stdout(), stderr: stderr(), timedOut });
      });
    });
  });
}

function cancelled(command: string): XdpError {
  return new XdpError('cancelled', `${command} was stopped before it finished`);
}

function collect(stream: NodeJS.ReadableStream, maxBytes: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
