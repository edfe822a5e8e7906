import type { SourcePlace } from '../object/spec.ts';

/** A program that does one thing otherwise, as an error in the source would make it. */
export interface Mutant {
  /** Where the changed text stands. `column`: 1-based, of that text. */
  place: SourcePlace;
  kind: 'negated' | 'boundary' | 'verdict';
  /** The condition, or the statement. */
  text: string;
  /** In C: `<` became `<=`. */
  from: string;
  to: string;
  edits: readonly Edit[];
}

/** One instruction of one program, changed. */
export interface Edit {
  program: string;
  slot: number;
  change: { kind: 'opcode'; opcode: number } | { kind: 'swapTargets' } | { kind: 'immediate'; imm: number };
}
