import { type Annotation, readTraces, type Trace } from './trace.ts';

/** What the log of one program says in short. */
export interface LogSummary {
  /** The verifier's own last words, e.g. `R0 invalid mem access 'map_value_or_null'`; empty when it had nothing to say against the program. */
  message: string;
  /** Instruction (8-byte slot, counted from the start of the loaded program) that the message is about. */
  insn?: number;
  /** Source of that instruction as far as the log tells: kernels before 6.9 print the line's text only. */
  file?: string;
  /** 1-based. */
  line?: number;
  /** 1-based. The log has none; locateInsn() does. */
  column?: number;
  /** Text of the source line. */
  source?: string;
  /** Instructions that the verifier walked. */
  processed?: number;
  /** States that it kept to compare paths with. */
  states?: number;
  /** Bytes of stack, summed over the functions of the program. */
  stackBytes?: number;
  /** Bytes of stack of the program and of each of its subprograms. */
  stack?: readonly number[];
}

/** Works on rejected and accepted programs, at every log level, and on libbpf output that holds a log between its markers. */
export function summarize(log: string): LogSummary {
  const trace = readTraces(log).at(-1);
  return trace === undefined ? { message: '' } : summaryOf(trace);
}

export function summaryOf(trace: Trace): LogSummary {
  const message = trace.messages.at(-1) ?? '';
  const summary: LogSummary = { message };
  if (trace.processed !== undefined) summary.processed = trace.processed;
  if (trace.states !== undefined) summary.states = trace.states;
  if (trace.stack !== undefined) {
    summary.stackBytes = trace.stack.reduce((sum, part) => sum + part, 0);
    summary.stack = trace.stack;
  }
  if (message === '') return summary;
  const insn = insnOf(trace);
  if (insn !== undefined) summary.insn = insn;
  const source = insn === undefined ? undefined : sourceOfInsn(trace, insn);
  if (source !== undefined) {
    summary.source = source.text;
    if (source.file !== undefined) summary.file = source.file;
    if (source.line !== undefined) summary.line = source.line;
  }
  return summary;
}

/** The instruction that the last words are about; undefined when they are about the program as a whole. */
export function insnOf(trace: Trace): number | undefined {
  const { messages } = trace;
  if (messages.some(isAboutWhole)) return undefined;
  // `back-edge from insn 5 to 2`: the first one is where it goes wrong.
  const named = messages.map((message) => /\binsn (\d{1,9})\b/.exec(message)).find((match) => match !== null);
  return named === undefined ? trace.steps.at(-1)?.insn : Number(named?.[1]);
}

/** What the log itself says of the place of an instruction that a message is about. */
export function sourceOfInsn(trace: Trace, insn: number): Annotation | undefined {
  return trace.next ?? trace.steps.findLast((step) => step.insn === insn)?.source;
}

/** Messages about the program as a whole have no place in it. */
function isAboutWhole(message: string): boolean {
  return /^(combined stack size|BPF program is too large|The sequence of \d+ jumps|the call stack of \d+ frames is too deep !|too many (subprogs|different)|last insn is not|stack size of subprog|unknown opcode)/.test(
    message,
  );
}
