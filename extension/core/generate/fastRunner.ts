import { isConditional } from '../vm/isa/decode.ts';
import { opcode } from '../vm/isa/opcodes.ts';
import { XdpError } from '../errors.ts';
import type { Machine, ProgramFault } from '../vm/machine.ts';
import { branchFeature, type Feature, programFeature, verdictFeature } from './features.ts';
import type { Input } from './input.ts';
import { clearMaps, fillMaps, freshMachine, requestFor, type Target, traceBudget } from './target.ts';
import { trace } from './tracer.ts';

/** What a run showed that was not known before. */
export interface Novelty {
  features: Feature[];
  /** Something ran more often than in any run before: loops, further. */
  moreOften: boolean;
  fault: ProgramFault | undefined;
}

interface Watched {
  program: number;
  counts: Uint32Array;
  /** By block: the slot of the conditional jump at its end, or −1. */
  jumps: Int32Array;
  /** By block and way: the runs that were seen, as bits for 1, 2, 3, 4–7, 8–15, 16–31, 32–127 and more. */
  seen: Uint8Array;
}

/** After so many runs maps hold what many packets wrote: a new machine, so that packets meet fresh maps often enough. */
const runsPerMachine = 512;

/**
 * Runs inputs as fast as they can be run: one compiled program, blocks counted, its maps only now and then fresh. So what it
 * finds new is a hint, to be confirmed on a fresh machine.
 */
export class FastRunner {
  private readonly target: Target;
  private readonly known = new Set<Feature>();
  private readonly seen = new Map<number, Uint8Array>();
  private machine: Machine;
  private watched: Watched[] = [];
  private left = runsPerMachine;
  private readonly names: readonly string[];

  constructor(target: Target) {
    this.target = target;
    this.names = [...target.linked.programs.keys()];
    this.machine = freshMachine(target, 'wasm');
  }

  /** These are not news any more. */
  learn(features: Iterable<Feature>): void {
    for (const feature of features) this.known.add(feature);
  }

  /** undefined: the input cannot be given to the program. */
  run(input: Input): Novelty | undefined {
    this.left--;
    if (this.left < 0) this.renew();
    try {
      if (!fillMaps(this.machine, this.target, input)) return undefined;
      const { retval, fault } = this.machine.runXdp({ ...requestFor(this.target, input), output: 'verdict' });
      const novelty: Novelty = { features: [], moreOften: false, fault };
      const compiled = this.watch();
      for (const each of this.watched) this.collect(each, novelty);
      if (!compiled) this.collectSlowly(input, novelty);
      if (fault === undefined) this.add(verdictFeature(retval), novelty);
      return novelty;
    } catch (error) {
      if (!(error instanceof XdpError)) throw error;
      return undefined;
    } finally {
      clearMaps(this.machine, this.target, input);
      // Maps of maps keep what was made for them until the machine goes.
      if (input.entries.some(({ value }) => value.kind === 'newMap')) this.left -= runsPerMachine / 16;
    }
  }

  private renew(): void {
    this.machine = freshMachine(this.target, 'wasm');
    this.watched = [];
    this.left = runsPerMachine;
  }

  /** Finds the counters of what has run. False where the program is one that is not compiled, and so not counted. */
  private watch(): boolean {
    for (const [program, name] of this.names.entries()) {
      const at = this.watched.findIndex((each) => each.program === program);
      if (at >= 0 && (this.watched[at]?.counts.length ?? 0) > 0) continue;
      const counters = this.machine.blockCounters(name);
      const code = this.target.linked.programs.get(name)?.code;
      if (counters === undefined || code === undefined) continue;
      const { blocks, counts } = counters;
      const jumps = Int32Array.from(blocks, ({ end }) => {
        const op = code.opcode[end - 1]!;
        return isConditional(op) && op !== opcode.mayGoto ? end - 1 : -1;
      });
      const seen = this.seen.get(program) ?? new Uint8Array(2 * blocks.length);
      this.seen.set(program, seen);
      const watched = { program, counts, jumps, seen };
      if (at >= 0) this.watched[at] = watched;
      else this.watched.push(watched);
    }
    return this.watched.some(({ program }) => this.names[program] === this.target.program);
  }

  private collect({ program, counts, jumps, seen }: Watched, novelty: Novelty): void {
    let ran = false;
    for (let block = 0; block < jumps.length; block++) {
      const count = counts[2 * block]!;
      if (count === 0) continue;
      ran = true;
      const slot = jumps[block]!;
      if (slot < 0) continue;
      const taken = counts[2 * block + 1]!;
      if (taken > 0) this.way(program, slot, block, taken, true, seen, novelty);
      if (count > taken) this.way(program, slot, block, count - taken, false, seen, novelty);
    }
    if (!ran) return;
    counts.fill(0);
    this.add(programFeature(program), novelty);
  }

  private way(
    program: number,
    slot: number,
    block: number,
    count: number,
    taken: boolean,
    seen: Uint8Array,
    novelty: Novelty,
  ): void {
    const at = 2 * block + (taken ? 1 : 0);
    const bit = 1 << bucket(count);
    if ((seen[at]! & bit) !== 0) {
      // Seen once is not known: it may have been what earlier packets left in the maps.
      if (seen[at] !== 0 && this.known.has(branchFeature(program, slot, taken))) return;
    } else {
      seen[at] = seen[at]! | bit;
      novelty.moreOften = true;
    }
    this.add(branchFeature(program, slot, taken), novelty);
  }

  private add(feature: Feature, novelty: Novelty): void {
    if (!this.known.has(feature)) novelty.features.push(feature);
  }

  private collectSlowly(input: Input, novelty: Novelty): void {
    const machine = freshMachine(this.target, 'interpreter');
    if (!fillMaps(machine, this.target, input)) return;
    const traced = trace(machine, requestFor(this.target, input), traceBudget);
    for (const feature of traced?.features ?? []) this.add(feature, novelty);
  }
}

function bucket(count: number): number {
  if (count < 4) return count - 1;
  if (count < 8) return 3;
  if (count < 16) return 4;
  if (count < 32) return 5;
  return count < 128 ? 6 : 7;
}
