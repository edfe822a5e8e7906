/** The picture of a header as RFCs draw it: rows of 32 bits. */
import type { BuiltLayer } from './model.ts';

export interface GridCell {
  field: string;
  /** Of the row's 32 bits, from the left. */
  column: number;
  bits: number;
  /** Which part of the field this is: wide fields go over several rows. */
  part: number;
  parts: number;
}

/** `maxBytes`: of one field of variable length; the rest is not drawn. */
export function headerGrid(layer: BuiltLayer, { maxBytes = 64 }: { maxBytes?: number } = {}): GridCell[][] {
  const rows: GridCell[][] = [];
  for (const field of layer.fields) {
    const start = field.bitOffset - layer.offset * 8;
    const end = start + Math.min(field.bitLength, maxBytes * 8);
    const parts = Math.floor((end - 1) / 32) - Math.floor(start / 32) + 1;
    for (let bit = start, part = 0; bit < end; part++) {
      const row = Math.floor(bit / 32);
      const stop = Math.min(end, (row + 1) * 32);
      const cells = rows[row] ?? [];
      rows[row] = cells;
      cells.push({ field: field.name, column: bit % 32, bits: stop - bit, part, parts });
      bit = stop;
    }
  }
  return rows;
}
