import * as v from 'valibot';

/** What VS Code gives a webview, once. Source: vscode.d.ts, "acquireVsCodeApi". */
interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/**
 * The typed way out of a webview and back in. What arrives is parsed once, here; what does not fit the protocol is
 * dropped with a line in the webview's console, since there is nobody to answer to.
 */
export interface Channel<In, Out> {
  post(message: Out): void;
  /** Returns how to stop listening. */
  listen(handler: (message: In) => void): () => void;
  /** What `saveState` stored before the webview was hidden or the window reloaded, if it still fits. */
  loadState<S extends v.GenericSchema>(schema: S): v.InferOutput<S> | undefined;
  /** Structured clone; merges into what is stored, so that parts of a view keep their own keys. */
  saveState(part: Readonly<Record<string, unknown>>): void;
}

export function openChannel<InSchema extends v.GenericSchema, Out>(
  schema: InSchema,
): Channel<v.InferOutput<InSchema>, Out> {
  const api = acquireVsCodeApi();
  return {
    post: (message) => api.postMessage(message),
    listen: (handler) => {
      const onMessage = (event: MessageEvent<unknown>): void => {
        const parsed = v.safeParse(schema, event.data);
        if (parsed.success) handler(parsed.output);
        else console.warn('xdp: a message that does not fit the protocol was dropped', v.flatten(parsed.issues));
      };
      window.addEventListener('message', onMessage);
      return () => window.removeEventListener('message', onMessage);
    },
    loadState: (stateSchema) => {
      const parsed = v.safeParse(stateSchema, api.getState());
      return parsed.success ? parsed.output : undefined;
    },
    saveState: (part) => {
      const stored = api.getState();
      api.setState({ ...(typeof stored === 'object' && stored !== null ? stored : {}), ...part });
    },
  };
}
