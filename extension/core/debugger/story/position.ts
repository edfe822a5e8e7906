import type { Scope } from '../../dwarf/scopes.ts';
import type { StorySource } from './sources.ts';

/** Where an instruction stands. */
export interface Position {
  source: StorySource | undefined;
  line: number;
  offset: number;
  startsStatement: boolean;
  /** The function and those inlined into it around the instruction, the function first. */
  chain: readonly Scope[];
}
