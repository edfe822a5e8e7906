import path from 'node:path';
import { Source } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { LogicalFrame } from '../core/debugger/callStack.ts';
import type { Debuggee } from '../core/debugger/debuggee.ts';
import { evaluateIn, globalsOf, localsOf } from '../core/debugger/frames.ts';
import { writeBytes } from '../core/debugger/values.ts';
import { english } from '../core/text/language.ts';
import { dataIdOf } from './breakpointTable.ts';
import { type CodeAddresses, parseAddress } from './disassembly.ts';
import { callItems, contextItems, mapItems, registerItems } from './machineScopes.ts';
import { packetItems } from './packetScope.ts';
import type { Prepared } from './prepare.ts';
import { type Item, setValue, valueItem, VariableStore } from './variables.ts';

/** The requests that look at a stopped program, or change its memory. */
export class Inspection {
  private readonly debuggee: Debuggee;
  private readonly addresses: CodeAddresses;
  private readonly prepared: Prepared;
  private readonly store = new VariableStore();

  constructor(debuggee: Debuggee, addresses: CodeAddresses, prepared: Prepared) {
    this.debuggee = debuggee;
    this.addresses = addresses;
    this.prepared = prepared;
  }

  /** Numbers given out before mean nothing any more. */
  reset(): void {
    this.store.reset(this.debuggee.frames());
  }

  handler(command: string): ((args: unknown) => object | undefined) | undefined {
    // The protocol's own types say what each request brings: the client is VS Code or another DAP client.
    const handlers: Readonly<Record<string, (args: never) => object | undefined>> = {
      stackTrace: (args: DebugProtocol.StackTraceArguments) => this.stackTrace(args),
      scopes: (args: DebugProtocol.ScopesArguments) => this.scopes(args),
      variables: (args: DebugProtocol.VariablesArguments) => this.variables(args),
      setVariable: (args: DebugProtocol.SetVariableArguments) => this.setVariable(args),
      setExpression: (args: DebugProtocol.SetExpressionArguments) => this.setExpression(args),
      evaluate: (args: DebugProtocol.EvaluateArguments) => this.evaluate(args),
      dataBreakpointInfo: (args: DebugProtocol.DataBreakpointInfoArguments) => this.dataBreakpointInfo(args),
      readMemory: (args: DebugProtocol.ReadMemoryArguments) => this.readMemory(args),
      writeMemory: (args: DebugProtocol.WriteMemoryArguments) => this.writeMemory(args),
      disassemble: (args: DebugProtocol.DisassembleArguments) => this.disassemble(args),
    };
    const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
    return handler === undefined ? undefined : (args) => handler(args as never);
  }

  private stackTrace({
    startFrame = 0,
    levels,
  }: DebugProtocol.StackTraceArguments): DebugProtocol.StackTraceResponse['body'] {
    const frames = this.debuggee.frames();
    const shown = frames.slice(startFrame, levels === undefined || levels === 0 ? undefined : startFrame + levels);
    return {
      stackFrames: shown.map((frame, index) => this.stackFrame(frame, startFrame + index + 1)),
      totalFrames: frames.length,
    };
  }

  private stackFrame(frame: LogicalFrame, id: number): DebugProtocol.StackFrame {
    const { source, program, slot, inlined, callbackOf } = frame;
    const notes = [
      ...(inlined ? ['inlined'] : []),
      ...(callbackOf === undefined ? [] : [`called back by ${callbackOf}`]),
    ];
    return {
      id,
      name: notes.length === 0 ? frame.name : `${frame.name} [${notes.join(', ')}]`,
      line: source?.line ?? 0,
      column: source?.column ?? 0,
      instructionPointerReference: this.addresses.addressOf({ program, slot }),
      ...(source !== undefined && { source: new Source(path.basename(source.file), source.file) }),
    };
  }

  private scopes({ frameId }: DebugProtocol.ScopesArguments): DebugProtocol.ScopesResponse['body'] {
    const { debuggee, prepared } = this;
    const frame = this.store.frame(frameId);
    const inspector = (): Debuggee['inspector'] => debuggee.inspector;
    const scope = (name: string, children: () => Item[], hint?: string): DebugProtocol.Scope => ({
      name,
      variablesReference: this.store.reference(children),
      expensive: name === 'Maps',
      ...(hint === undefined ? {} : { presentationHint: hint }),
    });
    const values = (list: ReturnType<typeof localsOf>): Item[] =>
      list.map((each) => valueItem(each, each.name, debuggee));
    const globals =
      frame === undefined
        ? []
        : globalsOf(frame, inspector()).filter(({ name }) => !/^_?_?(license|version)$/i.test(name));
    return {
      scopes: [
        ...(frame === undefined
          ? []
          : [scope(english('Locals'), () => values(localsOf(frame, inspector())), 'locals')]),
        ...(frame === undefined || globals.length === 0
          ? []
          : [scope(english('Globals'), () => values(globals), 'globals')]),
        scope(english('Packet'), () => packetItems(debuggee)),
        scope(english('Context'), () => contextItems(debuggee)),
        scope(english('Maps'), () => mapItems(debuggee, prepared.build.object.spec, prepared.cpus)),
        scope(english('Helper calls'), () => callItems(debuggee)),
        scope(english('Registers'), () => registerItems(debuggee), 'registers'),
      ],
    };
  }

  private variables({
    variablesReference,
    start = 0,
    count,
  }: DebugProtocol.VariablesArguments): DebugProtocol.VariablesResponse['body'] {
    const items = this.store.items(variablesReference);
    const shown = items.slice(start, count === undefined || count === 0 ? undefined : start + count);
    return { variables: shown.map((item) => this.store.toProtocol(item)) };
  }

  private setVariable({
    variablesReference,
    name,
    value,
  }: DebugProtocol.SetVariableArguments): DebugProtocol.SetVariableResponse['body'] {
    const item = this.store.item(variablesReference, name);
    if (item?.set === undefined) throw new Error(`${name} cannot be set.`);
    item.set(value);
    const after = this.store.item(variablesReference, name) ?? item;
    const { type } = after;
    return {
      value: after.text,
      variablesReference: this.store.reference(after.children),
      ...(type === undefined ? {} : { type }),
    };
  }

  private setExpression({
    expression,
    value,
    frameId,
  }: DebugProtocol.SetExpressionArguments): DebugProtocol.SetExpressionResponse['body'] {
    const { debuggee } = this;
    const target = evaluateIn(expression, this.needFrame(frameId), debuggee.inspector);
    setValue(target, value, debuggee);
    return { value: valueItem({ name: expression, value: target }, expression, debuggee).text };
  }

  /** In the debug console, assignments are allowed as well. */
  private evaluate({
    expression,
    frameId,
    context,
  }: DebugProtocol.EvaluateArguments): DebugProtocol.EvaluateResponse['body'] {
    const { debuggee } = this;
    const timeline = context === 'repl' ? debuggee.timeline : undefined;
    const value = evaluateIn(expression, this.needFrame(frameId), debuggee.inspector, timeline);
    const name = /([A-Za-z_]\w*)\s*$/.exec(expression)?.[1] ?? '';
    const { text, type, children, memory } = valueItem({ name, value }, expression, debuggee);
    return {
      result: text,
      variablesReference: this.store.reference(children),
      ...(type === undefined ? {} : { type }),
      ...(memory === undefined ? {} : { memoryReference: `0x${memory.toString(16)}` }),
    };
  }

  private dataBreakpointInfo({
    variablesReference,
    name,
    frameId,
  }: DebugProtocol.DataBreakpointInfoArguments): DebugProtocol.DataBreakpointInfoResponse['body'] {
    const { debuggee } = this;
    const item =
      variablesReference === undefined
        ? valueItem({ name, value: evaluateIn(name, this.needFrame(frameId), debuggee.inspector) }, name, debuggee)
        : this.store.item(variablesReference, name);
    if (item?.watch === undefined)
      return { dataId: null, description: `${name} has no place in memory that could be watched` };
    const label = item.expression ?? name;
    return { dataId: dataIdOf(item.watch, label), description: label, accessTypes: ['write'], canPersist: false };
  }

  private readMemory({
    memoryReference,
    offset = 0,
    count,
  }: DebugProtocol.ReadMemoryArguments): DebugProtocol.ReadMemoryResponse['body'] {
    const { inspector } = this.debuggee;
    const pointer = this.pointer(memoryReference, offset);
    const readable = Math.max(0, Math.min(count, inspector.bytesLeft(pointer)));
    const bytes = readable === 0 ? undefined : inspector.read(pointer, readable);
    const address = `0x${pointer.toString(16)}`;
    if (bytes === undefined) return { address, unreadableBytes: count };
    return { address, data: Buffer.from(bytes).toString('base64'), unreadableBytes: count - bytes.length };
  }

  private writeMemory({
    memoryReference,
    offset = 0,
    data,
  }: DebugProtocol.WriteMemoryArguments): DebugProtocol.WriteMemoryResponse['body'] {
    const bytes = new Uint8Array(Buffer.from(data, 'base64'));
    writeBytes(this.pointer(memoryReference, offset), bytes, this.debuggee.inspector, this.debuggee.timeline);
    return { bytesWritten: bytes.length };
  }

  private disassemble(args: DebugProtocol.DisassembleArguments): DebugProtocol.DisassembleResponse['body'] {
    const { memoryReference, offset = 0, instructionOffset = 0, instructionCount } = args;
    const address = this.pointer(memoryReference, offset);
    // More than this no client shows at once.
    const count = Math.max(0, Math.min(instructionCount, 10_000));
    return { instructions: this.addresses.list(`0x${address.toString(16)}`, instructionOffset, count) };
  }

  private pointer(reference: string, offset: number): bigint {
    const address = parseAddress(reference);
    if (address === undefined) throw new Error(`${reference} is no address.`);
    return BigInt.asUintN(64, address + BigInt(offset));
  }

  private needFrame(id: number | undefined): LogicalFrame {
    const frame = this.store.frame(id);
    if (frame === undefined) throw new Error('The program does not stand still.');
    return frame;
  }
}
