import { isMainThread, parentPort, workerData } from 'node:worker_threads';

/**
 * Entry of dist/helper.js. One file in three roles: the helper itself; in a worker thread of it the watchdog; and with
 * `--askpass SOCKET PROMPT` the program that sudo asks for a password. Each loads only what it needs.
 */
async function main(): Promise<void> {
  if (!isMainThread && parentPort !== null && workerData === 'watchdog') {
    const { watchParent } = await import('./watchdog.ts');
    watchParent();
    return;
  }
  const [role, ...rest] = process.argv.slice(2);
  if (role === '--askpass') {
    const { askPass } = await import('./launch/askPassProgram.ts');
    await askPass(rest[0] ?? '', rest[1] ?? '');
    return;
  }
  const { runHelper } = await import('./helper.ts');
  runHelper(process.argv.slice(2), __filename);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
