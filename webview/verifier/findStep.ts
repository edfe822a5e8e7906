import { placeOfStep, type PlaceTable, sameFile, type StepPlace } from '../../extension/core/verifier/steps/places.ts';
import type { StepLog } from '../../extension/core/verifier/steps/stepLog.ts';
import type { WalkMessage } from '../../extension/protocol/verifierView.ts';

interface Line {
  file: string;
  line: number;
}

/** The first step of a C line on the walk; undefined where it has no code. */
export function stepAtLine(
  log: StepLog,
  places: PlaceTable | undefined,
  fits: (place: StepPlace) => boolean,
): number | undefined {
  for (let step = 0; step < log.count; step++) {
    const place = placeOfStep(log, step, places);
    if (place !== undefined && fits(place)) return step;
  }
  return undefined;
}

/** The latest step of a line on the way to the last step: where it was passed before that. */
export function stepOnWay(log: StepLog, places: PlaceTable | undefined, line: Line): number | undefined {
  for (let at: number | undefined = log.count - 1; at !== undefined && at >= 0; at = log.previous(at))
    if (isOn(log, places, at, line)) return at;
  return undefined;
}

/** Where the verifier gave up: at the last step as a rule, but a loop without end is found before its next step. */
export function firstShown(log: StepLog, { verdict, failure, places }: WalkMessage): number {
  const last = log.count - 1;
  if (verdict !== 'rejected') return 0;
  const { file = null, line = null } = failure ?? {};
  if (last < 0 || log.step(last).end === 'failed' || file === null || line === null) return last;
  return stepOfLine(log, places, { file, line }) ?? last;
}

/** The latest step of a line. */
function stepOfLine(log: StepLog, places: PlaceTable | undefined, line: Line): number | undefined {
  for (let at = log.count - 1; at >= 0; at--) if (isOn(log, places, at, line)) return at;
  return undefined;
}

function isOn(log: StepLog, places: PlaceTable | undefined, step: number, { file, line }: Line): boolean {
  const place = placeOfStep(log, step, places);
  return place?.line === line && sameFile(place.file, file);
}
