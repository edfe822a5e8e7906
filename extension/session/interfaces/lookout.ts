import { type FSWatcher, watch } from 'node:fs';
import { toErrorData, type XdpErrorData } from '../../core/errors.ts';
import type { HelperClient } from '../../kernel/client.ts';
import { Emitter } from '../emitter.ts';
import type { KernelAccess } from '../kernelAccess.ts';
import { type ProgramRate, RateMeter } from './rates.ts';
import { type Look, programsOf, seesEverything, refreshNamespace, survey, type Survey } from './survey.ts';

/** `privileged`: with CAP_SYS_ADMIN, which may ask for a password; `plain`: what any user may see. */
export type LookoutKind = 'privileged' | 'plain';

export type LookoutState =
  | { kind: 'closed' }
  | { kind: 'opening'; how: LookoutKind }
  | { kind: 'open'; how: LookoutKind; survey: Survey; rates: ReadonlyMap<number, ProgramRate>; ratesProblem?: string }
  | { kind: 'failed'; how: LookoutKind; error: XdpErrorData };

const rateMs = 1000;
const netnsFolder = '/run/netns';

/**
 * Looks at all interfaces as long as somebody wants to see them: a helper of its own, netlink notifications of every
 * namespace, and run counts of programs. Closing it ends all of that.
 */
export class Lookout {
  readonly #kernel: KernelAccess;
  readonly #look: Look;
  readonly #changed = new Emitter<LookoutState>();
  #state: LookoutState = { kind: 'closed' };
  #client: HelperClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #names: FSWatcher | undefined;
  /** Rises with each opening and closing: what belongs to an older one is dropped. */
  #generation = 0;
  /** What has changed since it was looked at. */
  #stale: 'all' | Set<string> = new Set();
  #looking: Promise<void> | undefined;
  /** Names of the namespaces that are watched. */
  #watched: string | undefined;

  constructor(kernel: KernelAccess, look: Look) {
    this.#kernel = kernel;
    this.#look = look;
  }

  get state(): LookoutState {
    return this.#state;
  }

  onDidChange(listener: (state: LookoutState) => void): { dispose(): void } {
    return this.#changed.on(listener);
  }

  /** Does nothing when it is open that way already. Failures are in the state. */
  async open(how: LookoutKind): Promise<void> {
    const now = this.#state;
    if ((now.kind === 'open' || now.kind === 'opening') && now.how === how) return;
    await this.close();
    const generation = this.#generation;
    this.#set({ kind: 'opening', how });
    try {
      const client = await this.#kernel.startLookout(how);
      if (generation !== this.#generation) return await client.dispose();
      this.#client = client;
      client.on('interfaces/changed', ({ netns }) => void this.#refresh(generation, netns));
      void client.exited.then(({ reason }) => {
        if (generation === this.#generation) this.#fail(how, new Error(`The kernel helper has ended: ${reason}`));
      });
      // Watched first, so that nothing changes unseen between the look and the watch.
      await this.#watchNamespaces(await survey(client, this.#look, this.#kernel));
      const seen = await survey(client, this.#look, this.#kernel);
      if (generation !== this.#generation) return;
      const ratesProblem = await holdStats(client, how);
      this.#set({ kind: 'open', how, survey: seen, rates: new Map(), ...(ratesProblem ? { ratesProblem } : {}) });
      // What changed meanwhile.
      if (this.#stale === 'all' || this.#stale.size > 0) void this.#refresh(generation, undefined);
      this.#watchNames(generation);
      if (ratesProblem === undefined) this.#measure(generation, new RateMeter(client));
    } catch (error) {
      if (generation === this.#generation) this.#fail(how, error);
    }
  }

  /** Ends the helper, and with it what the kernel counted for it. */
  async close(): Promise<void> {
    this.#stop();
    const client = this.#client;
    this.#client = undefined;
    if (this.#state.kind !== 'closed') this.#set({ kind: 'closed' });
    await client?.dispose();
  }

  /** Looks at everything again. */
  async refresh(): Promise<void> {
    await this.#refresh(this.#generation, undefined);
  }

  #stop(): void {
    this.#generation++;
    this.#stale = new Set();
    this.#watched = undefined;
    clearInterval(this.#timer);
    this.#names?.close();
    this.#names = undefined;
  }

  #fail(how: LookoutKind, error: unknown): void {
    this.#stop();
    const client = this.#client;
    this.#client = undefined;
    void client?.dispose();
    this.#set({ kind: 'failed', how, error: toErrorData(error) });
  }

  #set(state: LookoutState): void {
    this.#state = state;
    this.#changed.fire(state);
  }

  /**
   * `netns`: only that one has changed. One look at a time: an older one that ends later would put back what it saw. What
   * changes during a look is looked at after it.
   */
  async #refresh(generation: number, netns: string | undefined): Promise<void> {
    if (netns === undefined) this.#stale = 'all';
    else if (this.#stale !== 'all') this.#stale.add(netns);
    this.#looking ??= this.#lookUntilFresh(generation).finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #lookUntilFresh(generation: number): Promise<void> {
    while (generation === this.#generation && (this.#stale === 'all' || this.#stale.size > 0)) {
      const { state } = this;
      const client = this.#client;
      const stale = this.#stale;
      if (state.kind !== 'open' || client === undefined) return;
      this.#stale = new Set();
      try {
        const seen = await this.#lookAgain(client, state.survey, stale);
        if (generation !== this.#generation || this.#state.kind !== 'open') return;
        this.#set({ ...this.#state, survey: seen });
        // What a new namespace went through before it was watched is looked at again.
        if (stale === 'all' && (await this.#watchNamespaces(seen))) this.#stale = 'all';
      } catch (error) {
        if (generation === this.#generation) this.#fail(state.how, error);
      }
    }
  }

  async #lookAgain(client: HelperClient, before: Survey, stale: 'all' | ReadonlySet<string>): Promise<Survey> {
    if (stale === 'all') return await survey(client, this.#look, this.#kernel);
    let seen = before;
    for (const netns of stale) seen = await refreshNamespace(client, this.#look, seen, netns);
    return seen;
  }

  /** Answers whether others are watched now than before. */
  async #watchNamespaces({ namespaces }: Survey): Promise<boolean> {
    const netns = namespaces.flatMap((each) => (each.kind === 'name' && 'interfaces' in each ? [each.netns] : []));
    const watched = this.#client !== undefined && seesEverything(this.#client) ? netns : [];
    if (this.#watched !== undefined && watched.join('\n') === this.#watched) return false;
    this.#watched = watched.join('\n');
    await this.#client?.call('interfaces/watch', { netns: watched });
    return true;
  }

  /** Namespaces come and go without a netlink message; their names are files. */
  #watchNames(generation: number): void {
    try {
      this.#names = watch(netnsFolder, () => void this.#refresh(generation, undefined));
      this.#names.on('error', () => {});
    } catch {
      // No named namespace was ever made here.
    }
  }

  #measure(generation: number, meter: RateMeter): void {
    let reading = false;
    const tick = async (): Promise<void> => {
      if (reading || this.#state.kind !== 'open') return;
      reading = true;
      try {
        const rates = await meter.read(programsOf(this.#state.survey));
        if (generation === this.#generation && this.#state.kind === 'open') this.#set({ ...this.#state, rates });
      } catch {
        // The end of the helper is told once, by its exit.
      } finally {
        reading = false;
      }
    };
    this.#timer = setInterval(() => void tick(), rateMs);
    void tick();
  }
}

/** Why runs are not counted; undefined: they are. */
async function holdStats(client: HelperClient, how: LookoutKind): Promise<string | undefined> {
  if (how === 'plain') return 'Run counts of programs need CAP_SYS_ADMIN (root)';
  try {
    await client.call('stats/hold', {});
    return undefined;
  } catch (error) {
    return toErrorData(error).message;
  }
}
