import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { DapClient } from './dapClient.ts';
import { type HeapKinds, heapKinds } from './helperMemory.ts';
import { eventually } from './kernelHelper.ts';
import { type LanguageServerProcess, startLanguageServer } from './languageServer.ts';

interface Published {
  uri: string;
  version?: number;
  diagnostics: { message: string }[];
}

/** A source in an editor: the language server's process hears of each change, and is asked what an editor asks. */
export class DayEditor {
  readonly #server: LanguageServerProcess;
  readonly #uri: string;
  readonly #snapshots: string;
  #version = 0;
  #text = '';
  #published: Published | undefined;

  private constructor(server: LanguageServerProcess, source: string, snapshots: string) {
    this.#server = server;
    this.#uri = pathToFileURL(source).href;
    this.#snapshots = snapshots;
    server.connection.onNotification('textDocument/publishDiagnostics', (published: Published) => {
      this.#published = published;
    });
  }

  /** `snapshots`: a folder for its heap's. */
  static async start(source: string, snapshots: string): Promise<DayEditor> {
    mkdirSync(snapshots, { recursive: true });
    const execArgv = ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${snapshots}`];
    return new DayEditor(await startLanguageServer({}, execArgv), source, snapshots);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** The text becomes this one, in one edit from the first line that differs; what an editor then asks is answered. */
  async type(text: string): Promise<void> {
    const textDocument = { uri: this.#uri, version: ++this.#version };
    const { connection } = this.#server;
    this.#published = undefined;
    if (this.#version === 1) {
      await connection.sendNotification('textDocument/didOpen', {
        textDocument: { ...textDocument, languageId: 'c', text },
      });
    } else {
      const [before, after] = [this.#text.split('\n'), text.split('\n')];
      const same = before.findIndex((line, index) => line !== after[index]);
      const line = same < 0 ? before.length : same;
      const range = { start: { line, character: 0 }, end: { line: before.length, character: 0 } };
      const contentChanges = [{ range, text: after.slice(line).join('\n') }];
      await connection.sendNotification('textDocument/didChange', { textDocument, contentChanges });
    }
    this.#text = text;
    const lines = text.split('\n');
    const line = lines.findIndex((each) => each.includes('bpf_map_update_elem('));
    const position = { line, character: (lines[line] ?? '').indexOf('update_elem(') + 'update_elem('.length };
    const asked = { textDocument: { uri: this.#uri } };
    for (const method of ['completion', 'hover', 'signatureHelp'])
      await connection.sendRequest(`textDocument/${method}`, { ...asked, position });
    await connection.sendRequest('textDocument/semanticTokens/full', asked);
    const symbols = await connection.sendRequest<{ name: string }[]>('textDocument/documentSymbol', asked);
    if (symbols.length < 4) throw new Error(`The language server sees ${symbols.length} maps and programs`);
    await eventually('the diagnostics of what was typed', () => this.#published, 30);
  }

  async memory(): Promise<HeapKinds> {
    const files = (): string[] => readdirSync(this.#snapshots);
    process.kill(this.pid, 'SIGUSR2');
    const name = await eventually("the language server's heap snapshot", () => files()[0], 30);
    // It is written in one go: who answers again has ended it.
    await this.#server.connection.sendRequest('textDocument/documentSymbol', { textDocument: { uri: this.#uri } });
    return heapKinds(path.join(this.#snapshots, name));
  }

  async end(): Promise<void> {
    await this.#server.end();
    rmSync(this.#snapshots, { recursive: true, force: true });
  }
}

/** One debug session of a source, from its first statement over some steps, with its variables, to its end. */
export async function debugOnce(program: string): Promise<void> {
  const client = new DapClient();
  try {
    let stop = await client.launch({ program, packet: "Ether()/IP(src='11.9.8.7')/TCP()" });
    for (let step = 0; step < 4 && stop.reason !== 'terminated'; step++) {
      await client.variables(['Locals']);
      stop = await client.moved('next');
    }
    if (stop.reason !== 'terminated') await client.moved('continue');
    if (!client.output.some((line) => line.startsWith('XDP_PASS')))
      throw new Error(`The debugger said: ${client.output.join('\n')}`);
  } finally {
    await client.close();
  }
}
