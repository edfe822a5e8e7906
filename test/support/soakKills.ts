import { readdirSync, statSync } from 'node:fs';
import type { HelperClient } from '../../extension/kernel/client.ts';
import type { LoadedObject } from '../../extension/protocol/kernel.ts';
import { randomNumbers } from './soak.ts';
import { bpftoolList, eventually, fixture, helper, ipXdp, isAlive, type VethLab } from './kernelHelper.ts';

const program = 'xdp_soaked';
const pinDirectory = '/sys/fs/bpf/xdp-vscode/0';

/** Names of its own, so that tests beside this one are not counted. */
let compiled: Uint8Array | undefined;
export function soakObject(): Uint8Array {
  compiled ??= fixture('kernelReplace', ['-Dxdp_replaced=xdp_soaked', '-Dseen=soak_seen', '-Dverdicts=soak_verdicts']);
  return compiled;
}

/** Ids of the programs of the fixture that the kernel holds, whoever holds them. */
export function programsInKernel(): number[] {
  return bpftoolList('prog')
    .filter(({ name }) => name === program)
    .map(({ id }) => id);
}

export interface KillOutcome {
  kills: number;
  /** After how many of them something was attached, since it had been kept before. */
  kept: number;
  /** What each helper was doing when it was killed, counted. */
  during: Record<string, number>;
}

/**
 * Helpers that attach by link or netlink, replace, guard, keep, test and detach in random order, each killed at a random moment.
 * After each kill only what is pinned may be attached (a netlink attachment always is, kept or not), the next helper knows it
 * as kept and ends it, and then nothing is left.
 */
export async function killHelpers(lab: VethLab, options: { kills: number; seed: number }): Promise<KillOutcome> {
  const random = randomNumbers(options.seed);
  const elf = soakObject();
  const outcome: KillOutcome = { kills: 0, kept: 0, during: {} };
  const before = programsInKernel();
  for (; outcome.kills < options.kills; outcome.kills++) {
    const client = await helper({ netns: lab.ns });
    const work = new Worker(client, { elf, ifindex: lab.ifindex, random });
    const worked = work.untilItDies();
    await new Promise((resolve) => setTimeout(resolve, random() * 300));
    outcome.during[work.doing] = (outcome.during[work.doing] ?? 0) + 1;
    process.kill(client.hello.pid, 'SIGKILL');
    await client.exited;
    await worked;
    await eventually('its end', () => !isAlive(client.hello.pid));
    outcome.kept += await requireClean(lab, client.hello.pid, before).catch((error: unknown) => {
      throw new Error(`Killed while: ${work.doing} (kill ${outcome.kills})`, { cause: error });
    });
  }
  return outcome;
}

/** How many programs had been kept: 0 or 1. */
async function requireClean(lab: VethLab, killed: number, before: readonly number[]): Promise<number> {
  const own = `n${statSync(`/run/netns/${lab.ns}`).ino}-i${lab.ifindex}`;
  const announced = `a${killed}-${own}`;
  const names = [own, announced, `o${killed}-${own}`, `w${killed}`];
  const pins = (): string[] => readdirSync(pinDirectory).filter((name) => names.includes(name));
  const pinned = pins().some((name) => name === own || name === announced);
  const id = ipXdp(lab)?.id;
  if (id !== undefined && !pinned) throw new Error(`Program ${id} is attached and pinned by nobody`);
  const next = await helper({ netns: lab.ns });
  try {
    const { interfaces } = await next.call('interfaces/list', {});
    const attached = interfaces.find(({ ifindex }) => ifindex === lab.ifindex)?.attached ?? [];
    if (attached.length !== (id === undefined ? 0 : 1) || attached.some(({ owner }) => owner !== 'kept')) {
      throw new Error(`The next helper finds ${JSON.stringify(attached)}; pins: ${pins().join(', ')}`);
    }
    if (attached.length > 0) await next.call('xdp/detachInterface', { ifindex: lab.ifindex, force: false });
    const loaded = await next.call('object/load', { elf: soakObject(), name: 'next.o' });
    const asked = { object: loaded.object, program, ifindex: lab.ifindex, mode: 'native', via: 'link' } as const;
    const { attachment } = await next.call('xdp/attach', { ...asked, keep: false });
    await next.call('xdp/detach', { attachment });
  } finally {
    await next.dispose();
  }
  const left = pins();
  if (left.length > 0) throw new Error(`Pins are left: ${left.join(', ')}`);
  await eventually('the end of every program', () => programsInKernel().every((one) => before.includes(one)));
  return id === undefined ? 0 : 1;
}

interface Ground {
  elf: Uint8Array;
  ifindex: number;
  random: () => number;
}

/** One session's random work, one step after another. */
class Worker {
  /** The step under way. */
  doing = 'nothing';
  readonly #client: HelperClient;
  readonly #ground: Ground;
  #attachment: number | undefined;
  #object: LoadedObject | undefined;
  #guarded = false;
  #via: 'link' | 'netlink' = 'link';
  /** What a guarded replacement brings back. */
  #previous: LoadedObject | undefined;

  constructor(client: HelperClient, ground: Ground) {
    this.#client = client;
    this.#ground = ground;
  }

  async untilItDies(): Promise<void> {
    for (;;) {
      try {
        await this.#step();
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'helper-died') return;
        throw error;
      }
    }
  }

  async #step(): Promise<void> {
    const { random } = this.#ground;
    if (this.#attachment === undefined) return await this.#attach();
    const steps = this.#guarded
      ? ([() => this.#confirm(), () => this.#revert()] as const)
      : ([() => this.#replace(), () => this.#keep(), () => this.#detach(), () => this.#testRun()] as const);
    await steps[Math.floor(random() * steps.length)]?.();
  }

  async #attach(): Promise<void> {
    const { ifindex, random } = this.#ground;
    this.doing = 'load';
    this.#object = await this.#load();
    const { object } = this.#object;
    const keep = random() < 0.3;
    this.#via = random() < 0.3 ? 'netlink' : 'link';
    this.#guarded = this.#via === 'link' && random() < 0.3;
    this.doing = `${keep ? 'attach and keep' : 'attach'} by ${this.#via}`;
    const guard = this.#guarded ? { guardSeconds: 5 } : {};
    const mode = random() < 0.5 ? 'native' : 'generic';
    const asked = { object, program, ifindex, mode, via: this.#via, keep, ...guard } as const;
    this.#attachment = (await this.#client.call('xdp/attach', asked)).attachment;
  }

  async #replace(): Promise<void> {
    this.doing = `replace by ${this.#via}`;
    const next = await this.#load();
    this.#guarded = this.#via === 'link' && this.#ground.random() < 0.3;
    const guard = this.#guarded ? { guardSeconds: 5 } : {};
    const asked = { attachment: this.#attachment ?? 0, object: next.object, program, ...guard };
    await this.#client.call('xdp/replace', asked);
    this.#previous = this.#object;
    this.#object = next;
  }

  async #keep(): Promise<void> {
    this.doing = 'keep';
    await this.#client.call('xdp/keep', { attachment: this.#attachment ?? 0, object: this.#object?.object ?? 0 });
  }

  async #confirm(): Promise<void> {
    this.doing = 'confirm';
    await this.#client.call('xdp/confirm', { attachment: this.#attachment ?? 0 });
    this.#guarded = false;
  }

  async #revert(): Promise<void> {
    this.doing = 'revert';
    await this.#client.call('xdp/revert', { attachment: this.#attachment ?? 0 });
    this.#guarded = false;
    // A revert of the first program detaches it; of a replacement it brings the one before back.
    const { interfaces } = await this.#client.call('interfaces/list', {});
    const own = interfaces.flatMap(({ attached }) => attached).find(({ owner }) => owner === 'this');
    this.#attachment = own?.attachment;
    this.#object = this.#previous;
  }

  async #detach(): Promise<void> {
    this.doing = 'detach';
    await this.#client.call('xdp/detach', { attachment: this.#attachment ?? 0 });
    this.#attachment = undefined;
  }

  async #testRun(): Promise<void> {
    this.doing = 'test run';
    const asked = {
      object: this.#object?.object ?? 0,
      program,
      data: new Uint8Array(64),
      repeat: 1,
      capturePrintk: true,
    };
    await this.#client.call('program/testRun', asked);
  }

  #load(): Promise<LoadedObject> {
    return this.#client.call('object/load', { elf: this.#ground.elf, name: 'soak.o' });
  }
}
