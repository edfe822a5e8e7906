import { expressionAt } from './expression.ts';
import { lineText, locateInsn, type ObjectLines, programNames } from './locate.ts';
import { sourceOfInsn } from './log.ts';
import type { Annotation, Step, Trace } from './trace.ts';

/** A place in the source. */
export interface Place {
  /** As the compiler was given it, absolute as a rule; from a log alone the name without folders. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based; null where only the log is known, which has no columns. */
  column: number | null;
}

/** What is known of the source of an instruction. */
export interface Source {
  place: Place | undefined;
  /** The source line, without indentation. */
  line: string | undefined;
  /** The C expression that the instruction is made of. */
  expression: string | undefined;
}

/** Finds the source of instructions: in the line information of the object where it fits the log, else in the log's own notes. */
export class Places {
  private readonly trace: Trace;
  readonly object: ObjectLines | undefined;
  readonly program: string | undefined;

  /** `program`: known for certain, so the object is believed. Without it the object's programs are compared with the log. */
  constructor(trace: Trace, object: ObjectLines | undefined, program: string | undefined) {
    this.trace = trace;
    this.program = program ?? (object === undefined ? undefined : fittingProgram(trace, object));
    this.object = this.program === undefined ? undefined : object;
  }

  ofInsn(insn: number): Source {
    return this.fromObject(insn) ?? fromAnnotation(sourceOfInsn(this.trace, insn));
  }

  ofStep(step: Step): Source {
    return this.fromObject(step.insn) ?? fromAnnotation(step.source);
  }

  private fromObject(insn: number): Source | undefined {
    if (this.object === undefined || this.program === undefined) return undefined;
    const place = locateInsn(this.object, this.program, insn);
    if (place === undefined) return undefined;
    const text = lineText(this.object, place);
    return { place, line: text?.trim(), expression: text === undefined ? undefined : expressionAt(text, place.column) };
  }
}

function fromAnnotation(note: Annotation | undefined): Source {
  const place =
    note?.file === undefined || note.line === undefined
      ? undefined
      : { file: note.file, line: note.line, column: null };
  return { place, line: note?.text, expression: undefined };
}

/** Notes of the log that are compared with each program of an object. */
const maxCompared = 100;

/** The program of the object whose lines are those of the log: named in the log, or the one that fits best. */
function fittingProgram(trace: Trace, object: ObjectLines): string | undefined {
  const names = programNames(object);
  const notes = trace.steps.filter((step) => step.annotated && step.source !== undefined).slice(-maxCompared);
  const candidates = trace.program !== undefined && names.includes(trace.program) ? [trace.program] : names;
  const scores = candidates.map((name) => ({ name, hits: notes.filter((step) => fits(object, name, step)).length }));
  if (notes.length === 0) return candidates.length === 1 ? candidates[0] : undefined;
  const best = scores.sort((a, b) => b.hits - a.hits)[0];
  // A few lines may have moved; an object of another program fits by chance only.
  return best !== undefined && best.hits >= notes.length * 0.8 ? best.name : undefined;
}

function fits(object: ObjectLines, program: string, step: Step): boolean {
  const place = locateInsn(object, program, step.insn);
  if (place === undefined || step.source === undefined) return false;
  if (step.source.line !== undefined && step.source.line !== place.line) return false;
  const text = lineText(object, place);
  return text === undefined || text.trim() === step.source.text;
}
