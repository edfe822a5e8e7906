import type { HelperClient } from '../../kernel/client.ts';

/** How often a program runs, over the last interval. For XDP a run is a packet. */
export interface ProgramRate {
  perSecond: number;
  /** Mean over the interval; undefined while it does not run. */
  nsPerRun: number | undefined;
  /** Since the kernel began to count. */
  runs: bigint;
}

interface Sample {
  atNs: bigint;
  runs: ReadonlyMap<number, { runCount: bigint; runTimeNs: bigint }>;
}

/** Reads run counts of programs, and what they did between two reads. */
export class RateMeter {
  readonly #client: HelperClient;
  #last: Sample | undefined;

  constructor(client: HelperClient) {
    this.#client = client;
  }

  /** By program id. A program that was not there at the last read has no rate yet, only its runs. */
  async read(programs: readonly number[]): Promise<Map<number, ProgramRate>> {
    const reply = await this.#client.call('stats/read', { programs: [...programs] });
    const before = this.#last;
    this.#last = { atNs: reply.atNs, runs: new Map(reply.programs.map((each) => [each.id, each])) };
    const rates = new Map<number, ProgramRate>();
    for (const { id, runCount, runTimeNs } of reply.programs) {
      const old = before?.runs.get(id);
      const seconds = before === undefined ? 0 : Number(reply.atNs - before.atNs) / 1e9;
      const runs = old === undefined ? 0 : Number(runCount - old.runCount);
      rates.set(id, {
        perSecond: seconds > 0 ? runs / seconds : 0,
        nsPerRun: old === undefined || runs <= 0 ? undefined : Number(runTimeNs - old.runTimeNs) / runs,
        runs: runCount,
      });
    }
    return rates;
  }
}
