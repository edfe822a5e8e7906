import { testRunLimits } from '../xdp.ts';
import { type Input, valueAtPlace, withEntry, withValue } from './input.ts';
import type { CallObservation, Lookup } from './helperCalls.ts';
import type { Operand } from './provenance.ts';
import { type Assignment, solve } from './solve.ts';
import { initialValue, innerValue, type Target } from './target.ts';
import { type BranchEvent, isTaken } from './tracer.ts';

/** Inputs that should make a jump go the other way: what was compared is put where it was read from. */
export function flip(target: Target, input: Input, event: BranchEvent): Input[] {
  const { left, right, bits, operation, taken } = event;
  const made: Input[] = [];
  for (const value of otherValues(right.value, bits)) {
    if (isTaken(operation, bits, value, right.value) !== taken) made.push(...inputsFor(target, input, left, value));
  }
  for (const value of otherValues(left.value, bits)) {
    if (isTaken(operation, bits, left.value, value) !== taken) made.push(...inputsFor(target, input, right, value));
  }
  // `a & mask`: single bits of it.
  for (const value of [right.value & -right.value, left.value & ~right.value]) {
    if (isTaken(operation, bits, value, right.value) !== taken) made.push(...inputsFor(target, input, left, value));
  }
  return made.slice(0, maxInputs);
}

/** Of one jump in one run. */
const maxInputs = 12;

/** The input with a divisor that is zero. */
export function withZero(target: Target, input: Input, by: Operand): Input[] {
  return inputsFor(target, input, by, 0n);
}

/** At, just beside, and far away. */
function otherValues(value: bigint, bits: number): bigint[] {
  const all = [value, value + 1n, value - 1n, 0n, 1n, (1n << BigInt(bits - 1)) - 1n, -1n];
  return [...new Set(all.map((each) => BigInt.asUintN(bits, each)))];
}

function inputsFor(target: Target, input: Input, { expression }: Operand, value: bigint): Input[] {
  if (expression === undefined) return [];
  return solve(expression, value).flatMap((assignments) => apply(target, input, assignments) ?? []);
}

/** undefined where a place is not in the input, or the packet would have an impossible length. */
function apply(target: Target, input: Input, assignments: readonly Assignment[]): Input | undefined {
  let made = input;
  for (const assignment of assignments) {
    const next = assign(target, made, assignment);
    if (next === undefined) return undefined;
    made = next;
  }
  return made;
}

function assign(target: Target, input: Input, { source, offset, size, value }: Assignment): Input | undefined {
  switch (source.kind) {
    case 'packet': {
      const packet = withBytes(input.packet, offset, size, value);
      return packet && { ...input, packet };
    }
    case 'metadata': {
      const metadata = withBytes(input.metadata, offset, size, value);
      return metadata && { ...input, metadata };
    }
    case 'ingressIfindex':
      return { ...input, ingressIfindex: Number(value) };
    case 'rxQueueIndex':
      return { ...input, rxQueueIndex: Number(value) };
    case 'length':
      return resized(input, input.packet.length + Number(value));
    case 'map': {
      const { place } = source;
      if (/^\.(rodata|kconfig)/.test(place.map)) return undefined;
      const before =
        valueAtPlace(input, place) ??
        (place.within === undefined ? initialValue(target, place.map) : innerValue(target, place.within.map));
      const bytes = withBytes(before, offset, size, value);
      return bytes && withValue(input, place, bytes);
    }
    case 'helper':
      return undefined;
  }
}

function withBytes(bytes: Uint8Array, offset: number, size: number, value: bigint): Uint8Array | undefined {
  if (offset + size > bytes.length) return undefined;
  const made = bytes.slice();
  for (let at = 0; at < size; at++) made[offset + at] = Number((value >> BigInt(8 * at)) & 0xffn);
  return made;
}

/** Cut, or filled up with zeros; undefined for what BPF_PROG_TEST_RUN does not take. */
export function resized(input: Input, length: number): Input | undefined {
  if (length < testRunLimits.minPacket || length > testRunLimits.maxLinear) return undefined;
  const packet = new Uint8Array(length);
  packet.set(input.packet.subarray(0, length));
  return { ...input, packet };
}

/** Inputs in which a map has what a call asked it for, or a helper has no room for what it is asked. */
export function answer(target: Target, input: Input, call: CallObservation): Input[] {
  const { lookup } = call;
  if (lookup === undefined) return call.result === 0n ? withoutRoom(input, call.name) : [];
  if (lookup.hit) return [];
  const { place, type } = lookup;
  const { within } = place;
  if (within !== undefined) return [withValue(input, place, innerValue(target, within.map))];
  switch (type) {
    case 'prog_array': {
      const others = [...target.linked.programs.keys()].filter((name) => name !== target.program);
      return fits(target, lookup)
        ? others.map((program) =>
            withEntry(input, { map: place.map, key: place.key, value: { kind: 'program', program } }),
          )
        : [];
    }
    case 'hash_of_maps':
    case 'array_of_maps':
      return fits(target, lookup)
        ? [withEntry(input, { map: place.map, key: place.key, value: { kind: 'newMap', entries: [] } })]
        : [];
    // A socket has to be there.
    case 'xskmap':
      return [];
    default:
      return fits(target, lookup) ? [withValue(input, place, initialValue(target, place.map))] : [];
  }
}

/** XDP_PACKET_HEADROOM without struct xdp_frame: all the metadata that bpf_prog_test_run_xdp() makes room for. */
const fullHeadroom = 256 - 40;

/** Metadata fills the headroom; a packet as short or as long as it may be cannot shrink or grow: memory/frame.ts. */
function withoutRoom(input: Input, name: string): Input[] {
  const full = { ...input, metadata: new Uint8Array(fullHeadroom) };
  switch (name) {
    case 'bpf_xdp_adjust_head':
    case 'bpf_xdp_adjust_meta':
      return [full];
    case 'bpf_xdp_adjust_tail':
      return [resized(input, testRunLimits.minPacket), resized(input, testRunLimits.maxLinear)].flatMap(
        (each) => each ?? [],
      );
    default:
      return [];
  }
}

/** Arrays have the keys that they have. */
function fits({ linked }: Target, { place, type }: Lookup): boolean {
  if (!/array|^devmap$|^cpumap$/.test(type)) return true;
  const { map, key } = place;
  const index = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
  const definition = linked.maps.find(({ spec }) => spec.name === map)?.definition;
  return type !== 'array' && type !== 'percpu_array' && index < (definition?.maxEntries ?? 0);
}
