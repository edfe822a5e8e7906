import type { Memory } from '../../../extension/core/maps/decode.ts';
import { type Leaf, numberAt } from './leaves.ts';

/** What one number of an entry comes to over all CPUs. */
export interface Totals {
  /** Exact, however large. */
  sum: bigint;
  /** What the sum grew by; undefined when there is nothing to compare with, or when a CPU's unsigned number, a counter, went back. */
  delta: bigint | undefined;
  spread: Spread;
}

/** How the CPUs' numbers differ: doubles, for comparing. */
export interface Spread {
  sum: number;
  max: number;
  /** CPUs that are not at zero, which shading and imbalance are about. */
  counting: number;
  /** Slots. */
  smallest: number;
  largest: number;
}

/** Where the numbers stand: the first entry's value at `base`, a number every `slot` bytes. */
export interface Slots {
  memory: Memory;
  base: number;
  slot: number;
  slots: number;
}

/** In one pass, since a screen of a map on 128 CPUs has thousands of numbers and changes ten times a second. */
export function totalsOf(leaf: Leaf, now: Slots, before: Slots | undefined): Totals {
  const { layout } = leaf;
  return layout.kind === 'int' && layout.size === 8
    ? totalsOfHalves({ ...layout, offset: leaf.offset }, now, before)
    : totalsOfAny(leaf, now, before);
}

/** 64 bits as halves of 32: their sums stay exact as doubles for more CPUs than there can be (8192), and no bigint is made for each. */
function totalsOfHalves(
  { signed, bigEndian, offset }: { signed: boolean; bigEndian: boolean; offset: number },
  now: Slots,
  before: Slots | undefined,
): Totals {
  const { view } = now.memory;
  const old = before?.memory.view;
  const spread = new SpreadOf();
  let [highs, lows, oldHighs, oldLows] = [0, 0, 0, 0];
  let wentBack = false;
  for (let slot = 0; slot < now.slots; slot++) {
    const at = now.base + slot * now.slot + offset;
    const high = highAt(view, at, signed, bigEndian);
    const low = lowAt(view, at, bigEndian);
    spread.add(high * 0x1_0000_0000 + low, slot);
    highs += high;
    lows += low;
    if (before === undefined || old === undefined) continue;
    const oldAt = before.base + slot * before.slot + offset;
    const oldHigh = highAt(old, oldAt, signed, bigEndian);
    const oldLow = lowAt(old, oldAt, bigEndian);
    oldHighs += oldHigh;
    oldLows += oldLow;
    wentBack ||= !signed && (high < oldHigh || (high === oldHigh && low < oldLow));
  }
  const grew = before !== undefined && !wentBack;
  return {
    sum: whole(highs, lows),
    delta: grew ? whole(highs - oldHighs, lows - oldLows) : undefined,
    spread,
  };
}

/** The sign is in the high half. */
function highAt(view: DataView, at: number, signed: boolean, bigEndian: boolean): number {
  const place = bigEndian ? at : at + 4;
  return signed ? view.getInt32(place, !bigEndian) : view.getUint32(place, !bigEndian);
}

function lowAt(view: DataView, at: number, bigEndian: boolean): number {
  return view.getUint32(bigEndian ? at + 4 : at, !bigEndian);
}

function whole(highs: number, lows: number): bigint {
  return (BigInt(highs) << 32n) + BigInt(lows);
}

/** Integers of other sizes, and bit-fields. */
function totalsOfAny(leaf: Leaf, now: Slots, before: Slots | undefined): Totals {
  const spread = new SpreadOf();
  let sum = 0n;
  let grown: bigint | undefined = before === undefined ? undefined : 0n;
  for (let slot = 0; slot < now.slots; slot++) {
    const value = numberAt(leaf, now.memory, now.base + slot * now.slot);
    spread.add(Number(value), slot);
    sum += value;
    if (before === undefined || grown === undefined) continue;
    const old = numberAt(leaf, before.memory, before.base + slot * before.slot);
    grown = value < old && !isSigned(leaf) ? undefined : grown + value - old;
  }
  return { sum, delta: grown, spread };
}

/** What has a sign is no counter: it may fall as well as rise. */
export function isSigned({ layout }: Leaf): boolean {
  return (layout.kind === 'int' || layout.kind === 'bits') && layout.signed;
}

class SpreadOf implements Spread {
  sum = 0;
  max = Number.NEGATIVE_INFINITY;
  counting = 0;
  smallest = 0;
  largest = 0;
  private min = Number.POSITIVE_INFINITY;

  add(value: number, slot: number): void {
    this.sum += value;
    if (value !== 0) this.counting++;
    if (value > this.max) {
      this.max = value;
      this.largest = slot;
    }
    if (value < this.min) {
      this.min = value;
      this.smallest = slot;
    }
  }
}
