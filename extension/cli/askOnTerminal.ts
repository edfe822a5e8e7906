import { spawnSync } from 'node:child_process';
import { createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** sudo's question on the terminal itself, since stdin may be anything; nothing is echoed, stored or logged. */
export async function askOnTerminal(prompt: string): Promise<string | undefined> {
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
  const echo = (how: 'echo' | '-echo'): void =>
    void spawnSync('stty', [how], { stdio: [terminal, 'ignore', 'ignore'] });
  const input = createReadStream('', { fd: terminal });
  const lines = createInterface({ input });
  echo('-echo');
  try {
    writeSync(terminal, `${prompt.trim()} `);
    return await new Promise((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
    });
  } finally {
    echo('echo');
    writeSync(terminal, '\n');
    lines.close();
    input.destroy();
  }
}
