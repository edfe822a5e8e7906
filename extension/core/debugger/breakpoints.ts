import type { LinkedProgram } from '../vm/link/linkedObject.ts';
import type { CodePlace, ProgramImage } from './image.ts';

/** A place in the code where the program may stop. */
export interface CodeBreakpoint {
  id: number;
  places: readonly CodePlace[];
  /** C expression. */
  condition?: string;
  /** `5` (from the fifth time on), `== 5`, `> 5`, `% 5`. */
  hitCondition?: string;
  /** Printed instead of stopping; `{expression}` inside is evaluated. */
  logMessage?: string;
  hits: number;
}

/** Bytes whose change stops the program. */
export interface DataBreakpoint {
  id: number;
  description: string;
  /** Undefined where there is nothing now. */
  read(): Uint8Array | undefined;
}

/**
 * The statement that a breakpoint on a line means: the first one on it, else on the nearest line below that has one, in
 * every function and every place where it was inlined.
 */
export function placesOfLine(
  image: ProgramImage,
  isFile: (file: string) => boolean,
  line: number,
): { line: number; places: CodePlace[] } | undefined {
  const statements = image.statements(isFile);
  const chosen = [...statements.keys()].filter((each) => each >= line).sort((a, b) => a - b)[0];
  if (chosen === undefined) return undefined;
  const byProgram = new Map<LinkedProgram, Map<unknown, CodePlace>>();
  for (const place of statements.get(chosen) ?? []) {
    const scope = image.scopesAt(place.program, place.slot).findLast(({ kind }) => kind !== 'block');
    const inProgram = byProgram.get(place.program) ?? new Map<unknown, CodePlace>();
    byProgram.set(place.program, inProgram);
    const key = scope ?? image.functionAt(place.program, place.slot);
    const known = inProgram.get(key);
    if (known === undefined || place.slot < known.slot) inProgram.set(key, place);
  }
  return { line: chosen, places: [...byProgram.values()].flatMap((each) => [...each.values()]) };
}

/** Does the count of hits, this one included, satisfy the condition? A condition that is none never stops the program. */
export function hitsEnough(hits: number, condition: string | undefined): boolean {
  if (condition === undefined || condition.trim() === '') return true;
  const match = /^\s*(>=|<=|==|=|>|<|%)?\s*(\d+)\s*$/.exec(condition);
  if (match === null) return false;
  const number = Number(match[2]);
  switch (match[1]) {
    case '>':
      return hits > number;
    case '<':
      return hits < number;
    case '<=':
      return hits <= number;
    case '=':
    case '==':
      return hits === number;
    case '%':
      return number > 0 && hits % number === 0;
    default:
      return hits >= number;
  }
}
