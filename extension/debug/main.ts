import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { XdpDebugSession } from './session.ts';

// VS Code starts this file, dist/debug.mjs, and speaks DAP over its standard input and output.
const dist = path.dirname(fileURLToPath(import.meta.url));
const session = new XdpDebugSession({
  bundledInclude: path.resolve(dist, '..', 'bpf', 'include'),
  helper: path.join(dist, 'helper.js'),
  dist,
});
process.on('SIGTERM', () => session.shutdown());
session.start(process.stdin, process.stdout);
