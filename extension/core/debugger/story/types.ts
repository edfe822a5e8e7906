/** The story of a verdict: what of the source ran, in order, and why it went that way. */
export interface VerdictStory {
  program: string;
  steps: StoryStep[];
  end: StoryEnd;
  /** The run was longer than a story may be: what followed is not in `steps`. */
  cut: boolean;
  /** How often each line ran, by file; only files whose text was given. */
  lines: Map<string, Map<number, number>>;
}

export type StoryEnd =
  /** `place`: of the return, where it is known. */
  | { kind: 'verdict'; action: string; place: StoryPlace | undefined }
  | { kind: 'fault'; message: string; place: StoryPlace | undefined }
  /** It was still running when the story was cut. */
  | { kind: 'running' };

export interface StoryPlace {
  /** Absolute. */
  file: string;
  /** 1-based. */
  line: number;
}

interface InFunction extends StoryPlace {
  function: string;
  /** Calls around it, those of inlined functions too; 0 is the program itself. */
  depth: number;
}

export type StoryStep = LineStep | BranchStep | CallStep | RepeatStep;

export interface LineStep extends InFunction {
  kind: 'line';
}

/** A condition, and the way that was taken. */
export interface BranchStep extends InFunction {
  kind: 'branch';
  form: BranchForm;
  /** Of the end of the condition. 1-based. */
  endLine: number;
  /** The whole condition as it is written, on one line. */
  text: string;
  /** What was evaluated of it, in order: `a && b` stops at an `a` that is false. */
  tests: BranchTest[];
  /** Undefined for a switch, and where nothing tells. */
  truth: boolean | undefined;
  /** What follows is the return of the verdict. */
  verdict?: string;
}

export type BranchForm = 'if' | 'loop' | 'switch' | 'choice' | 'value';

export interface BranchTest {
  /** As it is written, on one line. */
  text: string;
  truth: boolean | undefined;
  /** The operands at that moment: `17 ≠ 6`, `blocked = null`. Undefined where they are not known. */
  values: string | undefined;
}

/** A helper call. */
export interface CallStep extends InFunction {
  kind: 'call';
  name: string;
  /** Of the map that it was about. */
  map: string | undefined;
  /** The key as JSON, or hex where its type is not known. */
  key: string | undefined;
  /** `found`, `nothing found`, `-22`, `null`; undefined for one that goes on elsewhere (tail calls, callbacks). */
  result: string | undefined;
}

/** Steps that ran several times in a row. Their values are those of the last time. */
export interface RepeatStep {
  kind: 'repeat';
  times: number;
  steps: StoryStep[];
}
