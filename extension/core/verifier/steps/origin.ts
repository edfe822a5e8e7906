import { heldAt, type Place } from './changes.ts';
import type { Held, MachineState } from './machineState.ts';
import type { Step, StepLog } from './stepLog.ts';

/** What happened to a value at one step of its way. */
export type StationKind =
  /** It comes into being here. */
  | 'constant'
  | 'load'
  | 'call'
  | 'stackAddress'
  | 'written'
  | 'start'
  /** It goes on from another place. */
  | 'copy'
  | 'save'
  | 'restore'
  | 'argument'
  | 'return'
  /** It stays where it is. */
  | 'arithmetic'
  | 'proof'
  | 'invalidated';

export interface Station {
  kind: StationKind;
  step: number;
  /** Where the value is behind the step, and what it is there. */
  place: Place;
  value: Held | undefined;
  /** Where it was before, if it comes from another place; the place of what was added, if it was changed. */
  from: Place | undefined;
}

export interface Trail {
  /** Latest first. */
  stations: Station[];
  /** The way is longer than what was followed. */
  isCut: boolean;
}

const maxLook = 50_000;
const maxStations = 200;

/** Follows what a place holds behind a step back to where it came from: through copies, the stack, calls and jumps. */
export function followOrigin(log: StepLog, from: number, start: Place): Trail {
  const stations: Station[] = [];
  let place = start;
  let at: number | undefined = from;
  /** State behind the step that is looked at: behind a jump whose other way was taken, not the one its line shows. */
  let after = log.after(from);
  for (let looked = 0; at !== undefined; looked++) {
    if (looked >= maxLook || stations.length >= maxStations) return { stations, isCut: true };
    const step = log.step(at);
    const before = log.before(at);
    const found = stationAt(step, place, before, after);
    if (found !== undefined) {
      stations.push({ ...found, step: at, place, value: heldAt(after, place) });
      if (found.ends) return { stations, isCut: false };
      if (found.kind !== 'arithmetic') place = found.from ?? place;
    }
    const previous = log.previous(at);
    if (previous === undefined) {
      const value = heldAt(before, place);
      if (value !== undefined) stations.push({ kind: 'start', step: at, place, value, from: undefined });
    }
    at = previous;
    after = before;
  }
  return { stations, isCut: false };
}

/** Whether a step has to do with what a place holds behind it: else the way is that of the step before. */
export function isStation(log: StepLog, step: number, place: Place): boolean {
  return stationAt(log.step(step), place, log.before(step), log.after(step)) !== undefined;
}

type Found = { kind: StationKind; from: Place | undefined; ends: boolean };
const ends = (kind: StationKind): Found => ({ kind, from: undefined, ends: true });
const goesOn = (kind: StationKind, from: Place | undefined): Found => ({ kind, from, ends: false });

function stationAt(step: Step, place: Place, before: MachineState, after: MachineState): Found | undefined {
  const { instruction, frame } = step;
  const depth = before.frames.length - 1;
  if (instruction.kind === 'call') return atCall(step, place, before, after);
  if (instruction.kind === 'exit') {
    const returned = place.kind === 'register' && place.register === 0 && place.frame === depth - 1;
    return returned ? goesOn('return', { ...place, frame: depth }) : undefined;
  }
  const found = place.kind === 'register' ? atRegister(step, place, before) : atSlot(step, place, before);
  if (found !== undefined) return found;
  if (place.frame > frame) return undefined;
  const [was, is] = [heldAt(before, place), heldAt(after, place)];
  return was !== undefined && is !== undefined && was.text !== is.text ? goesOn('proof', undefined) : undefined;
}

function atCall(step: Step, place: Place, before: MachineState, after: MachineState): Found | undefined {
  const { instruction } = step;
  const depth = before.frames.length - 1;
  if (place.frame > depth) {
    // The called function's first registers are its caller's; a callback gets its own from the helper.
    const own = instruction.kind === 'call' && instruction.own;
    if (place.kind !== 'register' || !own) return ends('call');
    return place.register >= 1 && place.register <= 5
      ? goesOn('argument', { ...place, frame: depth })
      : ends('stackAddress');
  }
  if (place.kind === 'register' && place.frame === depth && place.register === 0) return ends('call');
  const [was, is] = [heldAt(before, place), heldAt(after, place)];
  if (was?.text === is?.text) return undefined;
  if (was === undefined || place.kind === 'slot') return ends('written');
  return goesOn('invalidated', undefined);
}

function atRegister(step: Step, place: Place & { kind: 'register' }, before: MachineState): Found | undefined {
  const { instruction } = step;
  const depth = before.frames.length - 1;
  if (place.frame !== depth) return undefined;
  const registerPlace = (register: number): Place => ({ kind: 'register', frame: depth, register });
  switch (instruction.kind) {
    case 'move':
      if (instruction.target !== place.register) return undefined;
      return instruction.source === 10 ? ends('stackAddress') : goesOn('copy', registerPlace(instruction.source));
    case 'constant':
      return instruction.target === place.register ? ends('constant') : undefined;
    case 'arithmetic':
      if (instruction.target !== place.register) return undefined;
      return goesOn('arithmetic', instruction.source === undefined ? undefined : registerPlace(instruction.source));
    case 'load': {
      if (instruction.target !== place.register) return undefined;
      const slot = stackPlace(before, instruction.base, instruction.offset);
      return slot === undefined ? ends('load') : goesOn('restore', slot);
    }
    case 'atomic':
      return instruction.target === place.register ? ends('load') : undefined;
    case 'store':
    case 'test':
    case 'jump':
    case 'call':
    case 'exit':
    case 'other':
      return undefined;
  }
}

function atSlot(step: Step, place: Place & { kind: 'slot' }, before: MachineState): Found | undefined {
  const { instruction } = step;
  if (instruction.kind !== 'store' && instruction.kind !== 'atomic') return undefined;
  const slot = stackPlace(before, instruction.base, instruction.offset);
  if (slot === undefined || slot.frame !== place.frame || slot.offset !== place.offset) return undefined;
  if (instruction.kind === 'atomic') return goesOn('arithmetic', undefined);
  const depth = before.frames.length - 1;
  return instruction.source === undefined
    ? ends('constant')
    : goesOn('save', { kind: 'register', frame: depth, register: instruction.source });
}

/** The slot that an address in a register lies in, where it is an address in the stack. */
export function stackPlace(state: MachineState, base: number, offset: number): (Place & { kind: 'slot' }) | undefined {
  const depth = state.frames.length - 1;
  const text = state.frames[depth]?.registers[base]?.text ?? '';
  const found = /^fp(?:\[(\d{1,2})\])?(-?\d{1,6})$/.exec(text);
  if (found === null) return undefined;
  const at = Number(found[2]) + offset;
  return { kind: 'slot', frame: found[1] === undefined ? depth : Number(found[1]), offset: Math.floor(at / 8) * 8 };
}
