import type { Leaf } from '../data/leaves.ts';
import type { MapModel } from '../data/mapModel.ts';
import type { Column } from '../table/columns.ts';

/** Which field of which CPU stands in a cell; undefined for sums, rates and keys, which are edited in the form. */
export function editableCell(
  model: MapModel,
  column: Column | undefined,
  slot: number | undefined,
): { field: Leaf; slot: number } | undefined {
  const field = column === undefined ? undefined : model.valueFields[column.field];
  if (column === undefined || field === undefined) return undefined;
  if (column.kind === 'value') return { field, slot: 0 };
  // In a CPU's line its value stands where the row has the sum.
  return slot !== undefined && (column.kind === 'cpu' || column.kind === 'sum') ? { field, slot } : undefined;
}
