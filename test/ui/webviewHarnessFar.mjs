/**
 * Stands for the extension host of the scene `huge`, in a thread of its own: in VS Code it is another process, and what it does must
 * not count as the page's work. A shared worker, since a host is there before the page that asks it.
 */
const worker = new SharedWorker('huge.js').port;

let state;
window.acquireVsCodeApi = () => ({
  getState: () => state,
  setState: (next) => {
    state = structuredClone(next);
  },
  postMessage: (message) => worker.postMessage(message),
});

worker.onmessage = ({ data }) => {
  // What webviewTrace.mjs measures from one to the next.
  if (data.kind === 'rows') performance.mark('xdp-update');
  window.dispatchEvent(new MessageEvent('message', { data }));
};
