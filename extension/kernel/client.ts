import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { type MessageConnection, ResponseError } from 'vscode-jsonrpc/node';
import { fromErrorData, XdpError, type XdpErrorCode, xdpErrorCodes } from '../core/errors.ts';
import {
  type HelloReply,
  type KernelContract,
  type KernelEvents,
  kernelContract,
  kernelEvents,
  kernelProtocolVersion,
} from '../protocol/kernel.ts';
import { type Calls, ErrorData } from '../protocol/rpc.ts';
import { adminDirectory, findAdminInstall } from './launch/adminInstall.ts';
import { serveAskPass } from './launch/askPass.ts';
import { describeEnd, judge, netnsNames, noSuchNetns, passwordNeeded, whatItWrote } from './launch/failures.ts';
import { isNetns, processOf } from './launch/netns.ts';
import { type Elevation, type LaunchAttempt, planLaunch } from './launch/plan.ts';
import { launch, type LaunchedProcess, launchFacts } from './launch/process.ts';
import type { HelperProfile } from './system/capabilities.ts';
import { createWireConnection } from './wire.ts';

export interface StartHelperOptions {
  /** dist/helper.js */
  helperPath: string;
  /** The Node (or Electron) to run it with. */
  execPath: string;
  /** `system` adds CAP_SYS_ADMIN, for the operations that the kernel ties to it; `code` also CAP_SYSLOG, to see machine code. */
  profile: HelperProfile;
  /** A network namespace: a name under /run/netns, the number of a process, or /proc/PID/ns/net. */
  netns?: string;
  elevation: Elevation;
  /** Asks the user for the sudo password; undefined = cancelled. */
  askPassword?: (prompt: string) => Promise<string | undefined>;
  /** Where to look for an administrator's install. Default: /opt/xdp-vscode. */
  adminDirectory?: string;
  /** What the helper writes to standard error, line by line. */
  onLog?: (line: string) => void;
}

export interface HelperClient {
  readonly hello: HelloReply;
  /** Fails with the helper's XdpError; with `helper-died` once the helper has ended. */
  readonly call: Calls<KernelContract>;
  on<E extends keyof KernelEvents>(event: E, listener: (data: KernelEvents[E]) => void): { dispose(): void };
  /** Settles when the helper has ended, asked to or not. */
  readonly exited: Promise<{ reason: string }>;
  /** Closes the pipe, which ends the helper and what it did not keep, and waits for that. */
  dispose(): Promise<void>;
}

/** Time for a start that asks nobody anything. */
const startMs = 30_000;
/** Time for a helper to end after its pipe was closed, before it is killed. */
const endMs = 5_000;

/** The package for systems without a kernel of ours has none. Errors: `file-not-found`. */
export function requireHelper(helperPath: string): void {
  if (existsSync(helperPath)) return;
  throw new XdpError('file-not-found', `The kernel helper is not at ${helperPath}`, {
    fix: 'In a clone run npm run build. The packages for Linux on x64 and arm64 have it; the one for all other systems runs packets in the built-in machine only (--engine vm).',
  });
}

/**
 * Starts the kernel helper in the first way that works. Errors: `privilege`, `elevation-refused`, `netns-not-found`,
 * `libbpf-missing`, `libbpf-too-old`, `environment`, `helper-died`, `helper-protocol`.
 */
export async function startHelper(options: StartHelperOptions): Promise<HelperClient> {
  const { netns } = options;
  requireHelper(options.helperPath);
  // Better said before a password is asked for. Where /run/netns cannot be seen, the launch script finds out.
  if (netns !== undefined && isNetns(netns) && isMissing(netns)) throw noSuchNetns(netns);
  const request = { ...options, netns };
  const adminInstall = findAdminInstall(options.adminDirectory ?? adminDirectory, versionOf(options.helperPath));
  for (const attempt of planLaunch(request, launchFacts(options.askPassword !== undefined, adminInstall))) {
    const started = await tryAttempt(attempt, options);
    if (started !== 'next') return started;
  }
  throw passwordNeeded();
}

/** Of the extension or package that the helper is part of. */
function versionOf(helperPath: string): string | undefined {
  try {
    const manifest = JSON.parse(
      readFileSync(path.join(path.dirname(helperPath), '..', 'package.json'), 'utf8'),
    ) as unknown;
    return v.parse(v.object({ version: v.string() }), manifest).version;
  } catch {
    return undefined;
  }
}

function isMissing(netns: string): boolean {
  const pid = processOf(netns);
  if (pid !== undefined) return !existsSync(`/proc/${pid}`);
  return existsSync('/run/netns') && !netnsNames().includes(netns);
}

async function tryAttempt(attempt: LaunchAttempt, options: StartHelperOptions): Promise<HelperClient | 'next'> {
  const asking =
    attempt.kind === 'sudo-askpass' && options.askPassword !== undefined
      ? await serveAskPass({ ...options, ask: options.askPassword })
      : undefined;
  const interactive = attempt.kind === 'sudo-askpass' || attempt.kind === 'pkexec';
  try {
    const launched = launch(attempt, asking?.env ?? {}, options.onLog ?? (() => {}));
    const connection = createWireConnection(launched.child.stdout, launched.child.stdin);
    const client = new Client(connection, launched);
    const hello = await client.greet(interactive ? undefined : startMs);
    if (hello !== undefined) return client.ready(hello);
    const end = await launched.ended;
    const judged = judge(attempt, { ...end, cancelled: asking?.cancelled() === true }, options.netns);
    if (judged === 'next') return 'next';
    throw judged;
  } finally {
    asking?.close();
  }
}

class Client {
  readonly #connection: MessageConnection;
  readonly #launched: LaunchedProcess;
  readonly #listeners = new Map<string, Set<(data: unknown) => void>>();
  readonly #exited: Promise<{ reason: string }>;

  constructor(connection: MessageConnection, launched: LaunchedProcess) {
    this.#connection = connection;
    this.#launched = launched;
    this.#exited = launched.ended.then((end) => {
      // Rejects every pending request.
      connection.dispose();
      return { reason: describeEnd(end) };
    });
    // A broken pipe ends the helper; that is what callers hear of.
    connection.onError(() => {});
    connection.onClose(() => launched.child.stdin.end());
    for (const event of Object.keys(kernelEvents) as (keyof KernelEvents)[]) {
      connection.onNotification(event, (data: unknown) => this.#dispatch(event, data));
    }
    connection.listen();
  }

  /** undefined when the process ended before it answered. */
  async greet(timeoutMs: number | undefined): Promise<HelloReply | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      if (timeoutMs === undefined) return;
      timer = setTimeout(
        () =>
          reject(
            new XdpError('helper-died', `The kernel helper did not answer within ${timeoutMs / 1000} s`, {
              fix: `Try again. ${whatItWrote}`,
            }),
          ),
        timeoutMs,
      );
    });
    try {
      const ended = this.#exited.then(() => undefined);
      return await Promise.race([this.call('hello', { protocolVersion: kernelProtocolVersion }), ended, late]);
    } catch (error) {
      if (error instanceof XdpError && error.details['exited'] === true) return undefined;
      await this.dispose();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  ready(hello: HelloReply): HelperClient {
    return {
      hello,
      call: this.call,
      on: (event, listener) => this.#on(event, listener),
      exited: this.#exited,
      dispose: () => this.dispose(),
    };
  }

  readonly call: Calls<KernelContract> = async (method, params) => {
    const reply = await this.#send(method, params);
    const parsed = v.safeParse(kernelContract[method].result, reply);
    if (!parsed.success) {
      throw new XdpError('helper-protocol', `The helper's answer to ${method} is not what was agreed`, {
        fix: 'Reload the window: the extension was probably updated while it ran.',
      });
    }
    // The schema of this method made it; TypeScript cannot follow the index to its result type.
    return parsed.output as never;
  };

  async #send(method: string, params: unknown): Promise<unknown> {
    try {
      return await this.#connection.sendRequest(method, params);
    } catch (error) {
      throw await this.#toXdpError(error);
    }
  }

  async #toXdpError(error: unknown): Promise<XdpError> {
    if (error instanceof ResponseError) {
      const data = v.safeParse(ErrorData, error.data);
      if (data.success) return errorOfHelper(data.output);
    }
    // Anything else is a pipe that broke or was closed: the end of the process follows and says why.
    let timer: NodeJS.Timeout | undefined;
    const alive = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), endMs);
    });
    const end = await Promise.race([this.#exited, alive]);
    clearTimeout(timer);
    if (end !== undefined) return helperDied(end.reason);
    const why = error instanceof Error ? error.message : String(error);
    return new XdpError('helper-protocol', `The kernel helper did not take the request: ${why}`, { cause: error });
  }

  #on<E extends keyof KernelEvents>(event: E, listener: (data: KernelEvents[E]) => void): { dispose(): void } {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    const wrapped = (data: unknown): void => listener(data as KernelEvents[E]);
    listeners.add(wrapped);
    return { dispose: () => void listeners.delete(wrapped) };
  }

  #dispatch(event: keyof KernelEvents, data: unknown): void {
    const parsed = v.safeParse(kernelEvents[event], data);
    if (!parsed.success) return;
    for (const listener of this.#listeners.get(event) ?? []) listener(parsed.output);
  }

  async dispose(): Promise<void> {
    const { child } = this.#launched;
    child.stdin.end();
    // An elevated helper cannot be killed by its user, but its own watchdog ends it when the pipe is gone.
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
    await this.#exited;
    clearTimeout(timer);
  }
}

function helperDied(reason: string): XdpError {
  return new XdpError('helper-died', `The kernel helper has ended: ${reason}`, {
    fix: 'What it had attached by a link is detached. Start the helper again and repeat the action.',
    details: { exited: true, reason },
  });
}

/** An error that the helper put into an answer. */
export function errorOfHelper(data: v.InferOutput<typeof ErrorData>): XdpError {
  return fromErrorData({ ...data, code: errorCode(data.code) });
}

/** A helper of another version may know a code that we do not. */
function errorCode(code: string): XdpErrorCode {
  return xdpErrorCodes.find((known) => known === code) ?? 'kernel';
}
