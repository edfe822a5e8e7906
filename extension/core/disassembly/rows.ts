import { t, translated } from '../text/language.ts';
import type { SourcePlace } from '../object/spec.ts';
import type { BytecodeListing, Instruction } from './bytecode.ts';
import type { MachineListing } from './machine.ts';
import { isSameLine, textKey } from './places.ts';

/** One line of a listing as text. */
export interface Row {
  text: string;
  /** The C line it belongs to; undefined for headings and what belongs to none. */
  place: SourcePlace | undefined;
}

/** How often instructions ran, and what counted them. */
export interface RunCounts {
  /** One sentence for the head of the listing. */
  origin: string;
  /** By slot. */
  counts: ArrayLike<number>;
}

/**
 * A listing as text: C lines at the margin, their instructions indented below, so that an editor folds by line. `head`: what
 * stands above, without its comment sign.
 */
export function bytecodeRows(listing: BytecodeListing, head: readonly string[], runs?: RunCounts): Row[] {
  const heading = runs === undefined ? head : [...head, runs.origin];
  const rows: Row[] = heading.map((text) => ({ text: `; ${text}`, place: undefined }));
  const columns = columnsOf(listing, runs);
  const starts = new Map(listing.functions.map((fn) => [fn.start, fn.name]));
  let before: SourcePlace | undefined;
  let open = false;
  for (const instruction of listing.instructions) {
    const { slot, place } = instruction;
    const fn = starts.get(slot);
    if (fn !== undefined) {
      rows.push({ text: '', place: undefined }, { text: `${fn}:`, place: undefined });
      open = false;
    }
    if (!open || !isSameLine(before, place)) rows.push({ text: sourceText(listing.texts, place), place });
    open = true;
    before = place;
    const label = listing.labels.get(slot);
    if (label !== undefined) rows.push({ text: `  ${label}:`, place });
    rows.push({ text: instructionText(instruction, columns, runs), place });
  }
  return rows;
}

/** `; if (ip->protocol == IPPROTO_UDP) @ firewall.bpf.c:42`, as bpftool writes it. */
export function sourceText(texts: ReadonlyMap<string, string>, place: SourcePlace | undefined): string {
  return placeText(place === undefined ? '' : (texts.get(textKey(place)) ?? ''), place);
}

function placeText(text: string, place: SourcePlace | undefined): string {
  if (place === undefined) return `; ${t('(of no line of the source)')}`;
  const name = place.file.split('/').at(-1) ?? place.file;
  return `; ${oneLine(text)} @ ${oneLine(name)}:${place.line}`;
}

/** A program as the kernel runs it as text: below each C line its bytecode, and below that its machine code. */
export function machineRows(listing: MachineListing, head: readonly string[]): Row[] {
  const rows: Row[] = head.map((text) => ({ text: `; ${text}`, place: undefined }));
  for (const fn of listing.functions) {
    rows.push({ text: '', place: undefined }, { text: `${oneLine(fn.name)}:`, place: undefined });
    const slots = fn.blocks.flatMap(({ bytecode }) => bytecode.map(({ slot }) => slot));
    const width = String(slots.reduce((most, slot) => Math.max(most, slot), 0)).length;
    let before: SourcePlace | undefined;
    let open = false;
    for (const { place, source, bytecode, machine } of fn.blocks) {
      if (!open || !isSameLine(before, place)) rows.push({ text: placeText(source, place), place });
      open = true;
      before = place;
      for (const { slot, text } of bytecode)
        rows.push({ text: `    ${String(slot).padStart(width)}: ${oneLine(text)}`, place });
      for (const { offset, text } of machine) {
        rows.push({ text: `      ${`+0x${offset.toString(16)}`.padEnd(6)}  ${oneLine(text)}`, place });
      }
    }
  }
  return rows;
}

interface Columns {
  slot: number;
  count: number;
  text: number;
}

/** Notes stand in a column of their own, but for those of unusually long instructions. */
const widestText = 44;

function columnsOf({ instructions }: BytecodeListing, runs: RunCounts | undefined): Columns {
  const slot = String(instructions.at(-1)?.slot ?? 0).length;
  const counts = runs === undefined ? [] : instructions.map((each) => countText(runs.counts[each.slot] ?? 0).length);
  const texts = instructions.map(({ text }) => text.length).filter((length) => length <= widestText);
  return { slot, count: counts.reduce((a, b) => Math.max(a, b), 0), text: texts.reduce((a, b) => Math.max(a, b), 0) };
}

function instructionText({ slot, text, note }: Instruction, columns: Columns, runs: RunCounts | undefined): string {
  const count = runs === undefined ? '' : `${countText(runs.counts[slot] ?? 0).padStart(columns.count)}x `;
  const body = `    ${count}${String(slot).padStart(columns.slot)}: ${oneLine(text)}`;
  if (note === undefined) return body;
  return `${body.padEnd(4 + count.length + columns.slot + 2 + columns.text)}  ; ${oneLine(note.split('; ').map(translated).join('; '))}`;
}

function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** Names and lines of an object are not trusted: they stay on their line. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it takes out
  return text.replaceAll(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim();
}
