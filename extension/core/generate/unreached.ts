import type { ProgramImage } from '../debugger/image.ts';
import type { SourcePlace } from '../object/spec.ts';
import { opcode } from '../vm/isa/opcodes.ts';
import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import { testRunLimits } from '../xdp.ts';
import { branchFeature, conditionalSlots, programFeature } from './features.ts';
import { sourcesOf, type Source } from './provenance.ts';
import type { Search } from './search.ts';
import { solve } from './solve.ts';
import { type BranchEvent, isTaken } from './tracer.ts';

/** One way of a condition of the source. A condition that was inlined in several places is one. */
export interface Way {
  place: SourcePlace;
  /** Line where it leads to; absent where the debug information does not say. */
  towards: number | undefined;
  reached: boolean;
  /** Why it may be that it was not reached, in words. */
  reason: string | undefined;
  /** The condition itself was never come to. */
  behind: boolean;
}

interface Copy {
  program: number;
  slot: number;
}

/** The ways of all conditions of the programs that a search ran, in the order of the source. */
export function waysOf(image: ProgramImage, search: Search): Way[] {
  const programs = [...image.linked.programs.values()];
  const copies = new Map<string, { place: SourcePlace; copies: Copy[] }>();
  for (const [number, program] of programs.entries()) {
    if (!search.reached.has(programFeature(number)) && program.name !== search.target.program) continue;
    for (const slot of conditionalSlots(program.code)) {
      const { source } = image.placeOf(program, slot);
      if (source === undefined) continue;
      const key = `${source.file}:${source.line}:${source.column}`;
      const known = copies.get(key) ?? { place: source, copies: [] };
      copies.set(key, known);
      known.copies.push({ program: number, slot });
    }
  }
  const ways = [...copies.values()].flatMap(({ place, copies: all }) =>
    [false, true].map((taken) => wayOf(image, search, { place, copies: all, taken })),
  );
  return ways.sort(
    (a, b) =>
      a.place.file.localeCompare(b.place.file) || a.place.line - b.place.line || a.place.column - b.place.column,
  );
}

function wayOf(
  image: ProgramImage,
  search: Search,
  { place, copies, taken }: { place: SourcePlace; copies: readonly Copy[]; taken: boolean },
): Way {
  const programs = [...image.linked.programs.values()];
  const reached = copies.some(({ program, slot }) => search.reached.has(branchFeature(program, slot, taken)));
  const [first] = copies;
  const program = programs[first?.program ?? 0];
  const towards = program === undefined || first === undefined ? undefined : lineOf(image, program, first.slot, taken);
  if (reached) return { place, towards, reached, reason: undefined, behind: false };
  const witnesses = copies.flatMap(({ program: number, slot }) => {
    const witness = search.witnesses.get(branchFeature(number, slot, !taken));
    const event = witness?.trace.branches.find(
      (each) => each.program === number && each.slot === slot && each.taken !== taken,
    );
    return event === undefined || witness === undefined ? [] : [{ event, packet: witness.input.packet }];
  });
  const [witness] = witnesses;
  const behind = witness === undefined;
  return { place, towards, reached, reason: behind ? stopped(search) : reasonOf(witness, search), behind };
}

/** The line of the first statement on the way. */
function lineOf(image: ProgramImage, program: LinkedProgram, slot: number, taken: boolean): number | undefined {
  const { code } = program;
  let at = taken ? code.offset[slot]! : slot + 1;
  for (let left = 8; left > 0 && at < code.length; left--) {
    const { source } = image.placeOf(program, at);
    const op = code.opcode[at]!;
    const jumps = op === opcode.ja || op === opcode.jaLong;
    // Jumps have the line of where they come from.
    if (source !== undefined && !jumps) return source.line;
    at = jumps ? code.offset[at]! : at + (op === opcode.loadImm64 ? 2 : 1);
  }
  return undefined;
}

function stopped({ stops }: Search): string | undefined {
  const [stop] = stops.values();
  return stop === undefined ? undefined : `runs end before: ${stop.message}`;
}

function reasonOf({ event, packet }: { event: BranchEvent; packet: Uint8Array }, search: Search): string {
  const { left, right, pointsTo } = event;
  const sources = [...sourcesOf(left.expression), ...sourcesOf(right.expression)];
  if (pointsTo?.kind === 'map value' && right.value === 0n && right.expression === undefined) {
    const map = search.target.linked.maps.find(({ spec }) => spec.name === pointsTo.name);
    const array = map !== undefined && map.definition.type.endsWith('array');
    if (array) return `every lookup in ${pointsTo.name} succeeds: an array has all of its keys`;
  }
  const length = lengthNeeded(event, packet);
  if (length !== undefined && length < testRunLimits.minPacket) {
    return `it needs a packet shorter than ${testRunLimits.minPacket} bytes, which no Ethernet frame is`;
  }
  if (length !== undefined && length > testRunLimits.maxLinear) {
    return `it needs a packet of ${length} bytes: BPF_PROG_TEST_RUN takes ${testRunLimits.maxLinear} in one piece`;
  }
  if (sources.length === 0) return 'the condition does not depend on the packet, the context or the maps';
  const helpers = sources.flatMap((source) => (source.kind === 'helper' ? source.name : []));
  if (helpers.length > 0) return helperReason(helpers, search);
  const fixed = sources.flatMap(globalName);
  if (fixed.length > 0 && fixed.length === sources.length) {
    return `it depends on constants in ${fixed[0]}, which are fixed when the program is loaded`;
  }
  return `not reached in ${search.runs} runs; it depends on ${[...new Set(sources.map(wordsOf))].slice(0, 4).join(', ')}`;
}

/** How long the packet would have to be, where that is all that decides. */
function lengthNeeded(event: BranchEvent, packet: Uint8Array): number | undefined {
  const { left, right, operation, bits, taken } = event;
  for (const [operand, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const { expression } = operand;
    if (expression === undefined || !sourcesOf(expression).every(({ kind }) => kind === 'length')) continue;
    if (sourcesOf(other.expression).some(({ kind }) => kind !== 'length')) continue;
    for (const value of [other.value, other.value - 1n, other.value + 1n]) {
      const goes =
        operand === left ? isTaken(operation, bits, value, right.value) : isTaken(operation, bits, left.value, value);
      const [assignment] = goes === taken ? [] : (solve(expression, value)[0] ?? []);
      if (assignment?.source.kind === 'length') return packet.length + Number(assignment.value);
    }
  }
  return undefined;
}

function helperReason(helpers: readonly string[], { found }: Search): string {
  const [name = ''] = helpers;
  const results = new Set<string>();
  for (const { trace } of found) {
    for (const call of trace.calls) {
      if (call.name === name && call.result !== undefined) results.add(BigInt.asIntN(64, call.result).toString());
    }
  }
  const shown = [...results].slice(0, 3).join(', ');
  if (results.size === 0 || results.size > 3) return `the result of ${name}() decides it`;
  return `the result of ${name}() decides it, and was ${shown} each time`;
}

function globalName(source: Source): string[] {
  if (source.kind !== 'map' || !/^\.(rodata|kconfig)/.test(source.place.map)) return [];
  return [source.place.map];
}

function wordsOf(source: Source): string {
  switch (source.kind) {
    case 'packet':
      return 'bytes of the packet';
    case 'metadata':
      return 'metadata';
    case 'ingressIfindex':
      return 'ingress_ifindex';
    case 'rxQueueIndex':
      return 'rx_queue_index';
    case 'length':
      return 'the length of the packet';
    case 'map':
      return `what ${source.place.map} holds`;
    case 'helper':
      return `${source.name}()`;
  }
}
