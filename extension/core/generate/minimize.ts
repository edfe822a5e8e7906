import { XdpError } from '../errors.ts';
import { buildPacket } from '../packet/build.ts';
import { exactLayers } from '../packet/exact.ts';
import { minimalLayers } from '../packet/minimal.ts';
import type { Layer } from '../packet/model.ts';
import { testRunLimits } from '../xdp.ts';
import type { Feature } from './features.ts';
import { defaultIfindex, type Entry, type Input } from './input.ts';
import { type Finding, type Found, traceInput } from './search.ts';
import type { Target } from './target.ts';
import type { Trace } from './tracer.ts';

/** An input that is kept, and why: what no other one before it reaches. */
export interface Kept extends Found {
  for: ReadonlySet<Feature>;
}

/** Runs that making one packet smaller may take. */
const maxAttempts = 120;

/** Few inputs that reach together what all of them do: each time the one that adds most, and of those the simplest. */
export function cover(found: readonly Found[]): Kept[] {
  const kept: Kept[] = [];
  // A large program has thousands of each: nothing is counted twice.
  const missing = new Map<Feature, number[]>();
  for (const [index, { trace }] of found.entries()) {
    for (const feature of trace.features) {
      const having = missing.get(feature);
      if (having === undefined) missing.set(feature, [index]);
      else having.push(index);
    }
  }
  const adds = found.map(({ trace }) => trace.features.size);
  const costs = found.map(cost);
  for (;;) {
    let best = -1;
    let most = 0;
    for (const [index, count] of adds.entries()) {
      if (count < most || count === 0 || (count === most && costs[index]! >= costs[best]!)) continue;
      [best, most] = [index, count];
    }
    const each = found[best];
    if (each === undefined) return kept;
    const fresh = new Set([...each.trace.features].filter((feature) => missing.has(feature)));
    kept.push({ ...each, for: fresh });
    for (const feature of fresh) {
      for (const index of missing.get(feature) ?? []) adds[index]!--;
      missing.delete(feature);
    }
  }
}

function cost({ input }: Found): number {
  const { packet, metadata, entries, ingressIfindex, rxQueueIndex } = input;
  const unusual = (ingressIfindex === defaultIfindex ? 0 : 500) + (rxQueueIndex === 0 ? 0 : 500);
  return packet.length + 20 * metadata.length + 200 * entries.length + unusual;
}

/** Does a run reach everything that an input is kept for? */
export function reaches({ for: wanted }: Kept): (trace: Trace) => boolean {
  return ({ run, features }) => run.fault === undefined && [...wanted].every((feature) => features.has(feature));
}

/** Does a run show the same? */
export function shows({ what }: Finding): (trace: Trace) => boolean {
  if (what.kind === 'division') {
    const { program, slot } = what;
    return ({ divisions }) =>
      divisions.some((each) => each.program === program && each.slot === slot && each.by.value === 0n);
  }
  const { program, insn, reason } = what.fault;
  return ({ run: { fault } }) => fault?.program === program && fault.insn === insn && fault.reason === reason;
}

/** Makes an input smaller, as long as its run is as wanted; one run a step, so that whoever waits can do other things. */
export class Shrinking {
  private readonly target: Target;
  private readonly steps: Generator<Input, void, boolean>;
  private accepted: boolean | undefined;
  private attempts = maxAttempts;
  private readonly isWanted: (trace: Trace) => boolean;
  /** As small as it is by now. */
  input: Input;
  /** Of its run; undefined: nothing smaller was found. */
  trace: Trace | undefined;

  constructor(target: Target, input: Input, isWanted: (trace: Trace) => boolean) {
    this.target = target;
    this.input = input;
    this.isWanted = isWanted;
    this.steps = smaller(input, () => this.input);
  }

  /** False when nothing is left to try. */
  step(): boolean {
    if (this.attempts-- <= 0) return false;
    const { done, value } = this.accepted === undefined ? this.steps.next() : this.steps.next(this.accepted);
    if (done === true || value === undefined) return false;
    this.accepted = this.accept(value);
    return true;
  }

  private accept(input: Input): boolean {
    const trace = traceInput(this.target, input);
    if (trace === undefined || !this.isWanted(trace)) return false;
    this.input = input;
    this.trace = trace;
    return true;
  }
}

/** Inputs to try; each gets told whether it will do, and then `current()` is that one. */
function* smaller(input: Input, current: () => Input): Generator<Input, void, boolean> {
  if (input.ingressIfindex !== defaultIfindex) yield { ...current(), ingressIfindex: defaultIfindex };
  if (input.rxQueueIndex !== 0) yield { ...current(), rxQueueIndex: 0 };
  if (input.metadata.length > 0) yield { ...current(), metadata: new Uint8Array(0) };
  if (input.linearBytes !== undefined) yield withoutLinear(current());
  for (const entry of input.entries) yield* smallerEntry(entry, current);
  yield* smallerPacket(current);
}

function withoutLinear(input: Input): Input {
  const { packet, metadata, ingressIfindex, rxQueueIndex, entries } = input;
  return { packet, metadata, ingressIfindex, rxQueueIndex, entries };
}

function* smallerEntry(entry: Entry, current: () => Input): Generator<Input, void, boolean> {
  const others = current().entries.filter((each) => each !== entry);
  if (yield { ...current(), entries: others }) return;
  const { value } = entry;
  if (value.kind !== 'bytes' || value.bytes.every((byte) => byte === 0)) return;
  const zero: Entry = { ...entry, value: { kind: 'bytes', bytes: new Uint8Array(value.bytes.length) } };
  yield { ...current(), entries: [...others, zero] };
}

/** Headers from the end, then fields that could be automatic, then the payload. */
function* smallerPacket(current: () => Input): Generator<Input, void, boolean> {
  function* attempt(tried: readonly Layer[]): Generator<Input, boolean, boolean> {
    const packet = built(tried);
    return packet === undefined ? false : yield { ...current(), packet };
  }
  const layers = (): Layer[] => minimalLayers(exactLayers(current().packet));
  // All automatic is what most packets can be.
  yield* attempt(layers().map(({ name }) => ({ name, fields: {} })));
  for (let at = layers().length - 1; at > 0; at--) {
    const now = layers();
    if (!(yield* attempt(now.slice(0, at)))) yield* attempt([...now.slice(0, at), ...now.slice(at + 1)]);
  }
  for (let at = 0; at < layers().length; at++) {
    for (const field of Object.keys(layers()[at]?.fields ?? {})) {
      yield* attempt(layers().map((layer, index) => (index === at ? without(layer, field) : layer)));
    }
  }
  for (const length of [0, 1, 2, 4, 8]) if (yield* attempt(withPayload(layers(), length))) break;
}

function without({ name, fields }: Layer, field: string): Layer {
  return { name, fields: { ...fields, [field]: undefined } };
}

function withPayload(layers: readonly Layer[], length: number): Layer[] {
  return layers.flatMap((layer) => {
    const { load } = layer.fields;
    if (layer.name !== 'Raw' || !(load instanceof Uint8Array) || load.length <= length) return [layer];
    return length === 0 ? [] : [{ name: 'Raw', fields: { load: load.slice(0, length) } }];
  });
}

function built(layers: readonly Layer[]): Uint8Array | undefined {
  try {
    const { bytes } = buildPacket(layers);
    return bytes.length < testRunLimits.minPacket ? undefined : bytes;
  } catch (error) {
    // Without that layer or field it is no packet.
    if (error instanceof XdpError) return undefined;
    throw error;
  }
}

/** Those that reach what no other one does; a smaller packet may reach less than the one it was made from, or more. */
export function withoutRedundant(kept: readonly Kept[]): Kept[] {
  const counts = new Map<Feature, number>();
  for (const { trace } of kept) {
    for (const feature of trace.features) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  return kept.filter(({ trace }) => {
    if ([...trace.features].some((feature) => counts.get(feature) === 1)) return true;
    for (const feature of trace.features) counts.set(feature, (counts.get(feature) ?? 0) - 1);
    return false;
  });
}
