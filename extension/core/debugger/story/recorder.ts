import { decodeValue } from '../../maps/value.ts';
import { mapSchema } from '../../maps/schema.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import type { Scope } from '../../dwarf/scopes.ts';
import { isConditional } from '../../vm/isa/decode.ts';
import { opcode } from '../../vm/isa/opcodes.ts';
import type { LinkedProgram } from '../../vm/link/linkedObject.ts';
import { describeFault } from '../../vm/machine.ts';
import { tag } from '../../vm/memory/regions.ts';
import { actionName } from '../../xdp.ts';
import type { ProgramImage } from '../image.ts';
import { halves, Inspector } from '../inspector.ts';
import type { HelperCall, Timeline, TimelineState } from '../timeline.ts';
import { Folding } from './fold.ts';
import { PendingBranch } from './pending.ts';
import type { Position } from './position.ts';
import type { StorySource, StorySources } from './sources.ts';
import type { CallStep, StoryEnd, StoryPlace, VerdictStory } from './types.ts';

export interface StorySubject {
  /** At the start of the packet that is told about. It is run to its end. */
  timeline: Timeline;
  image: ProgramImage;
  spec: ObjectSpec;
  /** The possible CPUs, for the maps' keys and values. */
  cpus: readonly number[];
  sources: StorySources;
}

/** What is said about one run is bounded: instructions, and steps after folding. */
const maxInstructions = 1_000_000;
const maxSteps = 2000;
const maxEvaluations = 5000;
/** Instructions behind that: the machine's own limit on one run. */
const fuel = 64 * 1024 * 1024;

/** Runs the timeline's packet to its end and tells what happened on the way. */
export function tellStory(subject: StorySubject): VerdictStory {
  return new Recorder(subject).record();
}

class Recorder {
  private readonly subject: StorySubject;
  private readonly positions = new Map<LinkedProgram, (Position | undefined)[]>();
  private readonly folding = new Folding();
  private readonly lines = new Map<string, Map<number, number>>();
  private readonly pending: PendingBranch[] = [];
  /** The functions that the program stands in, outermost first, each with the line it was seen at last. */
  private readonly frames: { depth: number; scope: Scope | undefined; line: number }[] = [];
  private lastReturn: StoryPlace | undefined;
  private evaluations = 0;
  /** Nothing is known of the last condition of the program itself. */
  private untold = false;

  constructor(subject: StorySubject) {
    this.subject = subject;
  }

  record(): VerdictStory {
    const { timeline } = this.subject;
    const { program } = timeline;
    let told = 0;
    while (timeline.state === 'running' && told++ < maxInstructions && this.folding.length < maxSteps) {
      this.look();
      const before = timeline.calls.at(-1);
      const { slot } = timeline.machine.cpu;
      const at = timeline.program;
      timeline.step();
      const call = timeline.calls.at(-1);
      if (call !== undefined && call !== before) this.tellCall(call, this.positionOf(at, slot));
    }
    for (let branch = this.pending.pop(); branch !== undefined; branch = this.pending.pop()) this.tellBranch(branch);
    const cut = timeline.state === 'running';
    // The verdict is known of a long run too.
    const state = timeline.state === 'running' ? timeline.machine.advance(fuel) : timeline.state;
    const end = this.end(state);
    if (!cut) this.markVerdict(end);
    return {
      program: program.name,
      steps: this.folding.steps,
      end,
      cut,
      lines: this.lines,
    };
  }

  /** Before an instruction. */
  private look(): void {
    const { timeline } = this.subject;
    const { cpu } = timeline.machine;
    const position = this.positionOf(timeline.program, cpu.slot);
    this.leaveFrames(cpu.callDepth);
    if (position.line === 0) return;
    this.resolve(position, cpu.callDepth);
    if (position.source === undefined) return;
    this.tellLine(position, cpu.callDepth);
    const op = cpu.code.opcode[cpu.slot]!;
    if (isConditional(op) || op === opcode.jaRegister) this.jump(position, position.source);
  }

  /** Branches of functions that are gone stay as far as they were told. */
  private leaveFrames(depth: number): void {
    for (let top = this.pending.at(-1); top !== undefined && top.depth > depth; top = this.pending.at(-1)) {
      this.pending.pop();
      this.tellBranch(top);
    }
  }

  /** The program is somewhere behind a condition: that says which way it went. */
  private resolve(position: Position, depth: number): void {
    for (let top = this.pending.at(-1); top !== undefined; top = this.pending.at(-1)) {
      if (top.depth !== depth || !top.arrive(position)) return;
      this.pending.pop();
      this.tellBranch(top);
    }
  }

  private jump(position: Position, source: StorySource): void {
    const { timeline, image, sources } = this.subject;
    const condition = source.conditionAt(position.offset);
    if (condition === undefined) return;
    const { cpu } = timeline.machine;
    const scope = position.chain.at(-1);
    let top = this.pending.at(-1);
    if (top === undefined || top.condition !== condition || top.scope !== scope || top.depth !== cpu.callDepth) {
      top = new PendingBranch({ condition, source, scope, depth: cpu.callDepth, level: this.level(position) });
      this.pending.push(top);
    }
    // Of a loop with very many rounds the last ones have their way, but no values.
    if (this.evaluations++ < maxEvaluations) top.jump({ machine: timeline.machine, image, macros: sources.macros });
  }

  private tellLine(position: Position, depth: number): void {
    const { source, line, chain } = position;
    if (source === undefined) return;
    // The line of the call of an inlined function is told before the function, though no instruction need be on it.
    for (let level = 0; level + 1 < chain.length; level++) {
      const call = chain[level + 1]?.call;
      const caller = call === undefined ? undefined : this.subject.sources.byFile.get(call.file);
      if (call === undefined || caller === undefined) continue;
      this.arrive({ source: caller, line: call.line, chain: chain.slice(0, level + 1) }, { depth, around: chain });
    }
    this.arrive({ source, line, chain }, { depth, around: chain });
    if (depth === 0 && chain.length <= 1 && source.scan.code.startsWith('return', position.offset))
      this.lastReturn = { file: source.file, line };
  }

  /** Tells a line, unless the program stands on it since before. `around`: all functions, those further in as well. */
  private arrive(
    { source, line, chain }: { source: StorySource; line: number; chain: readonly Scope[] },
    { depth, around }: { depth: number; around: readonly Scope[] },
  ): void {
    const scope = chain.at(-1);
    const { frames } = this;
    for (let top = frames.at(-1); top !== undefined && !isAround(top, around, depth); top = frames.at(-1)) frames.pop();
    let frame = frames.find((each) => each.depth === depth && each.scope === scope);
    if (frame === undefined) {
      frame = { depth, scope, line: 0 };
      frames.push(frame);
    }
    if (frame.line === line) return;
    frame.line = line;
    const text = source.lineText(line);
    if (/^[{}]*;?$/.test(text)) return;
    if (depth === 0 && chain.length <= 1 && /^return\b/.test(text)) this.lastReturn = { file: source.file, line };
    const counts = this.lines.get(source.file) ?? new Map<number, number>();
    this.lines.set(source.file, counts.set(line, (counts.get(line) ?? 0) + 1));
    // A condition of several lines is told as one.
    const top = this.pending.at(-1);
    if (top?.depth !== depth || top.scope !== scope)
      this.folding.add({ kind: 'line', ...this.placed({ source, line, chain }) });
  }

  private tellBranch(branch: PendingBranch): void {
    const step = branch.step();
    if (branch.level === 0) this.untold = step === undefined;
    if (step !== undefined) this.folding.add(step);
  }

  private tellCall(call: HelperCall, position: Position): void {
    if (position.source === undefined) return;
    const { name, result } = call;
    const { map, key } = this.mapOf(call);
    this.folding.add({ kind: 'call', ...this.placed(position), name, map, key, result: resultText(name, result) });
  }

  /** The map and the key that a helper was about. */
  private mapOf({ name, arguments: [first = 0n, second = 0n] }: HelperCall): Pick<CallStep, 'map' | 'key'> {
    const { timeline, image, spec, cpus } = this.subject;
    const number = [first, second].map(halves).find(({ high }) => high === tag.map)?.low;
    const map = number === undefined ? undefined : timeline.machine.maps[number];
    if (map === undefined) return { map: undefined, key: undefined };
    const { definition } = map;
    const takesKey = /^bpf_map_(?:lookup|update|delete)/.test(name);
    const bytes = takesKey ? new Inspector(timeline.machine, image).read(second, definition.keySize) : undefined;
    if (bytes === undefined) return { map: definition.name, key: undefined };
    const declared = spec.maps[map.number];
    const schema = mapSchema(definition, spec.btf, declared?.keyTypeId ?? 0, declared?.valueTypeId ?? 0, cpus);
    const value = decodeValue(schema.key, bytes);
    return { map: definition.name, key: typeof value === 'string' ? value : JSON.stringify(value) };
  }

  private placed(position: Pick<Position, 'source' | 'line' | 'chain'>): {
    file: string;
    line: number;
    function: string;
    depth: number;
  } {
    const { source, line, chain } = position;
    const name = chain.at(-1)?.name ?? this.subject.timeline.program.name;
    return { file: source?.file ?? '', line, function: name, depth: this.level(position) };
  }

  private level({ chain }: Pick<Position, 'chain'>): number {
    return this.subject.timeline.machine.cpu.callDepth + Math.max(0, chain.length - 1);
  }

  private end(state: TimelineState): StoryEnd {
    const { timeline } = this.subject;
    if (state === 'running') return { kind: 'running' };
    const run = timeline.machine.outcome(state);
    if (state === 'ended') return { kind: 'verdict', action: actionName(run.retval), place: this.lastReturn };
    const { source, line } = this.positionOf(timeline.program, timeline.machine.cpu.slot);
    const place = source === undefined ? undefined : { file: source.file, line };
    return { kind: 'fault', message: describeFault(state), place };
  }

  /** The last branch before the return is the one that decided. */
  private markVerdict(end: StoryEnd): void {
    if (end.kind !== 'verdict' || end.place === undefined || this.untold) return;
    const { steps } = this.folding;
    const last = steps.findLastIndex((step) => step.kind === 'branch' && step.depth === 0);
    const branch = steps[last];
    const between = steps.slice(last + 1).filter((step) => step.kind === 'line' && step.depth === 0);
    const isReturn = between.every((step) => step.kind === 'line' && step.line === end.place?.line);
    if (branch?.kind === 'branch' && isReturn) branch.verdict = end.action;
  }

  private positionOf(program: LinkedProgram, slot: number): Position {
    let positions = this.positions.get(program);
    if (positions === undefined) {
      positions = [];
      this.positions.set(program, positions);
    }
    const known = positions[slot];
    if (known !== undefined) return known;
    const { image, sources } = this.subject;
    const { source: place, startsStatement } = image.placeOf(program, slot);
    const source = place === undefined ? undefined : sources.byFile.get(place.file);
    const chain = image.scopesAt(program, slot).filter(({ kind }) => kind !== 'block');
    const offset = place === undefined || source === undefined ? -1 : source.offsetOf(place);
    const position = { source, line: place?.line ?? 0, offset, startsStatement, chain };
    positions[slot] = position;
    return position;
  }
}

function isAround(frame: { depth: number; scope: Scope | undefined }, chain: readonly Scope[], depth: number): boolean {
  if (frame.depth !== depth) return frame.depth < depth;
  return frame.scope === undefined ? chain.length === 0 : chain.includes(frame.scope);
}

/** Their results are pointers, or null where there is nothing. */
const givesPointers = /lookup|reserve|_get$|_new$|_slice|_data$/;

function resultText(name: string, result: bigint | undefined): string | undefined {
  if (result === undefined) return undefined;
  if (name.startsWith('bpf_map_lookup')) return result === 0n ? 'nothing found' : 'found';
  const number = BigInt.asIntN(64, result);
  if (givesPointers.test(name)) return result === 0n ? 'null' : 'a pointer';
  return String(number >= -4095n && number < 0n ? number : BigInt.asUintN(64, result));
}
