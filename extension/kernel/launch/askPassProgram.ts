import { connect } from 'node:net';

/** Run by sudo: hands the prompt to the socket and prints the password that comes back; exit 1 when none comes. */
export function askPass(socketPath: string, prompt: string): Promise<void> {
  return new Promise((resolve) => {
    process.exitCode = 1;
    const socket = connect(socketPath, () => socket.write(`${prompt.replaceAll('\n', ' ')}\n`));
    socket.on('data', (password) => {
      process.exitCode = 0;
      process.stdout.write(password);
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
}
