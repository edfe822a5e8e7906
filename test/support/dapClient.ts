import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { XdpDebugSession } from '../../extension/debug/session.ts';
import { bundledInclude, repository } from './toolchain.ts';

/** A DAP client that talks to a debug adapter in this process, over the protocol's own bytes. */
export class DapClient {
  readonly output: string[] = [];
  private readonly toAdapter = new PassThrough();
  private readonly fromAdapter = new PassThrough();
  private readonly session: XdpDebugSession;
  private readonly pending = new Map<number, (response: DebugProtocol.Response) => void>();
  private readonly events: DebugProtocol.Event[] = [];
  private waiting: (() => void)[] = [];
  private buffer = Buffer.alloc(0);
  private seq = 1;

  private readonly locale: string;

  /** Without a helper the kernel is not asked. */
  constructor(helper = '', include = bundledInclude, locale = 'en') {
    this.locale = locale;
    this.session = new XdpDebugSession({ bundledInclude: include, helper, dist: path.join(repository, 'dist') });
    this.session.setRunAsServer(true);
    this.session.start(this.toAdapter, this.fromAdapter);
    this.fromAdapter.on('data', (chunk: Buffer) => this.receive(chunk));
  }

  /** Starts a program and waits for its first stop, or its end. */
  async launch(configuration: object, before?: () => Promise<unknown>): Promise<Stopped> {
    await this.request('initialize', { adapterID: 'xdp', pathFormat: 'path', locale: this.locale });
    const launched = this.request('launch', configuration);
    await Promise.race([this.event('initialized'), launched]);
    await before?.();
    await launched;
    return await this.moved('configurationDone');
  }

  /** Moves the program and waits until it stands still again. */
  async moved(command: string, args: object = {}): Promise<Stopped> {
    await this.request(command, { threadId: 1, ...args });
    return await this.stop();
  }

  async stop(): Promise<Stopped> {
    const event = await this.event('stopped', 'terminated');
    if (event.event === 'terminated') return { reason: 'terminated', line: 0, name: '', text: '' };
    const body = (event as DebugProtocol.StoppedEvent).body;
    const [frame] = await this.frames();
    return { reason: body.reason, line: frame?.line ?? 0, name: frame?.name ?? '', text: body.text ?? '' };
  }

  async frames(): Promise<DebugProtocol.StackFrame[]> {
    const { stackFrames } = await this.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: 1 });
    return stackFrames;
  }

  /** Variables under a path of names: `['Locals', 'shape', 'flags']`. */
  async variables(names: readonly string[], frameId = 1): Promise<DebugProtocol.Variable[]> {
    const [first, ...rest] = names;
    return await this.list(await this.scopeReference(first ?? '', frameId), rest);
  }

  async scopeReference(name: string, frameId = 1): Promise<number> {
    const { scopes } = await this.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    const scope = scopes.find((each) => each.name === name);
    if (scope === undefined) throw new Error(`no scope ${name}: ${scopes.map((each) => each.name).join(', ')}`);
    return scope.variablesReference;
  }

  async list(variablesReference: number, names: readonly string[] = []): Promise<DebugProtocol.Variable[]> {
    const { variables } = await this.request<DebugProtocol.VariablesResponse['body']>('variables', {
      variablesReference,
    });
    const [name, ...rest] = names;
    if (name === undefined) return variables;
    const inner = variables.find((each) => each.name === name);
    if (inner === undefined) throw new Error(`no variable ${name}: ${variables.map((each) => each.name).join(', ')}`);
    return await this.list(inner.variablesReference, rest);
  }

  async evaluate(expression: string, context = 'watch', frameId = 1): Promise<string> {
    const { result } = await this.request<DebugProtocol.EvaluateResponse['body']>('evaluate', {
      expression,
      context,
      frameId,
    });
    return result;
  }

  async breakAt(path: string, breakpoints: DebugProtocol.SourceBreakpoint[]): Promise<DebugProtocol.Breakpoint[]> {
    const body = await this.request<DebugProtocol.SetBreakpointsResponse['body']>('setBreakpoints', {
      source: { path },
      breakpoints,
    });
    return body.breakpoints;
  }

  /** The response's body; a failed request is an Error with the adapter's words. */
  async request<Body = unknown>(command: string, args: object = {}): Promise<Body> {
    const seq = this.seq++;
    const json = JSON.stringify({ seq, type: 'request', command, arguments: args });
    const answered = new Promise<DebugProtocol.Response>((resolve) => this.pending.set(seq, resolve));
    this.toAdapter.write(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
    const response = await answered;
    if (!response.success) {
      const error = (response.body as DebugProtocol.ErrorResponse['body'] | undefined)?.error;
      throw new Error(error?.variables?.['text'] ?? error?.format ?? response.message ?? command);
    }
    return response.body as Body;
  }

  async close(): Promise<void> {
    await this.request('disconnect');
  }

  /** The next event of one of these kinds; others before it are dropped. */
  async event(...kinds: string[]): Promise<DebugProtocol.Event> {
    for (;;) {
      const index = this.events.findIndex(({ event }) => kinds.includes(event));
      const [event] = index < 0 ? [] : this.events.splice(0, index + 1).slice(-1);
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  private receive(chunk: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(this.buffer.toString('latin1'));
      if (header === null) return;
      const start = header[0].length;
      const end = start + Number(header[1]);
      if (this.buffer.length < end) return;
      this.handle(JSON.parse(this.buffer.toString('utf8', start, end)) as DebugProtocol.ProtocolMessage);
      this.buffer = this.buffer.subarray(end);
    }
  }

  private handle(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'response') {
      const response = message as DebugProtocol.Response;
      this.pending.get(response.request_seq)?.(response);
      this.pending.delete(response.request_seq);
      return;
    }
    const event = message as DebugProtocol.Event;
    if (event.event === 'output') this.output.push((event as DebugProtocol.OutputEvent).body.output.trimEnd());
    else this.events.push(event);
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}

export interface Stopped {
  reason: string;
  line: number;
  name: string;
  text: string;
}
