import type { Machine } from '../vm/machine.ts';
import { tag } from '../vm/memory/regions.ts';
import { keyText } from '../maps/entries.ts';
import type { EntryPlace } from './input.ts';
import { type Expression, leaf, type Piece, type Source } from './provenance.ts';

const packet: Source = { kind: 'packet' };
const metadata: Source = { kind: 'metadata' };

/**
 * Where the bytes in the machine's memory come from, while a program runs. What was stored is known by the expression that
 * was stored; what was not is the packet's, a map's, or nobody's.
 */
export class Shadow {
  private readonly machine: Machine;
  /** By region, then address. null: the byte was overwritten with what no input decides. */
  private readonly stored = new Map<number, Map<number, Piece | null>>();
  private readonly values = new Map<number, Source>();
  private readonly sources = new Map<string, Source>();
  private readonly data: number;
  private readonly dataMeta: number;
  private readonly packetEnd: number;

  /** For a machine that begins a run now: the frame is where the packet was put. */
  constructor(machine: Machine) {
    this.machine = machine;
    const { frame } = machine.world;
    this.data = frame.data;
    this.dataMeta = frame.dataMeta;
    this.packetEnd = frame.dataEnd;
    for (const map of machine.maps) {
      const { name } = map.definition;
      if (!name.startsWith('.') || name.startsWith('.kconfig')) continue;
      this.addValue(map.valueRegion(0, 0), { map: name, key: new Uint8Array(4) });
    }
  }

  /** A lookup gave this region: its bytes are the entry's. */
  addValue(region: number, place: EntryPlace): void {
    const { map, key, within } = place;
    const outer = within === undefined ? '' : `${within.map} ${keyText(within.key)} `;
    const text = `${outer}${map} ${keyText(key)}`;
    const source = this.sources.get(text) ?? { kind: 'map', place };
    this.sources.set(text, source);
    this.values.set(region, source);
  }

  pieces(region: number, address: number, size: number): (Piece | undefined)[] {
    const actual = this.regionOf(region, address);
    const pieces: (Piece | undefined)[] = [];
    for (let at = 0; at < size; at++) pieces.push(this.piece(actual, address + at));
    return pieces;
  }

  store(region: number, address: number, size: number, expression: Expression | undefined): void {
    const bytes = this.bytesOf(this.regionOf(region, address));
    for (let index = 0; index < size; index++) {
      bytes.set(address + index, expression === undefined ? null : { expression, index });
    }
  }

  copy(from: { region: number; address: number }, to: { region: number; address: number }, size: number): void {
    const pieces = this.pieces(from.region, from.address, size);
    const bytes = this.bytesOf(this.regionOf(to.region, to.address));
    for (const [index, piece] of pieces.entries()) bytes.set(to.address + index, piece ?? null);
  }

  /** As copy(), from the packet at an offset from `data` as it is now. */
  loadPacket(offset: number, to: { region: number; address: number }, size: number): void {
    this.copy({ region: tag.packet, address: this.machine.world.frame.data + offset }, to, size);
  }

  /** A stack frame begins: what an earlier one left there is gone. */
  forget(region: number): void {
    this.stored.delete(region);
  }

  private bytesOf(region: number): Map<number, Piece | null> {
    const known = this.stored.get(region) ?? new Map<number, Piece | null>();
    this.stored.set(region, known);
    return known;
  }

  private piece(region: number, address: number): Piece | undefined {
    const stored = this.stored.get(region)?.get(address);
    if (stored !== undefined) return stored ?? undefined;
    if (region === tag.packet) {
      if (address >= this.data && address < this.packetEnd) return byteOf(packet, address - this.data);
      return address >= this.dataMeta && address < this.data ? byteOf(metadata, address - this.dataMeta) : undefined;
    }
    const source = this.values.get(region);
    const start = this.machine.memory.starts[region];
    return source === undefined || start === undefined ? undefined : byteOf(source, address - start);
  }

  /** Programs may lose the high half of a pointer, see memory/regions.ts. */
  private regionOf(region: number, address: number): number {
    return region === tag.none ? this.machine.memory.regionAt(address) : region;
  }
}

function byteOf(source: Source, offset: number): Piece {
  return { expression: leaf(source, offset, 1), index: 0 };
}
