/** A cell: the line (-1: the head) and the column, keys first. */
export interface GridPlace {
  line: number;
  column: number;
}

export interface GridSize {
  lines: number;
  columns: number;
  /** Lines that a page has. */
  page: number;
}

/** Where a key leads, as the ARIA grid pattern has it; undefined for keys that do not move. */
export function moveBy(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
  { line, column }: GridPlace,
  { lines, columns, page }: GridSize,
): GridPlace | undefined {
  if (event.altKey || event.shiftKey) return undefined;
  const far = event.ctrlKey || event.metaKey;
  const lastLine = lines - 1;
  const place = (toLine: number, toColumn: number): GridPlace => ({
    line: Math.max(-1, Math.min(lastLine, toLine)),
    column: Math.max(0, Math.min(columns - 1, toColumn)),
  });
  switch (event.key) {
    case 'ArrowDown':
      return place(far ? lastLine : line + 1, column);
    case 'ArrowUp':
      return place(far ? 0 : line - 1, column);
    case 'ArrowRight':
      return place(line, far ? columns - 1 : column + 1);
    case 'ArrowLeft':
      return place(line, far ? 0 : column - 1);
    case 'Home':
      return far ? place(0, 0) : place(line, 0);
    case 'End':
      return far ? place(lastLine, columns - 1) : place(line, columns - 1);
    case 'PageDown':
      return place(line + page, column);
    case 'PageUp':
      return place(Math.max(0, line - page), column);
    default:
      return undefined;
  }
}
