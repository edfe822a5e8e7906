import type { Libbpf, PrintLevel } from '../../libbpf/port.ts';

/** libbpf speaks through one global callback: every line becomes a `log` event, and what runs now may keep its own. */
export interface PrintCapture {
  /** Runs `work`, one at a time, and gives it the warnings that libbpf prints meanwhile. */
  during<T>(work: (warnings: readonly string[]) => Promise<T>): Promise<T>;
}

export function capturePrints(libbpf: Libbpf, onLine: (level: PrintLevel, text: string) => void): PrintCapture {
  let current: string[] | undefined;
  libbpf.onPrint((level, text) => {
    if (level === 'warn') current?.push(text);
    onLine(level, text);
  });
  let queue: Promise<unknown> = Promise.resolve();
  return {
    during: (work) => {
      const turn = queue.then(async () => {
        const warnings: string[] = [];
        current = warnings;
        try {
          return await work(warnings);
        } finally {
          current = undefined;
        }
      });
      queue = turn.catch(() => {});
      return turn;
    },
  };
}
