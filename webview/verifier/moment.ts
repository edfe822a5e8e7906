import { type Change, changesAt, heldAt, type Place, samePlace } from '../../extension/core/verifier/steps/changes.ts';
import { type Held, type MachineState, maxFrames } from '../../extension/core/verifier/steps/machineState.ts';
import type { Step, StepLog } from '../../extension/core/verifier/steps/stepLog.ts';

/** What is shown of one step. */
export interface Moment {
  step: Step;
  /** `failed`: the verifier gave up here, so that there is nothing behind the step. */
  when: 'after' | 'failed';
  frames: readonly MomentFrame[];
  refs: readonly string[];
}

export interface MomentFrame {
  depth: number;
  /** The frame that runs; the others are its callers. */
  runs: boolean;
  rows: readonly MomentRow[];
}

export interface MomentRow {
  place: Place;
  held: Held | undefined;
  /** Set where the step changed it. */
  change: Change | undefined;
  /** Why it changed, where the instruction itself does not say so. */
  why: Why | undefined;
  /** The program does not read it behind the step any more. */
  dead: boolean;
}

export type Why = 'compared' | 'cleared' | 'moved' | 'called';

/** r10 is the frame pointer and never changes. */
const framePointer = 10;
/** Registers that a caller's value lives on in during a call. */
const calleeSaved = 6;

export function momentAt(log: StepLog, index: number): Moment {
  const step = log.step(index);
  const failed = step.end === 'failed';
  const state = failed ? log.before(index) : log.after(index);
  const changes = failed ? [] : changesAt(log, index);
  const live = failed ? log.lines.live.get(step.insn) : liveBehind(log, index);
  const top = state.frames.length - 1;
  const frames = state.frames
    .slice(0, maxFrames)
    .map((_, depth) => ({
      depth,
      runs: depth === top,
      rows: rowsOf(state, depth, { step, changes, live, runs: depth === top }),
    }))
    .reverse();
  return { step, when: failed ? 'failed' : 'after', frames, refs: state.refs };
}

/** Registers that are read behind the step, as bits; where the path goes on right behind it in the log. */
function liveBehind(log: StepLog, index: number): number | undefined {
  return log.previous(index + 1) === index ? log.lines.live.get(log.lines.insns[index + 1] ?? -1) : undefined;
}

function rowsOf(
  state: MachineState,
  frame: number,
  { step, changes, live, runs }: { step: Step; changes: readonly Change[]; live: number | undefined; runs: boolean },
): MomentRow[] {
  const known = state.frames[frame];
  const rows: MomentRow[] = [];
  const add = (place: Place, dead: boolean): void => {
    const change = changes.find((each) => samePlace(each.place, place));
    const held = heldAt(state, place);
    if (held !== undefined || change !== undefined)
      rows.push({ place, held, change, why: change === undefined ? undefined : whyOf(step, change), dead });
  };
  for (let register = runs ? 0 : calleeSaved; register < framePointer; register++)
    add({ kind: 'register', frame, register }, runs && live !== undefined && (live & (1 << register)) === 0);
  const offsets = new Set([
    ...(known?.slots.keys() ?? []),
    ...changes.flatMap(({ place }) => (place.kind === 'slot' && place.frame === frame ? [place.offset] : [])),
  ]);
  for (const offset of Array.from(offsets).sort((left, right) => right - left))
    add({ kind: 'slot', frame, offset }, false);
  return rows;
}

function whyOf({ instruction }: Step, { place, before, after }: Change): Why | undefined {
  if (instruction.kind === 'test') return 'compared';
  if (instruction.kind !== 'call' || (place.kind === 'register' && place.register === 0)) return undefined;
  if (after === undefined) return 'cleared';
  return before?.text.startsWith('pkt') === true ? 'moved' : 'called';
}
