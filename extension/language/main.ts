/** The language server's process: it speaks LSP with the extension host, reads headers, and runs nothing. */
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { LanguageServer } from './server.ts';

const connection = createConnection(ProposedFeatures.all);
const server = new LanguageServer(connection);
connection.onShutdown(() => void server);
connection.listen();
