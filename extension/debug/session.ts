import { setImmediate } from 'node:timers/promises';
import {
  DebugSession,
  InitializedEvent,
  OutputEvent,
  StoppedEvent,
  TerminatedEvent,
  Thread,
} from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Debuggee, type Pause, pauses, type Stop } from '../core/debugger/debuggee.ts';
import type { StepEnd, StepKind } from '../core/debugger/stepping.ts';
import { describeError, XdpError } from '../core/errors.ts';
import { speak, translated } from '../core/text/language.ts';
import type { XdpRun } from '../core/vm/machine.ts';
import { CompileFailed } from '../session/bpfObject.ts';
import { wordsOf } from '../session/words.ts';
import { BreakpointTable } from './breakpointTable.ts';
import { capabilities } from './capabilities.ts';
import { CodeAddresses } from './disassembly.ts';
import { Inspection } from './inspection.ts';
import { compareWithKernel, ExtensionKernel, kernelSteps } from './kernelVerdict.ts';
import { parseLaunch, prepare, type Prepared } from './prepare.ts';
import { compareWithReal, describeOutcome } from './verdict.ts';
import { eventInWords, responseInWords } from './words.ts';

/** There is one: an XDP program runs on one CPU from beginning to end. */
const thread = 1;
/** Instructions between looks at what the client wants. */
const slice = 20_000;
/** The machine's own limit on one run. */
const fuel = 64 * 1024 * 1024;

/** Where things of the product are. Absolute. */
export interface Places {
  bundledInclude: string;
  /** dist/helper.js */
  helper: string;
  /** The folder of the product's programs. */
  dist: string;
}

/** Everything that exists once a program is there. */
interface Running {
  prepared: Prepared;
  debuggee: Debuggee;
  table: BreakpointTable;
  inspection: Inspection;
}

/** The debug adapter: DAP on one side, the built-in machine on the other. */
export class XdpDebugSession extends DebugSession {
  private readonly places: Places;
  private running: Running | undefined;
  private stopOnEntry: boolean | undefined;
  private lastStop: Stop = { kind: 'entry' };
  /** Set while the program moves; a pause request or the end of the session clears it. */
  private moving = false;
  private launched = false;
  private extensionKernel: ExtensionKernel | undefined;

  constructor(places: Places) {
    super();
    this.places = places;
    this.setDebuggerLinesStartAt1(true);
    this.setDebuggerColumnsStartAt1(true);
  }

  protected override initializeRequest(
    response: DebugProtocol.InitializeResponse,
    { locale = '' }: DebugProtocol.InitializeRequestArguments,
  ): void {
    speak(wordsOf(this.places.dist, locale));
    response.body = capabilities;
    this.sendResponse(response);
  }

  override sendEvent(event: DebugProtocol.Event): void {
    super.sendEvent(eventInWords(event));
  }

  override sendResponse(response: DebugProtocol.Response): void {
    responseInWords(response);
    super.sendResponse(response);
  }

  protected override launchRequest(
    response: DebugProtocol.LaunchResponse,
    args: DebugProtocol.LaunchRequestArguments,
  ): void {
    void this.answer(response, async () => {
      const launch = parseLaunch(args);
      const prepared = await prepare(launch, this.places.bundledInclude);
      const { scenario, image, expected, build, program } = prepared;
      const debuggee = new Debuggee({ scenario, image, expected, onLog: (text) => this.print(text) });
      const addresses = new CodeAddresses(image);
      const table = new BreakpointTable(debuggee, addresses, prepared);
      this.running = { prepared, debuggee, table, inspection: new Inspection(debuggee, addresses, prepared) };
      this.stopOnEntry = launch.stopOnEntry;
      if (launch.extensionAsksKernel === true)
        this.extensionKernel = new ExtensionKernel((event) => this.sendEvent(event));
      if (build.why !== undefined) {
        this.print(
          `Stepping through the optimised object of ${program}, in which many variables are lost: ${build.why}`,
          'important',
        );
      }
      for (const remark of scenario.linked.remarks) this.print(remark);
      this.launched = true;
      // Breakpoints can be set now that there is code to put them on.
      this.sendEvent(new InitializedEvent());
    });
  }

  protected override configurationDoneRequest(response: DebugProtocol.ConfigurationDoneResponse): void {
    this.sendResponse(response);
    const { debuggee, table } = this.need();
    const noBreakpoints = table.isEmpty;
    debuggee.toEntry();
    if (this.stopOnEntry ?? noBreakpoints) this.stopped({ kind: 'entry' });
    else this.go(undefined, { first: false });
  }

  protected override disconnectRequest(response: DebugProtocol.DisconnectResponse): void {
    this.moving = false;
    this.sendResponse(response);
    this.shutdown();
  }

  protected override terminateRequest(response: DebugProtocol.TerminateResponse): void {
    this.moving = false;
    this.sendResponse(response);
    this.sendEvent(new TerminatedEvent());
  }

  protected override setBreakPointsRequest(
    response: DebugProtocol.SetBreakpointsResponse,
    args: DebugProtocol.SetBreakpointsArguments,
  ): void {
    void this.answer(response, () => {
      const breakpoints = this.need().table.setLines(args.source.path ?? '', args.breakpoints ?? []);
      response.body = { breakpoints };
    });
  }

  protected override setInstructionBreakpointsRequest(
    response: DebugProtocol.SetInstructionBreakpointsResponse,
    args: DebugProtocol.SetInstructionBreakpointsArguments,
  ): void {
    void this.answer(response, () => {
      response.body = { breakpoints: this.need().table.setInstructions(args.breakpoints) };
    });
  }

  protected override setDataBreakpointsRequest(
    response: DebugProtocol.SetDataBreakpointsResponse,
    args: DebugProtocol.SetDataBreakpointsArguments,
  ): void {
    void this.answer(response, () => {
      response.body = { breakpoints: this.need().table.setData(args.breakpoints) };
    });
  }

  protected override setExceptionBreakPointsRequest(
    response: DebugProtocol.SetExceptionBreakpointsResponse,
    args: DebugProtocol.SetExceptionBreakpointsArguments,
  ): void {
    void this.answer(response, () => {
      this.need().debuggee.pauses = new Set(pauses.filter((each): each is Pause => args.filters.includes(each)));
    });
  }

  protected override threadsRequest(response: DebugProtocol.ThreadsResponse): void {
    response.body = { threads: [new Thread(thread, this.running?.prepared.program ?? 'XDP program')] };
    this.sendResponse(response);
  }

  protected override exceptionInfoRequest(response: DebugProtocol.ExceptionInfoResponse): void {
    const { lastStop } = this;
    const text = lastStop.kind === 'pause' ? lastStop.text : '';
    response.body = {
      exceptionId: lastStop.kind === 'pause' ? lastStop.pause : '',
      description: text,
      breakMode: 'always',
    };
    this.sendResponse(response);
  }

  protected override continueRequest(response: DebugProtocol.ContinueResponse): void {
    response.body = { allThreadsContinued: true };
    this.sendResponse(response);
    this.go(undefined, { first: true });
  }

  protected override nextRequest(response: DebugProtocol.NextResponse, args: DebugProtocol.NextArguments): void {
    this.step(response, 'over', args.granularity);
  }

  protected override stepInRequest(response: DebugProtocol.StepInResponse, args: DebugProtocol.StepInArguments): void {
    this.step(response, 'in', args.granularity);
  }

  protected override stepOutRequest(
    response: DebugProtocol.StepOutResponse,
    args: DebugProtocol.StepOutArguments,
  ): void {
    this.step(response, 'out', args.granularity === 'instruction' ? 'statement' : args.granularity);
  }

  protected override stepBackRequest(
    response: DebugProtocol.StepBackResponse,
    args: DebugProtocol.StepBackArguments,
  ): void {
    this.back(response, (debuggee) =>
      args.granularity === 'instruction' ? debuggee.stepInstructionBack() : debuggee.stepBack(),
    );
  }

  protected override reverseContinueRequest(response: DebugProtocol.ReverseContinueResponse): void {
    this.back(response, (debuggee) => debuggee.reverse());
  }

  protected override pauseRequest(response: DebugProtocol.PauseResponse): void {
    this.moving = false;
    this.sendResponse(response);
  }

  /** Everything that only looks at the stopped program. */
  protected override dispatchRequest(request: DebugProtocol.Request): void {
    const handler = this.running?.inspection.handler(request.command);
    if (handler === undefined) {
      super.dispatchRequest(request);
      return;
    }
    const response: DebugProtocol.Response = {
      seq: 0,
      type: 'response',
      request_seq: request.seq,
      command: request.command,
      success: true,
    };
    void this.answer(response, () => {
      response.body = handler(request.arguments);
    });
  }

  private step(response: DebugProtocol.Response, kind: StepKind, granularity: string | undefined): void {
    this.sendResponse(response);
    const end = granularity === 'instruction' ? () => true : this.need().debuggee.stepTo(kind);
    this.go(end, { first: true });
  }

  private back(response: DebugProtocol.Response, action: (debuggee: Debuggee) => Stop): void {
    this.sendResponse(response);
    try {
      this.stopped(action(this.need().debuggee));
    } catch (error) {
      this.broken(error);
    }
  }

  private go(end: StepEnd | undefined, options: { first: boolean }): void {
    this.move(end, options).catch((error: unknown) => this.broken(error));
  }

  /** A mistake of the debugger ends its session, and says so; the client would wait for a stop for ever. */
  private broken(error: unknown): void {
    this.moving = false;
    this.print(`The debugger cannot go on: ${describeError(error)}`, 'important');
    this.sendEvent(new TerminatedEvent());
  }

  /** Runs until the program stops, in slices, so that the client can pause it. */
  private async move(end: StepEnd | undefined, { first }: { first: boolean }): Promise<void> {
    const { debuggee } = this.need();
    this.moving = true;
    let resuming = first;
    for (let used = 0; this.moving; used += slice) {
      const stop = debuggee.forward(end, slice, resuming);
      resuming = false;
      if (stop !== undefined) {
        this.moving = false;
        this.stopped(stop);
        return;
      }
      if (used > fuel) {
        this.print(`The program did not end after ${fuel} instructions.`, 'important');
        break;
      }
      await setImmediate();
    }
    this.moving = false;
    if (this.running !== undefined) this.stopped({ kind: 'goto' });
  }

  private stopped(stop: Stop): void {
    this.lastStop = stop;
    const { inspection } = this.need();
    inspection.reset();
    if (stop.kind === 'ended') {
      this.ended();
      return;
    }
    const event: DebugProtocol.StoppedEvent = new StoppedEvent(reasonOf(stop), thread);
    event.body.allThreadsStopped = true;
    if (stop.kind === 'breakpoint' || stop.kind === 'data') event.body.hitBreakpointIds = stop.ids;
    if (stop.kind === 'data' || stop.kind === 'pause') {
      event.body.text = stop.text;
      event.body.description = stop.kind === 'data' ? `Changed: ${stop.text}` : `Paused: ${stop.text}`;
    }
    this.sendEvent(event);
  }

  /** A packet is through: what came of it, then the next one, or the end. */
  private ended(): void {
    const { debuggee, prepared } = this.need();
    const { timeline } = debuggee;
    const { packet } = timeline.moment;
    const run = timeline.outcome();
    const given = prepared.scenario.packets[packet]?.request.packet ?? new Uint8Array(0);
    for (const line of run.printk) this.print(`bpf_printk: ${line}`);
    this.print(describeOutcome(run, given, prepared.expected[packet]));
    if (timeline.nextPacket()) {
      debuggee.toEntry();
      this.print(`Packet ${packet + 2} of ${timeline.packetCount}.`);
      if (this.stopOnEntry ?? this.need().table.isEmpty) this.stopped({ kind: 'entry' });
      else this.go(undefined, { first: false });
      return;
    }
    void this.finish([...timeline.outcomes, run]);
  }

  private async finish(outcomes: readonly XdpRun[]): Promise<void> {
    try {
      this.compare(outcomes);
      await this.askKernel(outcomes);
    } finally {
      this.sendEvent(new TerminatedEvent());
    }
  }

  private async askKernel(outcomes: readonly XdpRun[]): Promise<void> {
    const { debuggee, prepared } = this.need();
    const { real } = prepared;
    if (debuggee.timeline.wasEdited || real === undefined) return;
    try {
      const steps =
        (await kernelSteps(real, prepared, this.places.helper)) ?? (await this.extensionKernel?.steps(real, prepared));
      if (steps === undefined) {
        this.print(
          'The kernel was not asked: that needs privilege. Run the packet in the packet panel, or with xdp run.',
        );
        return;
      }
      const differences = compareWithKernel(outcomes, steps);
      if (differences.length === 0) this.print('This kernel comes to the same.');
      for (const difference of differences) this.print(`  ${difference}`, 'important');
    } catch (error) {
      this.print(`The kernel could not be asked: ${describeError(error)}`);
    }
  }

  protected override customRequest(command: string, response: DebugProtocol.Response, args: unknown): void {
    if (this.extensionKernel?.receive(command, args) === true) this.sendResponse(response);
    else super.customRequest(command, response, args);
  }

  private compare(outcomes: readonly XdpRun[]): void {
    const { debuggee, prepared } = this.need();
    // What the user changed on the way did not happen to the other object.
    if (debuggee.timeline.wasEdited || prepared.real === undefined) return;
    const differences = compareWithReal(prepared, debuggee, outcomes);
    if (differences.length === 0) {
      this.print('The optimised object, as the kernel gets it, comes to the same.');
      return;
    }
    this.print(
      'The optimised object, as the kernel gets it, comes to something else. Usually that is undefined behaviour in the program:',
      'important',
    );
    for (const difference of differences) this.print(`  ${difference}`, 'important');
  }

  private print(text: string, category: 'stdout' | 'important' = 'stdout'): void {
    this.sendEvent(new OutputEvent(`${text}\n`, category));
  }

  private need(): Running {
    if (this.running === undefined) throw new XdpError('usage', 'No program has been launched.');
    return this.running;
  }

  /** A request's one way to fail: an error in words, which the client shows. */
  private async answer(response: DebugProtocol.Response, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
      this.sendResponse(response);
    } catch (error) {
      if (error instanceof CompileFailed) {
        for (const { file, line, severity, message } of error.result.diagnostics)
          this.print(`${file}:${line}: ${severity}: ${message}`, 'important');
      }
      // Only a failed launch is worth a message box: an expression that is not understood shows where it stands.
      this.sendErrorResponse(response, {
        id: 1,
        format: '{text}',
        variables: { text: translated(describeError(error)) },
        showUser: !this.launched,
      });
    }
  }
}

function reasonOf(stop: Exclude<Stop, { kind: 'ended' }>): string {
  switch (stop.kind) {
    case 'entry':
    case 'step':
    case 'breakpoint':
      return stop.kind;
    case 'goto':
      return 'pause';
    case 'data':
      return 'data breakpoint';
    case 'pause':
      return 'exception';
  }
}
