/** A header in place: its fields, their tables and their integers. What building and dissecting have in common. */
import type { CompiledField, CompiledHeader } from './compile.ts';
import type { BuiltField, BuiltLayer } from './model.ts';

export interface Laid {
  readonly header: CompiledHeader;
  readonly layer: BuiltLayer;
  /** The tables of `layer.fields`, element by element (fields whose condition is false are in neither). */
  readonly specs: readonly CompiledField[];
  /** Integers by position in the header's table; zero where there is none. */
  readonly numbers: number[];
  /** Where this header's message ends, bytes from the start of the packet. */
  end: number;
}

export function fieldOf(laid: Laid, name: string): BuiltField | undefined {
  const { specs } = laid;
  for (let i = 0; i < specs.length; i++) if (specs[i]?.name === name) return laid.layer.fields[i];
  return undefined;
}

/** Where the field at a position of the table stands in `specs`; -1: it is not there. */
export function placeOf({ specs }: Laid, index: number): number {
  // Without conditions, all fields are there.
  if (specs[index]?.index === index) return index;
  for (let i = 0; i < specs.length; i++) if (specs[i]?.index === index) return i;
  return -1;
}

export function numberOf(laid: Laid, name: string): number {
  return laid.numbers[laid.header.positions.get(name) ?? -1] ?? 0;
}
