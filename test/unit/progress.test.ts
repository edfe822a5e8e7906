import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { XdpError } from '../../extension/core/errors.ts';
import { untilCancelled, withCancel } from '../../extension/host/progress.ts';

interface Notification {
  title: string;
  cancellable: boolean;
  said: unknown[];
  cancel(): void;
}

const notifications = vi.hoisted((): Notification[] => []);

vi.mock('vscode', () => ({
  ProgressLocation: { Notification: 15 },
  window: {
    withProgress: async (
      { title, cancellable }: { title: string; cancellable: boolean },
      task: (progress: object, token: object) => Promise<unknown>,
    ) => {
      const said: unknown[] = [];
      let cancel = (): void => undefined;
      const token = {
        onCancellationRequested: (listener: () => void) => {
          cancel = listener;
          return { dispose: () => undefined };
        },
      };
      notifications.push({ title, cancellable, said, cancel: () => cancel() });
      return await task({ report: (step: unknown) => said.push(step) }, token);
    },
  },
}));

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  notifications.length = 0;
});

/** Work that ends when it is told to. */
function held<T>(): { work: Promise<T>; end: (result: T) => void; fail: (error: Error) => void } {
  let end: (result: T) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const work = new Promise<T>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { work, end: (result) => end(result), fail: (error) => fail(error) };
}

const cancelled = expect.objectContaining({ code: 'cancelled' });

describe('work', () => {
  test('of less than half a second shows nothing, whether it succeeds or fails', async () => {
    await expect(withCancel('Quick', () => Promise.resolve(7))).resolves.toBe(7);
    const error = new XdpError('kernel', 'no');
    await expect(withCancel('Quick', () => Promise.reject(error))).rejects.toBe(error);
    expect(notifications).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of more tells how far it is, and can be stopped', async () => {
    const { work, end } = held<string>();
    let say: (text: string) => void = () => undefined;
    let stop: AbortSignal | undefined;
    const result = withCancel('Slow', (report, signal) => {
      say = (message) => report({ message });
      stop = signal;
      return work;
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(notifications).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(notifications).toMatchObject([{ title: 'Slow', cancellable: true }]);
    say('half');
    expect(notifications[0]?.said).toEqual([{ message: 'half' }]);
    notifications[0]?.cancel();
    expect(stop?.aborted).toBe(true);
    end('so far');
    await expect(result).resolves.toBe('so far');
  });
});

describe('work that nothing interrupts', () => {
  test('is waited for while nobody stops it', async () => {
    const undone: number[] = [];
    await expect(
      untilCancelled(new AbortController().signal, Promise.resolve(1), (it) => undone.push(it)),
    ).resolves.toBe(1);
    expect(undone).toEqual([]);
  });

  test('is undone when it is there, and whoever stopped it is free at once', async () => {
    const abort = new AbortController();
    const { work, end } = held<string>();
    const undone: string[] = [];
    const result = untilCancelled(abort.signal, work, (it) => undone.push(it));
    abort.abort();
    await expect(result).rejects.toEqual(cancelled);
    expect(undone).toEqual([]);
    end('attached');
    await vi.advanceTimersByTimeAsync(0);
    expect(undone).toEqual(['attached']);
  });

  test('that fails later, or cannot be undone, disturbs nobody', async () => {
    const failing = held<string>();
    const abort = new AbortController();
    const result = untilCancelled(abort.signal, failing.work);
    abort.abort();
    await expect(result).rejects.toEqual(cancelled);
    failing.fail(new Error('too late'));
    const late = held<number>();
    const stopped = untilCancelled(abort.signal, late.work, () => Promise.reject(new Error('stuck')));
    await expect(stopped).rejects.toEqual(cancelled);
    late.end(1);
    await vi.advanceTimersByTimeAsync(0);
  });

  test('that has failed before it was stopped says why', async () => {
    const error = new XdpError('kernel', 'no');
    await expect(untilCancelled(new AbortController().signal, Promise.reject(error))).rejects.toBe(error);
  });
});
