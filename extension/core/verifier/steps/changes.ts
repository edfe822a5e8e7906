import type { Held, MachineState } from './machineState.ts';
import type { StepLog } from './stepLog.ts';

/** A register or a stack slot of a called function or the program itself (frame 0). */
export type Place =
  | { kind: 'register'; frame: number; register: number }
  | { kind: 'slot'; frame: number; offset: number };

/** A place holds something else than before; undefined: no value. */
export interface Change {
  place: Place;
  before: Held | undefined;
  after: Held | undefined;
}

export function heldAt(state: MachineState, place: Place): Held | undefined {
  const frame = state.frames[place.frame];
  return place.kind === 'register' ? frame?.registers[place.register] : frame?.slots.get(place.offset);
}

export function samePlace(left: Place, right: Place): boolean {
  if (left.frame !== right.frame) return false;
  return left.kind === 'register'
    ? right.kind === 'register' && left.register === right.register
    : right.kind === 'slot' && left.offset === right.offset;
}

/** `r2`, `fp-8`; in a called function with its depth: `frame1: r2`. */
export function placeName(place: Place): string {
  const name = place.kind === 'register' ? `r${place.register}` : `fp${place.offset}`;
  return place.frame === 0 ? name : `frame${place.frame}: ${name}`;
}

/** What is another value behind the step than before it; a frame that was entered or left is no change of its own. */
export function changesAt(log: StepLog, step: number): Change[] {
  const before = log.before(step);
  const after = log.after(step);
  const changes: Change[] = [];
  const depth = Math.min(before.frames.length, after.frames.length);
  for (let frame = 0; frame < depth; frame++) {
    const [old, now] = [before.frames[frame], after.frames[frame]];
    if (old === undefined || now === undefined || old === now) continue;
    now.registers.forEach((value, register) => {
      const was = old.registers[register];
      if (was?.text !== value?.text)
        changes.push({ place: { kind: 'register', frame, register }, before: was, after: value });
    });
    for (const offset of new Set([...old.slots.keys(), ...now.slots.keys()])) {
      const [was, value] = [old.slots.get(offset), now.slots.get(offset)];
      if (was?.text !== value?.text)
        changes.push({ place: { kind: 'slot', frame, offset }, before: was, after: value });
    }
  }
  return changes;
}

/** Steps that are looked at for the next change: more than that is more than one path holds. */
const maxLook = 100_000;

/** The step before or behind, on the same path, in which the place became another value; undefined where there is none. */
export function nextChange(log: StepLog, from: number, place: Place, direction: 'back' | 'on'): number | undefined {
  if (direction === 'back') {
    let at = log.previous(from);
    for (let looked = 0; at !== undefined && looked < maxLook; looked++, at = log.previous(at))
      if (isChanged(log, at, place)) return at;
    return undefined;
  }
  for (let at = from + 1; at < log.count && at - from < maxLook; at++) {
    if (log.previous(at) !== at - 1) return undefined;
    if (isChanged(log, at, place)) return at;
  }
  return undefined;
}

function isChanged(log: StepLog, step: number, place: Place): boolean {
  return heldAt(log.before(step), place)?.text !== heldAt(log.after(step), place)?.text;
}
