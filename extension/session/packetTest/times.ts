import { XdpError } from '../../core/errors.ts';
import type { PacketTest } from '../../core/packetTest/model.ts';
import type { Failure, TestResult } from '../../core/packetTest/result.ts';
import { spreadOf } from '../run/spread.ts';
import type { TestInstance, TestRequest } from './engine.ts';

/** How often a packet runs for its time. */
export interface Runs {
  repeat: number;
  batches: number;
}

/**
 * Measures the packets that have a bound on their time, when asked to: `runs` absent, nobody did. The median of the batches
 * is what counts; `times` are those of the last such packet.
 */
export async function judgeTimes(
  test: PacketTest,
  request: TestRequest,
  instance: TestInstance,
  runs: Runs | undefined,
): Promise<{ failures: Failure[]; times: NonNullable<TestResult['times']> } | undefined> {
  if (runs === undefined) return undefined;
  const failures: Failure[] = [];
  let times: TestResult['times'];
  for (const [index, step] of test.steps.entries()) {
    for (const { durationNs, path } of step.expectations) {
      if (durationNs === undefined) continue;
      if (instance.measure === undefined) throw noTime();
      const steps = request.steps.slice(0, index + 1);
      times = spreadOf(await instance.measure({ ...request, steps }, runs));
      if (times.medianNs <= durationNs.value) continue;
      failures.push({
        path: `${path}.durationNs`,
        message: `A run takes ${times.medianNs} ns (${times.minNs} to ${times.maxNs}), more than ${durationNs.value}.`,
        expected: durationNs.value,
        actual: times.medianNs,
        differences: [],
        place: durationNs.place,
      });
    }
  }
  return times === undefined ? undefined : { failures, times };
}

function noTime(): XdpError {
  return new XdpError(
    'not-available',
    'Only the kernel can be measured: the time of the built-in machine says nothing about it.',
    {
      fix: 'Use --engine kernel for benchmarks.',
    },
  );
}
