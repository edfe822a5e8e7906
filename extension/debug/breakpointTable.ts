import path from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { type CodeBreakpoint, type DataBreakpoint, placesOfLine } from '../core/debugger/breakpoints.ts';
import type { Debuggee } from '../core/debugger/debuggee.ts';
import { indexByKey, keyText, valueAt } from '../core/maps/entries.ts';
import { fromHex } from '../core/maps/text.ts';
import type { CodeAddresses } from './disassembly.ts';
import { schemaOf } from './machineScopes.ts';
import type { Prepared } from './prepare.ts';
import type { Watch } from './variables.ts';

/** Reading a map after every instruction that may write it has to stay quick. Bytes. */
const maxWatchedMap = 1 << 20;

/** What the client has asked for, by kind, as the debuggee takes it. */
export class BreakpointTable {
  private readonly debuggee: Debuggee;
  private readonly addresses: CodeAddresses;
  private readonly prepared: Prepared;
  private readonly bySource = new Map<string, CodeBreakpoint[]>();
  private instructions: CodeBreakpoint[] = [];
  private nextId = 1;

  constructor(debuggee: Debuggee, addresses: CodeAddresses, prepared: Prepared) {
    this.debuggee = debuggee;
    this.addresses = addresses;
    this.prepared = prepared;
  }

  get isEmpty(): boolean {
    return this.debuggee.codeBreakpoints.length === 0 && this.debuggee.dataBreakpoints.length === 0;
  }

  setLines(file: string, wanted: readonly DebugProtocol.SourceBreakpoint[]): DebugProtocol.Breakpoint[] {
    const breakpoints: CodeBreakpoint[] = [];
    const answers = wanted.map((each): DebugProtocol.Breakpoint => {
      const id = this.nextId++;
      const found = placesOfLine(this.debuggee.image, (candidate) => isSameFile(candidate, file), each.line);
      if (found === undefined)
        return { id, verified: false, line: each.line, message: 'No code of the program is on this line or below it.' };
      const { condition, hitCondition, logMessage } = each;
      breakpoints.push({ id, places: found.places, condition, hitCondition, logMessage, hits: 0 });
      return { id, verified: true, line: found.line };
    });
    this.bySource.set(file, breakpoints);
    this.apply();
    return answers;
  }

  setInstructions(wanted: readonly DebugProtocol.InstructionBreakpoint[]): DebugProtocol.Breakpoint[] {
    this.instructions = [];
    const answers = wanted.map(
      ({ instructionReference, offset, condition, hitCondition }): DebugProtocol.Breakpoint => {
        const id = this.nextId++;
        const place = this.addresses.placeAt(instructionReference, offset);
        if (place === undefined) return { id, verified: false, message: 'There is no instruction at this address.' };
        this.instructions.push({ id, places: [place], condition, hitCondition, hits: 0 });
        return { id, verified: true, instructionReference: this.addresses.addressOf(place) };
      },
    );
    this.apply();
    return answers;
  }

  setData(wanted: readonly DebugProtocol.DataBreakpoint[]): DebugProtocol.Breakpoint[] {
    const breakpoints: DataBreakpoint[] = [];
    const answers = wanted.map(({ dataId }): DebugProtocol.Breakpoint => {
      const id = this.nextId++;
      const read = this.readerOf(dataId);
      if (read === undefined) return { id, verified: false, message: 'This cannot be watched.' };
      breakpoints.push({ id, description: labelOf(dataId), read });
      return { id, verified: true };
    });
    this.debuggee.dataBreakpoints = breakpoints;
    return answers;
  }

  private readerOf(dataId: string): (() => Uint8Array | undefined) | undefined {
    const watch = parseWatch(dataId);
    const { timeline } = this.debuggee;
    if (watch === undefined) return undefined;
    if (watch.kind === 'memory') {
      const { address, size } = watch;
      return () => timeline.machine.memory.bytes.slice(address, address + size);
    }
    const map = timeline.machine.map(watch.map);
    const key = fromHex(watch.key);
    if (map === undefined || key === undefined) return undefined;
    const { keySize, maxEntries } = map.definition;
    if ((keySize + map.userValueSize) * maxEntries > maxWatchedMap) return undefined;
    const { build, cpus } = this.prepared;
    const schema = schemaOf(map, build.object.spec, cpus);
    return () => {
      const page = timeline.machine.map(watch.map)?.read();
      const index = page === undefined ? undefined : indexByKey(schema, page).get(keyText(key));
      return page === undefined || index === undefined ? undefined : valueAt(schema, page, index).slice();
    };
  }

  private apply(): void {
    this.debuggee.setCodeBreakpoints([...[...this.bySource.values()].flat(), ...this.instructions]);
  }
}

/** The client keeps data ids and gives them back. */
export function dataIdOf(watch: Watch, label: string): string {
  return JSON.stringify({ ...watch, label });
}

function parseDataId(dataId: string): object {
  try {
    const value: unknown = JSON.parse(dataId);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function labelOf(dataId: string): string {
  const value = parseDataId(dataId);
  return 'label' in value ? String(value.label) : dataId;
}

function parseWatch(dataId: string): Watch | undefined {
  const value = parseDataId(dataId);
  if (!('kind' in value)) return undefined;
  if (value.kind === 'memory' && 'address' in value && 'size' in value) {
    const { address, size } = value;
    if (Number.isInteger(address) && Number.isInteger(size))
      return { kind: 'memory', address: Number(address), size: Number(size) };
  }
  if (
    value.kind === 'map' &&
    'map' in value &&
    'key' in value &&
    typeof value.map === 'string' &&
    typeof value.key === 'string'
  ) {
    return { kind: 'map', map: value.map, key: value.key };
  }
  return undefined;
}

/** Debug information has the path as it was compiled; a client may write drive letters in its own way. */
function isSameFile(candidate: string, file: string): boolean {
  const [a, b] = [path.normalize(candidate), path.normalize(file)];
  return process.platform === 'win32' ? a.toLowerCase() === b.toLowerCase() : a === b;
}
