import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { XdpError } from '../core/errors.ts';
import { createHandlers, type KernelService } from './handlers/attach/create.ts';
import { PinDirectory } from './handlers/attach/pins.ts';
import { isHelperProfile } from './system/capabilities.ts';
import { emitter, serve } from './server.ts';
import { createWireConnection } from './wire.ts';

/**
 * The helper process: answers the contract on its own stdin and stdout until the pipe closes. It listens on nothing, runs
 * no other program, and everything that it holds is an fd, which the kernel closes when it ends however it ends.
 */
export function runHelper(args: readonly string[], ownFile: string): void {
  const { values } = parseArgs({
    args: [...args],
    options: { profile: { type: 'string' }, pins: { type: 'string' }, 'pin-problem': { type: 'string' } },
  });
  const profile = isHelperProfile(values.profile) ? values.profile : 'own';
  // Standard output belongs to the protocol.
  console.log = console.error;
  console.info = console.error;
  // Ctrl-C in a terminal reaches the whole process group: whoever started the helper decides what ends, and in what order.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});

  let service: KernelService | undefined;
  let exitProcess = (status: number): void => process.exit(status);
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    try {
      service?.dispose();
    } finally {
      exitProcess(0);
    }
  };
  const connection = createWireConnection(process.stdin, process.stdout);
  connection.onClose(end);
  // A parent that dies with unread bytes in its pipe ends ours with ECONNRESET instead of the end of the stream.
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, end);
  process.stdout.on('error', end);
  process.on('SIGTERM', end);

  serve(connection, async () => {
    const machine = await importMachine();
    exitProcess = machine.exitProcess;
    const ports = machine.bindMachine();
    const pins =
      values.pins === undefined
        ? { problem: values['pin-problem'] ?? 'the helper was started without a place for pins' }
        : PinDirectory.enter(ports.libbpf, values.pins);
    service = createHandlers({ profile, ...ports, pins, emit: emitter(connection) });
    const watchdog = new Worker(ownFile, { workerData: 'watchdog', argv: [], execArgv: [] });
    watchdog.on('error', (error) => console.error(`The helper cannot watch its pipe: ${error.message}`));
    watchdog.unref();
    return service.handlers;
  });
  connection.listen();
}

async function importMachine(): Promise<typeof import('./ffi/machine.ts')> {
  try {
    return await import('./ffi/machine.ts');
  } catch (cause) {
    throw new XdpError(
      'environment',
      `The native part of the helper (koffi) could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { fix: 'Install the extension package for this system and processor, or run npm ci in a clone.', cause },
    );
  }
}
