import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Answers sudo's askpass program. */
export interface AskPassServer {
  /** To add to sudo's environment. */
  env: Readonly<Record<string, string>>;
  /** Whether the user was asked and gave nothing. */
  cancelled(): boolean;
  close(): void;
}

/** sudo takes one program without arguments: this one. What varies comes through the environment that sudo hands on. */
const program = `#!/bin/sh
exec "$XDP_ASKPASS_NODE" "$XDP_ASKPASS_HELPER" --askpass "$XDP_ASKPASS_SOCKET" "$1"
`;

/**
 * A socket in a directory that only this user can enter, for the time of one sudo call. The password goes from `ask` to
 * the socket and is kept nowhere.
 */
export async function serveAskPass(options: {
  execPath: string;
  helperPath: string;
  ask: (prompt: string) => Promise<string | undefined>;
}): Promise<AskPassServer> {
  const directory = mkdtempSync(join(tmpdir(), 'xdp-askpass-'));
  chmodSync(directory, 0o700);
  const programPath = join(directory, 'askpass');
  writeFileSync(programPath, program, { mode: 0o700 });
  const socketPath = join(directory, 'socket');
  let cancelled = false;

  const server = createServer((socket) => {
    answer(socket, options.ask).then(
      (given) => {
        cancelled = !given;
      },
      () => {
        cancelled = true;
        socket.destroy();
      },
    );
  });
  const close = (): void => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, resolve);
    });
    chmodSync(socketPath, 0o600);
  } catch (error) {
    close();
    throw error;
  }
  return {
    env: {
      SUDO_ASKPASS: programPath,
      XDP_ASKPASS_NODE: options.execPath,
      XDP_ASKPASS_HELPER: options.helperPath,
      XDP_ASKPASS_SOCKET: socketPath,
      ELECTRON_RUN_AS_NODE: '1',
    },
    cancelled: () => cancelled,
    close,
  };
}

/** The prompt comes as one line; a password goes back as one line, a refusal as the end. */
async function answer(socket: Socket, ask: (prompt: string) => Promise<string | undefined>): Promise<boolean> {
  socket.on('error', () => socket.destroy());
  const password = await ask(await readLine(socket));
  if (password === undefined) {
    socket.end();
    return false;
  }
  socket.end(`${password}\n`);
  return true;
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    socket.once('close', () => reject(new Error('The askpass program went away')));
  });
}
