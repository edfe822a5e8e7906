import { locateInsn, type ObjectLines, partsOf } from '../locate.ts';
import type { PlaceTable } from './places.ts';

/** The kernel's limit for a program is a million instructions. */
const maxInsns = 1_000_000;

/** For each instruction of a program, and of the functions that it calls, where it stands in the source. */
export function placeTable(object: ObjectLines, program: string): PlaceTable {
  const count = partsOf(object, program).reduce((sum, { size }) => sum + size / 8, 0);
  const table: PlaceTable = { files: [], rows: [] };
  let last = '';
  for (let insn = 0; insn < Math.min(count, maxInsns); insn++) {
    const place = locateInsn(object, program, insn);
    if (place === undefined) continue;
    const key = `${place.line}:${place.column}:${place.file}`;
    if (key === last) continue;
    last = key;
    let file = table.files.indexOf(place.file);
    if (file < 0) file = table.files.push(place.file) - 1;
    table.rows.push(insn, file, place.line, place.column);
  }
  return table;
}
