import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Listens to bpf_printk. */
export interface PrintkCapture {
  /** The caller closes it. */
  open(): PrintkTrace | { problem: string };
}

export interface PrintkTrace {
  /** What this thread's programs printed since the last call. */
  take(): string[];
  close(): void;
}

const mountPoints = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const event = 'events/bpf_trace/bpf_trace_printk';
export const instancePrefix = 'xdp-vscode-';

/**
 * An own tracefs instance for the time of a run, so that nobody else's trace is touched and nobody else's lines are
 * taken: its filter lets only this thread's lines in.
 */
export function tracefsCapture(roots: readonly string[] = mountPoints): PrintkCapture {
  let runs = 0;
  return {
    open: () => {
      const root = findTracefs(roots);
      if (typeof root !== 'string') return root;
      runs++;
      const instance = join(root, 'instances', `${instancePrefix}${process.pid}-${runs}`);
      const trace = join(instance, 'trace');
      let problem: string | undefined;
      try {
        removeLeftovers(join(root, 'instances'));
        mkdirSync(instance);
        problem = enable(instance);
      } catch (cause) {
        problem = refusedTrace(root, cause);
      }
      if (problem !== undefined) {
        if (existsSync(instance)) removeInstance(instance);
        return { problem };
      }
      return {
        take: () => {
          const lines = parseTrace(readFileSync(trace, 'utf8'));
          // Opening it for writing empties it: Documentation/trace/ftrace.rst.
          if (lines.length > 0) writeFileSync(trace, '');
          return lines;
        },
        close: () => removeInstance(instance),
      };
    },
  };
}

/** The texts of bpf_trace_printk events in a trace file; a text with line breaks gives several lines. */
export function parseTrace(trace: string): string[] {
  const lines: string[] = [];
  let inEvent = false;
  for (const line of trace.split('\n')) {
    const match = / \[\d{3,}\].*?: bpf_trace_printk: (.*)$/.exec(line);
    if (match?.[1] !== undefined) {
      lines.push(match[1]);
      inEvent = true;
    } else if (line.startsWith('#')) {
      inEvent = false;
    } else if (inEvent && line !== '') {
      lines.push(line);
    }
  }
  return lines;
}

function enable(instance: string): string | undefined {
  if (!existsSync(join(instance, event))) {
    return 'This kernel has no bpf_trace_printk event (CONFIG_BPF_EVENTS); bpf_printk lines cannot be read';
  }
  // The trace knows threads by their number in the first pid namespace, which a container does not learn.
  const firstPidNamespace = 'pid:[4026531836]';
  if (readlinkSync('/proc/self/ns/pid') === firstPidNamespace) {
    writeFileSync(join(instance, event, 'filter'), `common_pid == ${process.pid}`);
  }
  writeFileSync(join(instance, event, 'enable'), '1');
  return undefined;
}

/** A helper that was killed in the middle of a run leaves its instance behind. */
export function removeLeftovers(instances: string): void {
  for (const name of readdirSync(instances)) {
    const pid = name.startsWith(instancePrefix) ? Number.parseInt(name.slice(instancePrefix.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || pid === process.pid || existsSync(`/proc/${pid}`)) continue;
    removeInstance(join(instances, name));
  }
}

/** One that somebody holds open stays, until the next run of any helper. */
export function removeInstance(instance: string): void {
  try {
    rmdirSync(instance);
  } catch (error) {
    console.error(`${instance} could not be removed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A root of mode 0700 looks as if it were not there, but for the errno. */
export function findTracefs(roots: readonly string[] = mountPoints): string | { problem: string } {
  let problem: string | undefined;
  for (const root of roots) {
    try {
      statSync(join(root, 'instances'));
      return root;
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT') problem ??= refusedTrace(root, cause);
    }
  }
  return { problem: problem ?? notMounted };
}

const notMounted =
  'bpf_printk lines cannot be read: tracefs is not mounted. Mount it with: sudo mount -t tracefs tracefs /sys/kernel/tracing';

export function refusedTrace(root: string, cause: unknown): string {
  const what = `bpf_printk lines cannot be read: ${root} refuses this user (${errorCode(cause)})`;
  return process.getuid?.() === 0
    ? `${what}, although it is root: a container or kernel lockdown closes it`
    : `${what}; only root may read the trace here. Run as root (sudo xdp run …), or watch them with: sudo cat ${root}/trace_pipe`;
}

function errorCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
