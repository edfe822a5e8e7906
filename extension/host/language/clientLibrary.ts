/** The language client, by name: a library in CommonJS that is imported when needed would come as a default export only. */
export { LanguageClient, TransportKind } from 'vscode-languageclient/node';
