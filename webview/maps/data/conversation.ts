import type { FromMapsView, ToMapsView } from '../../../extension/protocol/webview.ts';

type Numbered<T> = T extends { request: number } ? T : never;
type Unaddressed<T> = T extends unknown ? Omit<T, 'mapId' | 'request'> : never;

/** What is asked about a map and answered by number. */
export type Question = Numbered<FromMapsView>;
export type Answer = Numbered<ToMapsView>;
/** As asked, before it has its number. */
export type Asking = Unaddressed<Question>;

/** Questions about one map, each with its answer. After `close` nothing is answered any more. */
export class Conversation {
  readonly mapId: number;
  private readonly post: (message: Question) => void;
  private last = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  constructor(mapId: number, post: (message: Question) => void) {
    this.mapId = mapId;
    this.post = post;
  }

  ask(question: Asking): Promise<Answer> {
    const request = ++this.last;
    return new Promise((resolve) => {
      this.waiting.set(request, resolve);
      this.post({ ...question, mapId: this.mapId, request });
    });
  }

  accept(answer: Answer): void {
    const resolve = this.waiting.get(answer.request);
    this.waiting.delete(answer.request);
    resolve?.(answer);
  }

  close(): void {
    this.waiting.clear();
  }
}
