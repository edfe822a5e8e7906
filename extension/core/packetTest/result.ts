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
  /** Why it could not run, and what to do. */
  problem?: { message: string; fix?: string; place: Place };
  durationMs: number;
  failures: Failure[];
  /** What each packet did, as far as the test came. */
  steps: StepResult[];
}

export interface StepResult {
  action: string;
  packetIn: Uint8Array;
  packetOut: Uint8Array;
}
