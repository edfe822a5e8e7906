import { Handles } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { bareType, sizeOfType } from '../core/dwarf/types.ts';
import type { LogicalFrame } from '../core/debugger/callStack.ts';
import type { Debuggee } from '../core/debugger/debuggee.ts';
import { evaluateIn, type NamedValue } from '../core/debugger/frames.ts';
import { halves } from '../core/debugger/inspector.ts';
import { isNetworkOrder, present } from '../core/debugger/present.ts';
import { assign, numberOf, type TypedValue, writeBytes } from '../core/debugger/values.ts';
import { parseIpv4 } from '../core/maps/text.ts';

/** One line of the Variables view. */
export interface Item {
  name: string;
  text: string;
  type?: string;
  /** What it opens to. */
  children?: () => Item[];
  /** Writes a new value; throws an Error that says why not. */
  set?: (text: string) => void;
  /** Where its bytes are, for the memory view. */
  memory?: bigint | undefined;
  /** What a data breakpoint on it watches. */
  watch?: Watch | undefined;
  /** The same in an expression. */
  expression?: string;
}

export type Watch =
  | { kind: 'memory'; address: number; size: number }
  /** Key in hex. */
  | { kind: 'map'; map: string; key: string };

/** What the client knows by number, while the program stands still. */
export class VariableStore {
  private readonly handles = new Handles<() => Item[]>();
  private frames: LogicalFrame[] = [];

  reset(frames: LogicalFrame[]): void {
    this.handles.reset();
    this.frames = frames;
  }

  frame(id: number | undefined): LogicalFrame | undefined {
    return id === undefined ? this.frames[0] : this.frames[id - 1];
  }

  reference(children: (() => Item[]) | undefined): number {
    return children === undefined ? 0 : this.handles.create(children);
  }

  items(reference: number): Item[] {
    return this.handles.get(reference)?.() ?? [];
  }

  item(reference: number, name: string): Item | undefined {
    return this.items(reference).find((each) => each.name === name);
  }

  toProtocol(item: Item): DebugProtocol.Variable {
    return {
      name: item.name,
      value: item.text,
      variablesReference: this.reference(item.children),
      ...(item.type === undefined ? {} : { type: item.type }),
      ...(item.expression === undefined ? {} : { evaluateName: item.expression }),
      ...(item.memory === undefined ? {} : { memoryReference: memoryReference(item.memory) }),
      ...(item.set === undefined ? { presentationHint: { attributes: ['readOnly'] } } : {}),
    };
  }
}

export function memoryReference(pointer: bigint): string {
  return `0x${pointer.toString(16)}`;
}

/** A C value as a line. `path` is what an expression calls it. */
export function valueItem({ name, value }: NamedValue, path: string, debuggee: Debuggee): Item {
  const { inspector } = debuggee;
  const shown = present(value, name, inspector);
  const parent = bareType(value.type).kind;
  return {
    name,
    text: shown.text,
    type: shown.type,
    memory: shown.memory,
    expression: path,
    watch: watchOf(value),
    ...(shown.hasChildren && {
      children: () => shown.children().map((child) => valueItem(child, childPath(path, parent, child.name), debuggee)),
    }),
    ...(shown.isPlain && value.storage.kind !== 'bytes' && { set: (text) => setValue(value, text, debuggee) }),
  };
}

function childPath(path: string, parent: string, name: string): string {
  if (name.startsWith('{')) return path;
  if (name === '*') return `*(${path})`;
  if (name.startsWith('[')) return `${path}${name}`;
  return parent === 'pointer' ? `${path}->${name}` : `${path}.${name}`;
}

function watchOf({ storage, type }: TypedValue): Watch | undefined {
  const size = sizeOfType(type);
  if (storage.kind !== 'memory' || size === 0 || size > 4096) return undefined;
  return { kind: 'memory', address: halves(storage.pointer).low, size };
}

/**
 * Sets a value to what a C expression gives. A plain number for a field in network order is taken as it is shown, in the
 * reader's order; `bpf_htons(443)` and the like are stored as C would.
 */
export function setValue(value: TypedValue, text: string, debuggee: Debuggee): void {
  const { inspector, timeline } = debuggee;
  const [frame] = debuggee.frames();
  if (frame === undefined) throw new Error('the program does not run');
  const size = sizeOfType(value.type);
  const network = isNetworkOrder(value.type) && value.storage.kind === 'memory';
  const address = network && size === 4 ? parseIpv4(text.trim()) : undefined;
  if (address !== undefined && value.storage.kind === 'memory') {
    return writeBytes(value.storage.pointer, address, inspector, timeline);
  }
  const number = numberOf(evaluateIn(text, frame, inspector), inspector);
  const isLiteral = /^\s*(0[xX][0-9a-fA-F]+|\d+)\s*$/.test(text);
  assign(value, network && isLiteral ? swapped(number, size) : number, inspector, timeline);
}

function swapped(value: bigint, size: number): bigint {
  let result = 0n;
  for (let byte = 0; byte < size; byte++) result = (result << 8n) | ((value >> BigInt(8 * byte)) & 0xffn);
  return result;
}
