import { type Annotation, readAnnotation, stateAfter, stepLine, thinking } from '../trace.ts';

/** What stands in the log beside the line of a step. */
export interface Around {
  /** States before the step, where it begins a path: of the frame that runs, whole. */
  entry: string[];
  /** States behind the step: whole ones of a frame, or what changed. */
  after: { text: string; whole: boolean }[];
  end: PathEnd | undefined;
}

/** How a path ends. `safe`: the verifier was here before, knowing no more than now. */
export type PathEnd = 'exit' | 'safe' | 'failed';

/** The verifier comes back to a jump and takes its other way. */
export interface Return {
  /** The first step on the other way; undefined: there was nothing new on it (`safe`). */
  step: number | undefined;
  /** Steps that stand before it in the log. */
  behind: number;
  /** Instruction of the jump. */
  from: number;
  /** The whole state of the frame there; '' where it is safe. */
  state: string;
}

/** A log of one program, read once: the steps stay text until somebody asks. */
export interface StepLines {
  log: string;
  count: number;
  /** Instruction of each step: 8-byte slot, counted from the start of the loaded program. */
  insns: Int32Array;
  /** Where the line of each step starts in `log`. */
  starts: Int32Array;
  /** Index into `notes`, -1 where the log had none so far. */
  noteOf: Int32Array;
  /** Depth of the call at each step. */
  frames: Uint8Array;
  notes: readonly Annotation[];
  around: ReadonlyMap<number, Readonly<Around>>;
  returns: readonly Return[];
  /** Steps that begin with nothing known from before: the program, or a global function that is looked at alone. */
  beginnings: ReadonlySet<number>;
  /** Registers that are read later, as bits, before an instruction; where the log has the table (Linux ≥ 6.15, level 2). */
  live: ReadonlyMap<number, number>;
  /** What the verifier said against the program. */
  messages: readonly string[];
  /** Characters at the beginning of the log that were left out, since it is too long. */
  leftOut: number;
  /** The log does not begin with the program's first state: what was known before its beginning is not in it. */
  headless: boolean;
}

/** A million instructions are the verifier's own limit; with the lines between them, its longest walks fit. */
const maxLines = 2_000_000;
const maxChars = 1 << 27;
const maxLineChars = 4096;
const maxMessages = 64;

/** Reads a log of any level. Pure; any text is taken: what no verifier writes is a message. */
export function readSteps(log: string): StepLines {
  const from = startWithin(log);
  const reader = new StepReader(log);
  for (let at = from; at < log.length; ) {
    const newline = log.indexOf('\n', at);
    const end = newline < 0 ? log.length : newline;
    reader.read(at, Math.min(end, at + maxLineChars));
    at = end + 1;
  }
  return reader.finish(from);
}

/** Of a log that is too long, the end is read: it tells why. */
function startWithin(log: string): number {
  const from = log.length > maxChars ? log.indexOf('\n', log.length - maxChars) + 1 : 0;
  let lines = 0;
  for (let at = log.length; at > from; at = log.lastIndexOf('\n', at - 1)) if (++lines > maxLines) return at + 1;
  return from;
}

/** The line of a step: its disassembly, and the state behind it, '' where it has none. */
export function stepText(log: string, start: number): { text: string; printed: string } {
  const newline = log.indexOf('\n', start);
  const end = Math.min(newline < 0 ? log.length : newline, start + maxLineChars);
  const rest = stepLine.exec(log.slice(start, end))?.[2] ?? '';
  const cut = stateAfter.exec(rest);
  const text = (cut === null ? rest : rest.slice(0, cut.index)).replace(/\s*;.*$/, '').trim();
  return { text, printed: cut === null ? '' : rest.slice(cut.index + cut[0].length).trimEnd() };
}

/** A state on a line of its own: `12: R0=1`, `from 5 to 12: R0=1`, `12: safe`. */
const stateLine =
  /^\s*(?:from (\d{1,9}) to )?\d{1,9}(?: \(speculative execution\))?: ?(safe\s*$|(?:frame\d+:|R\d+[_a-z]*=|fp-\d+[_a-z]*=).*)/;
const stateAlone = /^\s+(?:frame\d+: ?)?(?:R\d+|fp-\d+)[_a-z]*=/;
const liveLine = /^\s*(\d{1,9}): ([.\d]{10}) \(/;

/** Lines that say whose state the next line is. Source: kernel/bpf/verifier.c, check_func_call() and prepare_func_exit(). */
const headings: readonly { pattern: RegExp; kind: 'entered' | 'returning' | 'left' }[] = [
  { pattern: /^caller:$/, kind: 'entered' },
  { pattern: /^callee:$/, kind: 'entered' },
  { pattern: /^returning from callee:$/, kind: 'returning' },
  { pattern: /^to caller at \d+:$/, kind: 'left' },
];

class StepReader {
  readonly #log: string;
  #insns = new Int32Array(1024);
  #starts = new Int32Array(1024);
  #noteOf = new Int32Array(1024);
  #frames = new Uint8Array(1024);
  #count = 0;
  readonly #notes: Annotation[] = [];
  readonly #around = new Map<number, Around>();
  readonly #returns: Return[] = [];
  readonly #beginnings = new Set<number>();
  readonly #live = new Map<number, number>();
  #messages: string[] = [];
  #finished = false;
  /** What is known of the step to come. */
  #note = -1;
  #frame = 0;
  #entry: string[] = [];
  #begins = true;
  #heading: 'entered' | 'returning' | 'left' | undefined;
  #left = false;

  constructor(log: string) {
    this.#log = log;
  }

  read(start: number, end: number): void {
    const line = this.#log.slice(start, end);
    // Most lines of a long log are the verifier's bookkeeping of precision.
    if (line.startsWith('mark_precise')) return;
    if (this.#state(line) || this.#underHeading(line)) return;
    const step = stepLine.exec(line);
    const live = step === null ? liveLine.exec(line) : null;
    const heading = headings.find(({ pattern }) => pattern.test(line));
    if (step !== null) this.#step(Number(step[1]), start);
    else if (/^\s*;/.test(line)) this.#annotate(readAnnotation(line.trim()));
    else if (live !== null) this.#live.set(Number(live[1]), bitsOf(live[2] ?? ''));
    else if (heading !== undefined) this.#heading = heading.kind;
    else if (/^Validating \S+\(\) func#/.test(line)) this.#begin();
    else if (/^\s*processed \d+ insns? /.test(line)) this.#finished = true;
    else this.#message(line);
  }

  #state(line: string): boolean {
    const found = stateLine.exec(line);
    if (found === null) return false;
    const [, from, state = ''] = found;
    if (from !== undefined) this.#comesFrom(Number(from), state.trim());
    else if (state.startsWith('safe')) this.#end('safe');
    else if (this.#begins || this.#entry.length > 0) this.#entry.push(state);
    else this.#behind(state, false);
    return true;
  }

  #underHeading(line: string): boolean {
    const heading = this.#heading;
    if (heading === undefined || !stateAlone.test(line)) return false;
    this.#heading = undefined;
    // The state of a function that ends is that of its last step.
    if (heading !== 'returning') this.#behind(line.trim(), true);
    if (heading === 'left') this.#left = true;
    return true;
  }

  #behind(text: string, whole: boolean): void {
    if (this.#count === 0) return;
    this.#frame = frameOf(text);
    this.#aroundOf(this.#count - 1).after.push({ text, whole });
  }

  #comesFrom(from: number, state: string): void {
    const last = this.#count - 1;
    if (this.#left && from === this.#insns[last]) {
      // No other way of a jump: the function's end goes on in its caller, whose whole state this is.
      this.#behind(state, true);
      return;
    }
    this.#end('exit');
    const safe = state === 'safe';
    const step = safe ? undefined : this.#count;
    this.#returns.push({ step, behind: this.#count, from, state: safe ? '' : state });
    if (safe) return;
    this.#entry = [state];
    this.#frame = frameOf(state);
    this.#left = false;
  }

  #begin(): void {
    this.#end('exit');
    this.#begins = true;
    this.#frame = 0;
  }

  #end(how: PathEnd): void {
    if (this.#count > 0) this.#aroundOf(this.#count - 1).end ??= how;
  }

  #step(insn: number, start: number): void {
    if (this.#count === this.#insns.length) this.#grow();
    const index = this.#count++;
    this.#insns[index] = insn;
    this.#starts[index] = start;
    this.#noteOf[index] = this.#note;
    this.#frames[index] = this.#frame;
    if (this.#begins) this.#beginnings.add(index);
    if (this.#entry.length > 0) this.#aroundOf(index).entry = this.#entry;
    this.#entry = [];
    this.#begins = false;
    this.#heading = undefined;
    this.#left = false;
    this.#messages = [];
  }

  #aroundOf(step: number): Around {
    let around = this.#around.get(step);
    if (around === undefined) {
      around = { entry: [], after: [], end: undefined };
      this.#around.set(step, around);
    }
    return around;
  }

  #annotate(note: Annotation): void {
    // Line 0 is code that belongs to no line.
    if (note.line !== 0) this.#note = this.#notes.push(note) - 1;
  }

  #message(line: string): void {
    // Some messages lack their line end, and the figures follow at once.
    const text = line.replace(/verification time \d+ usec$/, '').trim();
    if (this.#finished || text === '' || this.#messages.length >= maxMessages) return;
    if (!thinking.some((pattern) => pattern.test(text))) this.#messages.push(text);
  }

  /** `infinite loop detected at insn 5`, behind the end of another path: the step that it is about was not walked any more. */
  #isAboutAnother(): boolean {
    const last = this.#count - 1;
    const named = this.#messages.map((text) => /\binsn (\d{1,9})\b/.exec(text)?.[1]).find((insn) => insn !== undefined);
    if (last < 0 || named === undefined || Number(named) === this.#insns[last]) return false;
    return this.#frames[last] === 0 && stepText(this.#log, this.#starts[last] ?? 0).text === 'exit';
  }

  #grow(): void {
    const wider = <T extends Int32Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    const size = this.#insns.length * 2;
    this.#insns = wider(this.#insns, new Int32Array(size));
    this.#starts = wider(this.#starts, new Int32Array(size));
    this.#noteOf = wider(this.#noteOf, new Int32Array(size));
    this.#frames = wider(this.#frames, new Uint8Array(size));
  }

  finish(leftOut: number): StepLines {
    this.#end(this.#messages.length > 0 && !this.#isAboutAnother() ? 'failed' : 'exit');
    const first = this.#around.get(0);
    return {
      log: this.#log,
      count: this.#count,
      insns: this.#insns.subarray(0, this.#count),
      starts: this.#starts.subarray(0, this.#count),
      noteOf: this.#noteOf.subarray(0, this.#count),
      frames: this.#frames.subarray(0, this.#count),
      notes: this.#notes,
      around: this.#around,
      returns: this.#returns,
      beginnings: this.#beginnings,
      live: this.#live,
      messages: this.#messages,
      leftOut,
      headless: this.#count > 0 && (first === undefined || first.entry.length === 0),
    };
  }
}

function frameOf(state: string): number {
  return Number(/^frame(\d{1,2}):/.exec(state)?.[1] ?? 0);
}

/** `.1....6...`: a digit where the register is read later. */
function bitsOf(table: string): number {
  let bits = 0;
  for (let register = 0; register < table.length; register++) if (table[register] !== '.') bits |= 1 << register;
  return bits;
}
