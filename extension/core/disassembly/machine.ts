import { openBtf } from '../btf/rawBtf.ts';
import { readBtf } from '../btf/readBtf.ts';
import { typeAt } from '../btf/resolve.ts';
import type { SourcePlace } from '../object/spec.ts';

/** A program as the kernel runs it: by C line, what the verifier made of the bytecode, and what the JIT made of that. */
export interface MachineListing {
  program: string;
  functions: readonly ListedFunction[];
}

export interface ListedFunction {
  name: string;
  /** Bytes of machine code; 0 where there is none, or none to be seen. */
  bytes: number;
  blocks: readonly CodeBlock[];
}

/** What one record of the line information covers. */
export interface CodeBlock {
  place: SourcePlace | undefined;
  /** The C line as the compiler stored it. */
  source: string;
  bytecode: readonly { slot: number; text: string }[];
  /** `offset`: bytes from the start of the function. */
  machine: readonly { offset: number; text: string }[];
}

/** The kernel's records of a program: struct bpf_line_info and bpf_func_info, with the strings in BTF. */
export interface LoadedLines {
  lines: Uint8Array;
  lineBytes: number;
  lineAddresses: readonly bigint[];
  funcs: Uint8Array;
  funcBytes: number;
  btf?: Uint8Array | undefined;
}

export interface LineRecord {
  slot: number;
  address: bigint | undefined;
  place: SourcePlace | undefined;
  source: string;
}

/**
 * The line records in their order. What belongs to no line counts to the line before it. Without BTF they name nothing, and there
 * are none.
 */
export function lineRecords({ lines, lineBytes, lineAddresses, btf }: LoadedLines): LineRecord[] {
  if (btf === undefined || lineBytes < 16) return [];
  const strings = openBtf(btf);
  const view = new DataView(lines.buffer, lines.byteOffset, lines.byteLength);
  const little = strings.littleEndian;
  const records: LineRecord[] = [];
  for (let at = 0, index = 0; at + lineBytes <= lines.length; at += lineBytes, index++) {
    const where = view.getUint32(at + 12, little);
    const [line, column] = [where >>> 10, where & 0x3ff];
    if (line === 0) continue;
    const file = strings.text(view.getUint32(at + 4, little));
    records.push({
      slot: view.getUint32(at, little),
      address: lineAddresses[index],
      place: { file, line, column: Math.max(1, column) },
      source: strings.text(view.getUint32(at + 8, little)),
    });
  }
  return records;
}

/** Where functions begin in the bytecode, and their names in C; one that begins at 0 where the program has no such records. */
export function functionRecords(
  { funcs, funcBytes, btf }: LoadedLines,
  program: string,
): { slot: number; name: string }[] {
  if (btf === undefined || funcBytes < 8 || funcs.length < funcBytes) return [{ slot: 0, name: program }];
  const types = readBtf(btf);
  const view = new DataView(funcs.buffer, funcs.byteOffset, funcs.byteLength);
  const little = types.bigEndian !== true;
  const records: { slot: number; name: string }[] = [];
  for (let at = 0; at + funcBytes <= funcs.length; at += funcBytes) {
    const slot = view.getUint32(at, little);
    records.push({ slot, name: typeAt(types, view.getUint32(at + 4, little)).name || `function ${records.length}` });
  }
  return records;
}

/** The machine code of one function as a disassembler reads it; addresses are the kernel's. */
export interface DisassembledFunction {
  address: bigint;
  bytes: number;
  instructions: readonly { address: bigint; text: string }[];
}

/** Puts bytecode and machine code below the lines that they belong to. */
export function layOut(
  program: string,
  input: {
    bytecode: readonly { slot: number; text: string }[];
    functions: readonly { slot: number; name: string }[];
    records: readonly LineRecord[];
    machine: readonly DisassembledFunction[];
    symbol: (address: bigint) => string | undefined;
  },
): MachineListing {
  const functions = input.functions.map((fn, index): ListedFunction => {
    const machine = input.machine[index];
    const end = input.functions[index + 1]?.slot ?? Number.POSITIVE_INFINITY;
    const within = input.records.filter(({ slot }) => slot >= fn.slot && slot < end);
    const first: LineRecord = { slot: fn.slot, address: machine?.address, place: undefined, source: '' };
    const records = within[0]?.slot === fn.slot ? within : [first, ...within];
    const blocks = records.map((record, at): CodeBlock => {
      const next = records[at + 1];
      return {
        place: record.place,
        source: record.source,
        bytecode: between(input.bytecode, ({ slot }) => slot, record.slot, next?.slot ?? end),
        machine: machine === undefined ? [] : machineOf(machine, record, next, input.symbol),
      };
    });
    return { name: fn.name, bytes: machine?.bytes ?? 0, blocks };
  });
  return { program, functions };
}

function machineOf(
  fn: DisassembledFunction,
  record: LineRecord,
  next: LineRecord | undefined,
  symbol: (address: bigint) => string | undefined,
): CodeBlock['machine'] {
  const start = record.address;
  if (start === undefined) return [];
  const end = next === undefined ? fn.address + BigInt(fn.bytes) : (next.address ?? start);
  return between(fn.instructions, ({ address }) => address, start, end).map(({ address, text }) => ({
    offset: Number(address - fn.address),
    text: withNames(text, fn, symbol),
  }));
}

/** Those of a list by rising key that are in [from, to). */
function between<T, K extends number | bigint>(list: readonly T[], key: (item: T) => K, from: K, to: K): readonly T[] {
  const first = (least: K): number => {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const item = list[middle];
      if (item !== undefined && key(item) < least) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return list.slice(first(from), first(to));
}

/** An address as disassemblers write it, with what they take it for. */
const addressPattern = /\b(?:0x)?([0-9a-f]{9,16})\b(?: <[^>]*>)?/g;

/** Addresses in the text of instructions that are outside of the function. */
export function foreignAddresses({ address: start, bytes, instructions }: DisassembledFunction): bigint[] {
  const end = start + BigInt(bytes);
  const found = instructions.flatMap(({ text }) =>
    [...text.matchAll(addressPattern)].map(([, hex]) => BigInt(`0x${hex}`)),
  );
  return [...new Set(found.filter((address) => address < start || address >= end))];
}

function withNames(text: string, fn: DisassembledFunction, symbol: (address: bigint) => string | undefined): string {
  return text.replaceAll(addressPattern, (_, hex: string) => {
    const address = BigInt(`0x${hex}`);
    const offset = address - fn.address;
    if (offset >= 0n && offset < BigInt(fn.bytes)) return `+0x${offset.toString(16)}`;
    const name = symbol(address);
    return name === undefined ? `0x${hex}` : `<${name}>`;
  });
}
