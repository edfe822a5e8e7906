import type { ProgramImage } from './image.ts';
import type { Moment, Timeline } from './timeline.ts';

/** Where the program is, in terms of the source. */
interface Position {
  file: string | undefined;
  line: number;
  startsStatement: boolean;
  /** Functions of the machine on the stack. */
  depth: number;
  /** Inlined functions around the instruction. */
  inlined: number;
}

export type StepKind = 'in' | 'over' | 'out';

/** Tells when a step is done. Made before the first instruction of the step runs. */
export type StepEnd = () => boolean;

export function positionOf(timeline: Timeline, image: ProgramImage): Position {
  const { cpu } = timeline.machine;
  const { program } = timeline;
  const { source, startsStatement } = image.placeOf(program, cpu.slot);
  const inlined = image.scopesAt(program, cpu.slot).filter(({ kind }) => kind === 'inlined').length;
  return { file: source?.file, line: source?.line ?? 0, startsStatement, depth: cpu.callDepth, inlined };
}

/** In lines of the source. A step out of a function that calls back stops where the helper returns. */
export function stepEnd(kind: StepKind, timeline: Timeline, image: ProgramImage): StepEnd {
  const from = positionOf(timeline, image);
  return () => {
    const { cpu } = timeline.machine;
    if (cpu.callDepth > from.depth && kind !== 'in') return false;
    // Most instructions begin no statement: scopes are looked up only where one does.
    const { source, startsStatement } = image.placeOf(timeline.program, cpu.slot);
    if (source === undefined) return false;
    if (cpu.callDepth < from.depth) return true;
    if (kind === 'out') return positionOf(timeline, image).inlined < from.inlined;
    if (!startsStatement) return false;
    const now = positionOf(timeline, image);
    const elsewhere = now.line !== from.line || now.file !== from.file || now.depth !== from.depth;
    if (kind === 'in') return elsewhere || now.inlined !== from.inlined;
    return now.inlined <= from.inlined && (elsewhere || now.inlined < from.inlined);
  };
}

/** The start of the statement before this one, in this function or, at its beginning, in its caller; undefined at the start. */
export function statementBefore(timeline: Timeline, image: ProgramImage): Moment | undefined {
  const now = timeline.moment;
  const { packet, insn } = now;
  const search = new StatementSearch(positionOf(timeline, image));
  const known = trails.get(timeline);
  if (known?.packet === packet && known.revision === timeline.revision && known.end >= insn) {
    for (const statement of known.statements) if (statement.insn < insn) search.pass(statement);
    return search.found === undefined ? undefined : { packet, insn: search.found };
  }
  const statements: Statement[] = [];
  timeline.goTo(now, () => {
    const { cpu } = timeline.machine;
    if (timeline.state !== 'running' || !image.placeOf(timeline.program, cpu.slot).startsStatement) return;
    const statement = { insn: timeline.moment.insn, position: positionOf(timeline, image) };
    search.pass(statement);
    if (statements.length <= maxTrail) statements.push(statement);
  });
  if (statements.length <= maxTrail)
    trails.set(timeline, { packet, revision: timeline.revision, end: insn, statements });
  return search.found === undefined ? undefined : { packet, insn: search.found };
}

interface Statement {
  insn: number;
  position: Position;
}

/** The statements of a packet that were passed up to `end`. */
interface Trail {
  packet: number;
  revision: number;
  end: number;
  statements: readonly Statement[];
}

/** Making a machine anew takes long where maps are large, and who goes back goes back again. A long run is looked through anew. */
const trails = new WeakMap<Timeline, Trail>();
const maxTrail = 50_000;

/** Finds the last statement in this function or one around it. Statements on one line are one. */
class StatementSearch {
  found: number | undefined;
  private readonly from: Position;
  private last: Position | undefined;

  constructor(from: Position) {
    this.from = from;
  }

  pass({ insn, position }: Statement): void {
    const { from, last } = this;
    if (position.depth > from.depth || (position.depth === from.depth && position.inlined > from.inlined)) return;
    this.last = position;
    const same =
      last !== undefined &&
      position.line === last.line &&
      position.file === last.file &&
      position.depth === last.depth &&
      position.inlined === last.inlined;
    if (!same) this.found = insn;
  }
}

/** The last moment before now at which `isStop` holds; undefined when there is none. */
export function lastBefore(timeline: Timeline, isStop: () => boolean): Moment | undefined {
  let found: Moment | undefined;
  timeline.goTo(timeline.moment, () => {
    if (timeline.state === 'running' && isStop()) found = timeline.moment;
  });
  return found;
}
