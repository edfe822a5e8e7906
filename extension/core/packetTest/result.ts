import type { Value } from '../maps/value.ts';
import type { Place } from './problems.ts';

/** One thing that is not as expected, down to a field: `IP.ttl`, `rx_packets`, `CPU 1`. */
export interface Difference {
  what: string;
  expected: Value;
  actual: Value;
}

/** One expectation that does not hold. */
export interface Failure {
  /** `expect.action`, `packets[1].expect.maps.dropped[0]`. */
  path: string;
  /** One sentence. */
  message: string;
  expected?: Value;
  actual?: Value;
  differences: Difference[];
  /** What the two sides are called, where they are not what was expected and what came: two engines. */
  sides?: { expected: string; actual: string };
  place: Place;
}

/**
 * `failed`: it ran, and something is not as expected. `error`: it could not run (the source does not compile, the verifier
 * refuses the program, a map is not there, the kernel refuses the packet).
 */
export type TestStatus = 'passed' | 'failed' | 'skipped' | 'error';

export interface TestResult {
  name: string;
  place: Place;
  status: TestStatus;
  /** Why it was skipped. */
  skip?: string;
  /** Why it could not run, and what to do. `engine`: the one of two that could not. */
  problem?: { message: string; fix?: string; place: Place; engine?: 'kernel' | 'vm' };
  durationMs: number;
  failures: Failure[];
  /** What each packet did, as far as the test came. */
  steps: StepResult[];
  /** Of tests with a bound on their time, when it was measured: nanoseconds a run, the means of some batches. */
  times?: { medianNs: number; minNs: number; maxNs: number };
}

export interface StepResult {
  action: string;
  packetIn: Uint8Array;
  packetOut: Uint8Array;
  /** What it printed, or why that is not known; absent: nobody listened. */
  printk?: readonly string[] | { problem: string };
}
