import { expect, test } from 'vitest';
import { bytesAt } from '../../webview/maps/data/mapModel.ts';
import { ActiveCell } from '../../webview/maps/table/activeCell.ts';
import { Lines } from '../../webview/maps/table/lines.ts';

/** Rows in an order, by their ids, of which those from `first` on were read. */
const rowsOf = (ids: string, first = 0) => ({
  at: (index: number) =>
    index < first || ids[index] === undefined
      ? undefined
      : { id: ids[index], key: bytesAt(new Uint8Array(0)), reading: undefined, atMs: 0, beforeMs: 0 },
  indexOf: (id: string) => (ids.indexOf(id) < first ? -1 : ids.indexOf(id)),
});

test('the chosen row stays chosen when another reading puts it elsewhere', () => {
  const active = new ActiveCell();
  const lines = new Lines(4, []);
  expect(active.row(rowsOf('abcd'))).toBeUndefined();
  active.begin(rowsOf('abcd'), lines);
  expect(active.row(rowsOf('abcd'))?.id).toBe('a');
  active.choose({ line: 2, column: 3 }, rowsOf('abcd'), lines);
  active.begin(rowsOf('abcd'), lines);
  const check = (ids: string, line: number, id: string | undefined, first = 0): void => {
    active.follow(rowsOf(ids, first), lines);
    expect([active.line, active.column, active.row(rowsOf(ids, first))?.id]).toEqual([line, 3, id]);
    expect(active.isLost).toBe(id === undefined);
  };
  check('abcd', 2, 'c');
  check('cbad', 0, 'c');
  // Out of sight, or gone: no other row is taken for it.
  check('bcad', 0, undefined, 2);
  check('bad', 0, undefined);
  check('badc', 3, 'c');
});

test('a CPU of a row stays chosen, until its row is folded; the head is no row', () => {
  const active = new ActiveCell();
  const unfolded = (index: number): Lines =>
    new Lines(3, [
      {
        index,
        lines: [
          { kind: 'cpu', slot: 0 },
          { kind: 'cpu', slot: 1 },
        ],
      },
    ]);
  expect([0, 1, 2, 3].map((index) => unfolded(1).lineOf(index))).toEqual([0, 1, 4, 5]);
  active.choose({ line: 3, column: 0 }, rowsOf('abc'), unfolded(1));
  expect(active.row(rowsOf('abc'))?.id).toBe('b');
  active.follow(rowsOf('bac'), unfolded(0));
  expect(active.line).toBe(2);
  active.follow(rowsOf('bac'), new Lines(3, []));
  expect(active.line).toBe(0);
  active.choose({ line: -1, column: 0 }, rowsOf('abc'), unfolded(1));
  active.follow(rowsOf('abc'), unfolded(1));
  expect([active.line, active.row(rowsOf('abc'))]).toEqual([-1, undefined]);
});

test('a row that is chosen before it was read is the one that is read there', () => {
  const active = new ActiveCell();
  const lines = new Lines(4, []);
  active.choose({ line: 1, column: 0 }, rowsOf('abcd', 2), lines);
  expect(active.row(rowsOf('abcd', 2))).toBeUndefined();
  active.follow(rowsOf('abcd'), lines);
  active.follow(rowsOf('cdab'), lines);
  expect([active.line, active.row(rowsOf('cdab'))?.id]).toEqual([3, 'b']);
});
