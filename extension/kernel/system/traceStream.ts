import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTracefs, instancePrefix, refusedTrace, removeInstance, removeLeftovers } from './tracefs.ts';

/** A live trace of some events, in a tracefs instance of its own. */
export interface TraceStream {
  /** Whole lines since the last call. */
  read(): string[];
  close(): void;
}

/** What to follow: an event's path below events/, and its filter. Events that this kernel lacks are left out. */
export interface TracedEvent {
  path: string;
  filter?: string;
}

/** What one call of read takes at most: a flood is cut, not piled up. Bytes. */
const maxRead = 1 << 20;

export function openTraceStream(
  events: readonly TracedEvent[],
  roots?: readonly string[],
): TraceStream | { problem: string } {
  const root = findTracefs(roots);
  if (typeof root !== 'string') return root;
  const instance = join(root, 'instances', `${instancePrefix}${process.pid}-live`);
  let fd: number;
  try {
    removeLeftovers(join(root, 'instances'));
    if (!existsSync(instance)) mkdirSync(instance);
    for (const { path, filter } of events) {
      const folder = join(instance, 'events', path);
      if (!existsSync(folder)) continue;
      if (filter !== undefined) writeFileSync(join(folder, 'filter'), filter);
      writeFileSync(join(folder, 'enable'), '1');
    }
    fd = openSync(join(instance, 'trace_pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    removeInstance(instance);
    return { problem: refusedTrace(root, cause) };
  }
  const buffer = Buffer.alloc(64 * 1024);
  let rest = '';
  return {
    read: () => {
      let text = rest;
      for (let total = 0; total < maxRead; ) {
        const length = readSome(fd, buffer);
        if (length === 0) break;
        text += buffer.toString('utf8', 0, length);
        total += length;
      }
      const lines = text.split('\n');
      rest = lines.pop() ?? '';
      return lines;
    },
    close: () => {
      closeSync(fd);
      removeInstance(instance);
    },
  };
}

/** 0 when there is nothing now. */
function readSome(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0; // EAGAIN
  }
}
