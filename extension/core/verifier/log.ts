/** Reading the kernel verifier's log. Source: kernel/bpf/verifier.c and kernel/bpf/log.c. */

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
  /** Bytes of stack, summed over the functions of the program. */
  stackBytes?: number;
}

/** Works on rejected and accepted programs, at every log level, and on libbpf output that holds a log between its markers. */
export function summarize(log: string): LogSummary {
  const summary: LogSummary = { message: '' };
  let insn: number | undefined;
  let source: Annotation | undefined;
  let finished = false;
  for (const line of verifierLines(log)) {
    const statistics = /^processed (\d+) insns? /.exec(line);
    const stack = /^stack depth (\d+(?:\+\d+)*)/.exec(line);
    const step = /^(\d+): \([0-9a-f]{2}\) /.exec(line);
    const note = line.startsWith(';') ? readAnnotation(line) : undefined;
    if (statistics !== null) summary.processed = Number(statistics[1]);
    else if (stack !== null)
      summary.stackBytes = (stack[1] ?? '').split('+').reduce((sum, part) => sum + Number(part), 0);
    else if (step !== null) {
      insn = Number(step[1]);
      summary.message = '';
    } else if (note !== undefined) source = note.line === 0 ? source : note;
    else if (!finished && isMessage(line)) summary.message = line.trim();
    finished ||= statistics !== null;
  }
  if (summary.message === '' || isAboutWhole(summary.message)) return summary;
  const named = /\binsn (\d+)\b/.exec(summary.message);
  const at = named === null ? insn : Number(named[1]);
  if (at !== undefined) summary.insn = at;
  // The last annotation belongs to the last step; a message that names another instruction comes without source.
  if (source !== undefined && insn !== undefined) {
    summary.source = source.text;
    if (source.file !== undefined) summary.file = source.file;
    if (source.line !== undefined) summary.line = source.line;
  }
  return summary;
}

/** Between libbpf's markers where they are (the last such log), else everything. */
function verifierLines(log: string): string[] {
  const lines = log.split(/\r?\n/);
  const begin = lines.findLastIndex((line) => line.includes('BEGIN PROG LOAD LOG --'));
  if (begin < 0) return lines;
  const end = lines.findIndex((line, index) => index > begin && line.includes('END PROG LOAD LOG --'));
  return lines.slice(begin + 1, end < 0 ? lines.length : end);
}

interface Annotation {
  text: string;
  file?: string;
  line?: number;
}

/** `; code @ file.c:12`, or `; code` from kernels before 6.9. Line 0 is code that belongs to no line. */
function readAnnotation(text: string): Annotation {
  const at = text.lastIndexOf(' @ ');
  const place = at < 0 ? null : /^([^:]+):(\d{1,9})$/.exec(text.slice(at + 3));
  if (place === null) return { text: text.slice(1).trim() };
  return { text: text.slice(1, at).trim(), file: place[1] ?? '', line: Number(place[2]) };
}

/** Lines in which the verifier thinks aloud. What is none of them is a message. */
const thinking = [
  /^\s*\d+: /, // a state, or the table of live registers
  /^from \d+ to \d+/,
  /^func#\d+ @\d+/,
  /^Live regs before insn/,
  /^\(\d+\) /, // live stack analysis
  /^SCC /,
  /^mark_precise: /,
  /^\s*(last_idx|regs=|parent |parent$|frame ?\d+:|frame\d+: )/,
  /^(cur|old) state:/,
  /^\s*(R\d+(_\w+)?=|fp-?\d+=)/,
  /^(caller|callee|returning from callee|to caller at \d+)/,
  /^propagating /,
  /^(Func#\d+|func '.*'|.* is global and assumed valid|Validating )/,
  /^(verification time|stack depth|processed|insns processed|mark_read|total_states|peak_states|max_states)/,
  /^arg#\d+ reference type\(/,
  /^(search depth|jump history|numbers|safe|hit \d|propagat)/,
  /^-- /,
];

function isMessage(line: string): boolean {
  return line.trim() !== '' && !thinking.some((pattern) => pattern.test(line));
}

/** Messages about the program as a whole have no place in it. */
function isAboutWhole(message: string): boolean {
  return /^(combined stack size|BPF program is too large|The sequence of \d+ jumps|the call stack of|too many (subprogs|different)|last insn is not)/.test(
    message,
  );
}
