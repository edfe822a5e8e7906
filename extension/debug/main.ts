import { bundledIncludeFolder, XdpDebugSession } from './session.ts';

// VS Code starts this file and speaks DAP over its standard input and output.
const session = new XdpDebugSession(bundledIncludeFolder());
process.on('SIGTERM', () => session.shutdown());
session.start(process.stdin, process.stdout);
