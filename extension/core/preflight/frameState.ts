import { framePointer } from '../vm/isa/opcodes.ts';
import { anyValue, joined, type ValueSet } from './valueSet.ts';

/** Where in the function's own stack frame a register points: an offset from r10, `somewhere`, or `outside`. */
export type FramePlace = number | 'somewhere' | 'outside';

interface StackSlot {
  bytes: number;
  values: ValueSet;
}

const registers = 11;

/** What registers and stack slots may hold at one place of a function. */
export class FrameState {
  readonly values: Uint32Array;
  readonly places: FramePlace[];
  /** By offset from r10. What is not here may be anything. */
  readonly slots: Map<number, StackSlot>;

  constructor(from?: FrameState) {
    this.values = from === undefined ? new Uint32Array(registers).fill(anyValue) : from.values.slice();
    this.places = from === undefined ? Array.from({ length: registers }, () => 'outside') : [...from.places];
    this.slots = new Map(from?.slots);
    if (from === undefined) this.places[framePointer] = 0;
  }

  set(register: number, values: ValueSet, place: FramePlace): void {
    this.values[register] = values;
    this.places[register] = place;
  }

  store(place: FramePlace, bytes: number, values: ValueSet): void {
    if (place === 'outside') return;
    if (place === 'somewhere') return this.slots.clear();
    for (const [offset, slot] of this.slots) {
      if (offset < place + bytes && place < offset + slot.bytes) this.slots.delete(offset);
    }
    this.slots.set(place, { bytes, values });
  }

  load(place: FramePlace, bytes: number): ValueSet {
    const slot = typeof place === 'number' ? this.slots.get(place) : undefined;
    return slot?.bytes === bytes ? slot.values : anyValue;
  }

  /** Takes in what another path brings; answers whether anything new came. */
  join(other: FrameState): boolean {
    let grew = false;
    for (let register = 0; register < registers; register++) {
      const values = joined(this.values[register]!, other.values[register]!);
      if (values !== this.values[register]) grew = true;
      this.values[register] = values;
      if (this.places[register] === other.places[register] || this.places[register] === 'somewhere') continue;
      this.places[register] = 'somewhere';
      grew = true;
    }
    for (const [offset, slot] of this.slots) {
      const theirs = other.slots.get(offset);
      if (theirs?.bytes !== slot.bytes) {
        this.slots.delete(offset);
        grew = true;
      } else if (joined(slot.values, theirs.values) !== slot.values) {
        this.slots.set(offset, { bytes: slot.bytes, values: joined(slot.values, theirs.values) });
        grew = true;
      }
    }
    return grew;
  }
}
