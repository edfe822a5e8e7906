/**
 * The verifier's log as a list of steps: what it walked, in order, on the way to its last words. Source: kernel/bpf/verifier.c,
 * do_check() and print_insn_state(); kernel/bpf/log.c.
 */

export interface Annotation {
  /** Text of the source line, without its indentation. */
  text: string;
  /** Kernels before 6.9 print the text only. */
  file?: string;
  /** 1-based. */
  line?: number;
}

export interface Step {
  /** 8-byte slot, counted from the start of the loaded program. */
  insn: number;
  /** Disassembly, such as `r1 = *(u8 *)(r1 +23)`. */
  text: string;
  /** Depth of the call: 0 in the program itself. */
  frame: number;
  /** Registers and stack as printed before and after the instruction; often only what changed. */
  before: string;
  after: string;
  /** The last annotation before the step. */
  source: Annotation | undefined;
  /** The annotation stands right before this step, so it is this step's for certain. */
  annotated: boolean;
  /** The verifier came back for the other way of the jump at this instruction. */
  from: number | undefined;
}

export interface Trace {
  /** The program's name where libbpf's markers tell it. */
  program: string | undefined;
  /** The log of this program, without what stands around it. */
  log: string;
  /** At log level 1 the path to the failure; at level 2 every path walked, one after the other. The last ones of a very long log. */
  steps: Step[];
  /** The annotation behind the last step: of the instruction that was about to be walked. */
  next: Annotation | undefined;
  /** What the verifier said against the program, after the last step. */
  messages: string[];
  /** Instructions that the verifier walked. */
  processed: number | undefined;
  /** States that it kept to compare paths with. */
  states: number | undefined;
  /** Bytes of stack of the program and of each of its subprograms. */
  stack: number[] | undefined;
  /** Nothing but a verifier writes such text: it has steps, figures or libbpf's markers. */
  genuine: boolean;
}

/** What is read of one log: the end tells why. */
const maxLogChars = 1 << 23;
const maxSteps = 50_000;
const maxMessages = 64;
const maxLineChars = 4096;
/** More programs than that in one text are not read. */
const maxSections = 256;

/** Every program's log in a text: raw, or as libbpf prints it between its markers. */
export function readTraces(text: string): Trace[] {
  return logSections(text).map(({ program, log }) => readTrace(log, program));
}

/** One program's part of a text, with its name where libbpf's markers tell it. */
export interface LogSection {
  program: string | undefined;
  log: string;
}

export function logSections(text: string): LogSection[] {
  const sections = markedSections(text);
  return sections.length > 0 ? sections : rawSections(text).map((log) => ({ program: undefined, log }));
}

/** libbpf from 0.6 on, and before. */
const beginMarker = /BEGIN (?:PROG LOAD|DUMP) LOG --/g;
const endMarker = /-- END (?:PROG LOAD )?LOG --/g;

function markedSections(text: string): LogSection[] {
  const sections: LogSection[] = [];
  const begins = new RegExp(beginMarker);
  for (let begin = begins.exec(text); begin !== null && sections.length < maxSections; begin = begins.exec(text)) {
    const start = text.indexOf('\n', begin.index);
    if (start < 0) break;
    const end = Math.min(positionOf(endMarker, text, start), positionOf(beginMarker, text, start));
    const line = text.slice(text.lastIndexOf('\n', begin.index) + 1, begin.index);
    const program = /prog '([^']{1,200})'/.exec(line)?.[1];
    sections.push({ program, log: text.slice(start + 1, end === text.length ? end : text.lastIndexOf('\n', end) + 1) });
  }
  return sections;
}

/** Where a marker stands next, or the end of the text. */
function positionOf(marker: RegExp, text: string, from: number): number {
  const search = new RegExp(marker);
  search.lastIndex = from;
  return search.exec(text)?.index ?? text.length;
}

/** A log ends with its figures. What follows is another log when it has instructions. */
function rawSections(text: string): string[] {
  const sections: string[] = [];
  const figures = /^[ \t]*processed \d+ insns? .*$/gm;
  let start = 0;
  for (let match = figures.exec(text); match !== null && sections.length < maxSections; match = figures.exec(text)) {
    sections.push(text.slice(start, figures.lastIndex));
    start = figures.lastIndex;
  }
  const rest = text.slice(start);
  if (sections.length === 0 || /^[ \t]*\d+: \([0-9a-f]{2}\) /m.test(rest)) sections.push(rest);
  return sections;
}

function readTrace(log: string, program: string | undefined): Trace {
  const trace: Trace = {
    program,
    log,
    steps: [],
    next: undefined,
    messages: [],
    processed: undefined,
    states: undefined,
    stack: undefined,
    genuine: program !== undefined,
  };
  const reader = new TraceReader(trace);
  const end = log.length > maxLogChars ? log.slice(log.indexOf('\n', log.length - maxLogChars) + 1) : log;
  for (const line of end.split(/\r?\n/)) reader.read(line.slice(0, maxLineChars));
  trace.genuine ||= trace.steps.length > 0 || trace.processed !== undefined;
  return trace;
}

/** libbpf writes `<invalid …>` over an instruction that it could not relocate: libbpf.c, fixup_verifier_log(). */
export const stepLine = /^\s*(\d{1,9}): (?:\([0-9a-f]{2}\) |(?=<))(.*)$/;
/** A state that stands alone, before an instruction or behind a jump: `12: R0=1`, `from 5 to 12: frame1: R0=1`. */
const stateLine = /^\s*(?:from (\d{1,9}) to )?\d{1,9}(?: \(speculative execution\))?: (.*)$/;
/** States on the line of their instruction: after `;` those behind it, after a number those before the next one. */
export const stateAfter = /(?:\s*; | \d{1,9}: )(?=(?:frame\d+: )?(?:R\d+(?:_\w+)?=|fp-\d+(?:_\w+)?=))/;

class TraceReader {
  private readonly trace: Trace;
  private source: Annotation | undefined;
  private annotated = false;
  private before = '';
  private frame = 0;
  private from: number | undefined;
  private finished = false;

  constructor(trace: Trace) {
    this.trace = trace;
  }

  read(line: string): void {
    const { trace } = this;
    const step = stepLine.exec(line);
    if (step !== null) {
      this.step(Number(step[1]), step[2] ?? '');
      return;
    }
    if (/^\s*;/.test(line)) {
      this.annotate(readAnnotation(line.trim()));
      return;
    }
    const processed = /^\s*processed (\d+) insns? /.exec(line);
    const alone = stateLine.exec(line);
    const stack = /^\s*stack depth (\d+(?:\+\d+)*)/.exec(line);
    if (processed !== null) {
      trace.processed = Number(processed[1]);
      const states = /\btotal_states (\d+)/.exec(line)?.[1];
      if (states !== undefined) trace.states = Number(states);
      this.finished = true;
    } else if (stack !== null) {
      trace.stack = (stack[1] ?? '').split('+').map(Number);
    } else if (alone !== null) {
      if (alone[1] !== undefined && alone[2] !== 'safe') this.from = Number(alone[1]);
      this.state(alone[2] ?? '');
    } else if (/^\s*(?:frame\d+: )?(?:R\d+(?:_\w+)?=)/.test(line)) {
      this.state(line.trim());
    } else if (!this.finished) {
      this.message(line);
    }
  }

  private step(insn: number, rest: string): void {
    const { trace } = this;
    const cut = stateAfter.exec(rest);
    const text = (cut === null ? rest : rest.slice(0, cut.index)).replace(/\s*;.*$/, '').trim();
    const after = cut === null ? '' : rest.slice(cut.index + cut[0].length);
    // Where a state is printed it names its frame; a step itself does not.
    const told = cut?.[0].includes(';') === true ? frameOf(after) : undefined;
    this.frame = told ?? this.frame;
    const { frame, before, source, annotated, from } = this;
    trace.steps.push({ insn, text, frame, before, after, source, annotated, from });
    if (trace.steps.length >= 2 * maxSteps) trace.steps.splice(0, maxSteps);
    if (cut !== null && told === undefined) this.frame = frameOf(after) ?? this.frame;
    trace.messages = [];
    trace.next = undefined;
    this.before = '';
    this.from = undefined;
    this.annotated = false;
  }

  private state(text: string): void {
    this.before = text;
    this.frame = frameOf(text) ?? this.frame;
  }

  private annotate(note: Annotation): void {
    // Line 0 is code that belongs to no line.
    this.source = note.line === 0 ? this.source : note;
    this.annotated = note.line !== 0;
    if (this.annotated) this.trace.next = note;
  }

  private message(line: string): void {
    // Some messages lack their line end, and the figures follow at once.
    const text = line.replace(/verification time \d+ usec$/, '').trim();
    const { messages } = this.trace;
    if (text !== '' && messages.length < maxMessages && !thinking.some((pattern) => pattern.test(text)))
      messages.push(text);
  }
}

/** Depth of the call that a printed state belongs to; undefined when the text holds no state. */
function frameOf(state: string): number | undefined {
  const named = /^frame(\d{1,2}): /.exec(state);
  if (named !== null) return Number(named[1]);
  return /^(?:R\d+|fp-\d+)/.test(state) ? 0 : undefined;
}

/** `; code @ file.c:12`, or `; code` from kernels before 6.9. */
export function readAnnotation(text: string): Annotation {
  const at = text.lastIndexOf(' @ ');
  const place = at < 0 ? null : /^([^:]+):(\d{1,9})$/.exec(text.slice(at + 3));
  if (place === null) return { text: text.slice(1).trim() };
  return { text: text.slice(1, at).trim(), file: place[1] ?? '', line: Number(place[2]) };
}

/** Lines in which the verifier thinks aloud. What is none of them is a message. */
export const thinking: readonly RegExp[] = [
  /^\d+: /, // a state, or the table of live registers
  /^from \d+ to \d+/,
  /^func#\d+ @\d+/,
  /^Live regs before insn/,
  /^\(\d+\) /, // live stack analysis
  /^SCC /,
  /^(mark_precise|force_precise): /,
  /^(last_idx|regs=|parent |parent$|frame ?\d+:)/,
  /^(cur|old) state:/,
  /^(R\d+(_\w+)?=|fp-?\d+(_\w+)?=)/,
  /^(caller:|callee:|returning from callee|to caller at \d+)/,
  /^propagating /,
  /^Func#\d+ /,
  /^func '.*' arg\d+ has btf_id/,
  / is global and assumed valid/,
  /^Validating \S+\(\) func#/,
  /^(verification time|stack depth|processed|insns processed|mark_read|total_states|peak_states|max_states)/,
  /^(search depth|jump history|numbers|safe|hit \d|propagat)/,
  /^REG INVARIANTS VIOLATION/,
  /^-- /,
];
