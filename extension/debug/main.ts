import path from 'node:path';
import { XdpDebugSession } from './session.ts';

// VS Code starts this file, dist/debug.mjs, and speaks DAP over its standard input and output.
const session = new XdpDebugSession({
  bundledInclude: path.resolve(__dirname, '..', 'bpf', 'include'),
  helper: path.join(__dirname, 'helper.js'),
});
process.on('SIGTERM', () => session.shutdown());
session.start(process.stdin, process.stdout);
