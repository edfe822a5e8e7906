/** From bytes to layers. Never throws, never reads past the end, and never loses a byte. */
import { english } from '../text/language.ts';
import { type CompiledHeader, headerNamed, nextHeader } from './compile.ts';
import { judgeChecksums, judgeHeaderLength, markAutomatic, type Trust } from './judge.ts';
import { fieldOf, type Laid } from './laid.ts';
import type { Dissection, Layer } from './model.ts';
import { readHeader } from './read.ts';
import { describe } from './value.ts';

/** Deeper nesting stays payload: a hostile packet must not make us sum its bytes over and over. */
const maxLayers = 64;

/** Frames shorter than this are filled up by Ethernet (IEEE 802.3 §4.2.8), without the frame check sequence. Bytes. */
const minFrame = 60;

const trusted: Trust = { own: true, whole: true };

export interface DissectOptions {
  /** Name of the first layer; default Ether. */
  first?: string;
}

export function dissect(bytes: Uint8Array, { first = 'Ether' }: DissectOptions = {}): Dissection {
  const warnings: string[] = [];
  const stack: Laid[] = [];
  const trusts: Trust[] = [];
  let header: CompiledHeader | undefined = headerNamed(first);
  let at = 0;
  let end = bytes.length;
  let trust = trusted;
  const notes: string[] = [];
  while (header !== undefined && at < end && stack.length < maxLayers) {
    if (notes.length > 0) notes.length = 0;
    const laid: Laid | undefined = readHeader(bytes, at, end, header, notes, stack.at(-1)?.header.spec.name);
    if (laid === undefined) {
      if (trust.own && header.spec.role !== 'application')
        warnings.push(`${header.spec.name} is cut off or damaged: ${bytesOf(end - at)} from byte ${at} on.`);
      break;
    }
    if (laid.layer.length === 0) break;
    stack.push(laid);
    at += laid.layer.length;
    if (trust.own && notes.length > 0) warnings.push(...notes);
    const limit = extentOf(laid, end, trust, warnings);
    end = limit.end;
    laid.end = end;
    if (!limit.whole) trust = { own: trust.own, whole: false };
    trusts.push(trust);
    if (header.spec.next?.quotes === true) trust = { own: false, whole: trust.whole };
    if (header.partial?.(laid.numbers) === true) trust = { own: trust.own, whole: false };
    header = nextHeader(header, laid.numbers, bytes, at, end);
  }
  if (at < end) addPayload('Raw', bytes, at, end, stack);
  if (end < bytes.length) {
    addPayload('Padding', bytes, end, bytes.length, stack);
    notePadding(bytes, end, warnings);
  }
  judge(bytes, stack, trusts, end, warnings);
  return { bytes, layers: stack.map((laid) => laid.layer), warnings };
}

/** Only what is needed to build the same bytes: `buildPacket(layersOf(dissect(b))).bytes` equals `b`. */
export function layersOf(dissection: Dissection): Layer[] {
  return dissection.layers.map(({ name, fields }) => {
    const given: Layer['fields'] = {};
    for (const field of fields) if (!field.auto) given[field.name] = field.value;
    return { name, fields: given };
  });
}

function addPayload(name: 'Raw' | 'Padding', bytes: Uint8Array, at: number, end: number, stack: Laid[]): void {
  const laid = readHeader(bytes, at, end, headerNamed(name), []);
  if (laid !== undefined) stack.push(laid);
}

interface Extent {
  end: number;
  whole: boolean;
}

/** Where the message of a header ends, and whether all of it is there. Marks a length that cannot be. */
function extentOf(laid: Laid, end: number, trust: Trust, warnings: string[]): Extent {
  const rule = laid.header.spec.extent;
  if (rule === undefined) return { end, whole: true };
  const { offset, length } = laid.layer;
  const value = laid.numbers[laid.header.extentIndex] ?? 0;
  const start = rule.of === 'message' ? offset : offset + length;
  const stop = start + value + (rule.plus ?? 0);
  if (value === 0 && laid.header.openIfZero?.(laid.numbers) === true) {
    if (rule.of === 'message') markExtent(laid, end - start, ': taken as "to the end of the packet".', trust, warnings);
    return { end, whole: true };
  }
  if (stop < offset + length) {
    markExtent(laid, end - start, `, less than the header's own ${length} bytes.`, trust, warnings);
    return { end, whole: false };
  }
  if (stop > end) {
    const there = end - start;
    markExtent(
      laid,
      there,
      there === 1 ? ', but only 1 byte is there.' : `, but only ${there} bytes are there.`,
      trust,
      warnings,
    );
    return { end, whole: false };
  }
  // Under IP there is no padding: a transport length that leaves bytes over contradicts the packet.
  if (laid.header.spec.role === 'transport' && stop < end) {
    markExtent(laid, end - start, `, which leaves ${bytesOf(end - stop)} of the packet over.`, trust, warnings);
  }
  return { end: stop, whole: true };
}

function markExtent(laid: Laid, right: number, problem: string, trust: Trust, warnings: string[]): void {
  const name = laid.header.spec.extent?.field;
  const field = name === undefined ? undefined : fieldOf(laid, name);
  // In a fragment or a packet that is cut off, the length may well be right.
  if (!trust.own || !trust.whole || field === undefined) return;
  field.wrong = right;
  warnings.push(`${laid.layer.name}.${field.name} is ${describe(field.value)}${problem}`);
}

function judge(
  bytes: Uint8Array,
  stack: readonly Laid[],
  trusts: readonly Trust[],
  content: number,
  warnings: string[],
): void {
  for (let i = 0; i < stack.length; i++) {
    const laid = stack[i];
    if (laid === undefined) continue;
    markAutomatic(bytes, laid, stack[i + 1]?.header, content);
    if (trusts[i]?.own === true) judgeHeaderLength(laid, warnings);
  }
  for (let i = 0; i < stack.length; i++) {
    const trust = trusts[i];
    if (trust !== undefined) judgeChecksums(bytes, stack, i, content, trust, warnings);
  }
}

function notePadding(bytes: Uint8Array, from: number, warnings: string[]): void {
  const ordinary = bytes.length <= minFrame && bytes.subarray(from).every((byte) => byte === 0);
  if (!ordinary) warnings.push(`${bytesOf(bytes.length - from)} after the end of the packet (Padding).`);
}

function bytesOf(count: number): string {
  return count === 1 ? english('1 byte') : english(`${count} bytes`);
}
