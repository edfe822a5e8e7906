import { XdpError } from '../core/errors.ts';
import type { HelperClient, StartHelperOptions } from '../kernel/client.ts';
import { requireLinux } from './requireLinux.ts';

export type Elevation = StartHelperOptions['elevation'];

export interface KernelAccessOptions {
  /** dist/helper.js. */
  helperPath: string;
  /** The interpreter that runs it: `process.execPath`. */
  execPath: string;
  elevation: Elevation;
  askPassword?: (prompt: string) => Promise<string | undefined>;
  onLog?: (line: string) => void;
  /** Tests replace the process by a fake. */
  start?: (options: StartHelperOptions) => Promise<HelperClient>;
}

/**
 * The session's helpers: one long-lived `own` helper per network namespace, started on first use, and short-lived
 * `system` helpers for the actions that the kernel ties to CAP_SYS_ADMIN.
 */
export class KernelAccess {
  readonly #options: KernelAccessOptions;
  readonly #own = new Map<string, Promise<HelperClient>>();
  readonly #lookouts = new Set<HelperClient>();
  readonly #exitListeners = new Set<(event: { netns: string | undefined; reason: string }) => void>();
  #disposed = false;
  #cannotStartSilently = false;

  constructor(options: KernelAccessOptions) {
    this.#options = options;
  }

  /** Called when an `own` helper ended without being asked to. */
  onUnexpectedExit(listener: (event: { netns: string | undefined; reason: string }) => void): { dispose(): void } {
    this.#exitListeners.add(listener);
    return { dispose: () => this.#exitListeners.delete(listener) };
  }

  /** The helper that loads, attaches, runs and reads what is ours. Starts it when it is not running. */
  own(netns?: string): Promise<HelperClient> {
    if (this.#disposed) return Promise.reject(new XdpError('cancelled', 'XDP is shutting down.'));
    const key = netns ?? '';
    const running = this.#own.get(key);
    if (running) return running;
    return this.#keep(key, () => this.#start('own', netns));
  }

  #keep(key: string, start: () => Promise<HelperClient>): Promise<HelperClient> {
    const netns = key === '' ? undefined : key;
    const starting = start().then((client) => {
      void client.exited.then(({ reason }) => {
        if (this.#own.get(key) !== starting) return;
        this.#own.delete(key);
        if (!this.#disposed) for (const listener of this.#exitListeners) listener({ netns, reason });
      });
      return client;
    });
    this.#own.set(key, starting);
    starting.catch(() => {
      if (this.#own.get(key) === starting) this.#own.delete(key);
    });
    return starting;
  }

  /** Is an `own` helper up already? Views use this so that looking never asks for a password. */
  ownIfRunning(netns?: string): Promise<HelperClient> | undefined {
    return this.#own.get(netns ?? '');
  }

  /**
   * The `own` helper, when it runs or can start without asking anybody: as root, with the capabilities, or through a sudo that
   * wants no password. For what happens by itself, such as on save. undefined: not without asking.
   */
  async ownSilently(): Promise<HelperClient | undefined> {
    const running = this.#own.get('');
    if (running) return await running;
    if (this.#disposed || this.#cannotStartSilently) return undefined;
    const elevation = this.#options.elevation === 'auto' || this.#options.elevation === 'sudo' ? 'sudo' : 'none';
    try {
      return await this.#keep('', () => this.#start('own', undefined, { elevation, ask: false }));
    } catch {
      // Tried once: each try starts processes, and nothing about this process will change.
      this.#cannotStartSilently = true;
      return undefined;
    }
  }

  /** Runs one action with CAP_SYS_ADMIN beside the own capabilities; the process ends with the action. */
  async withSystem<T>(netns: string | undefined, action: (client: HelperClient) => Promise<T>): Promise<T> {
    const client = await this.#start('system', netns);
    try {
      return await action(client);
    } finally {
      await client.dispose();
    }
  }

  /** Like withSystem(), with CAP_SYSLOG as well: the kernel ties its addresses to it, and so the machine code that holds them. */
  async withCode<T>(action: (client: HelperClient) => Promise<T>): Promise<T> {
    const client = await this.#start('code', undefined);
    try {
      return await action(client);
    } finally {
      await client.dispose();
    }
  }

  /** Runs one action in a helper without any privilege: looking at interfaces needs none. */
  async withoutPrivilege<T>(netns: string | undefined, action: (client: HelperClient) => Promise<T>): Promise<T> {
    const client = await this.#start('own', netns, { elevation: 'none' });
    try {
      return await action(client);
    } finally {
      await client.dispose();
    }
  }

  /**
   * A helper that only looks, for as long as somebody watches; the caller disposes it. `plain` has no privilege and asks
   * for none.
   */
  async startLookout(kind: 'privileged' | 'plain'): Promise<HelperClient> {
    const client = await (kind === 'privileged'
      ? this.#start('system', undefined)
      : this.#start('own', undefined, { elevation: 'none' }));
    this.#lookouts.add(client);
    void client.exited.then(() => this.#lookouts.delete(client));
    return client;
  }

  /** Other namespaces where a helper of this session runs. */
  ownNamespaces(): string[] {
    return [...this.#own.keys()].filter((netns) => netns !== '');
  }

  /** Ends the helpers; the next use starts one again. For when nothing is attached and nobody looks any more. */
  async release(): Promise<void> {
    const clients = [...this.#own.values()];
    this.#own.clear();
    await Promise.allSettled(clients.map(async (client) => (await client).dispose()));
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.allSettled([...this.#lookouts].map((client) => client.dispose()));
    await this.release();
  }

  async #start(
    profile: StartHelperOptions['profile'],
    netns: string | undefined,
    { elevation = this.#options.elevation, ask = true }: { elevation?: Elevation; ask?: boolean } = {},
  ): Promise<HelperClient> {
    requireLinux();
    const { helperPath, execPath, askPassword, onLog, start = startRealHelper } = this.#options;
    return await start({
      helperPath,
      execPath,
      profile,
      elevation,
      ...(netns === undefined ? {} : { netns }),
      ...(askPassword && ask ? { askPassword } : {}),
      ...(onLog ? { onLog } : {}),
    });
  }
}

/** Loaded when first used: an editor that never attaches anything never pays for it. */
async function startRealHelper(options: StartHelperOptions): Promise<HelperClient> {
  const { startHelper } = await import('../kernel/client.ts');
  return await startHelper(options);
}

export type { HelperClient };
