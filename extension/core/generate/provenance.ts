import type { EntryPlace } from './input.ts';

/** Where a value that a program works with comes from. */
export type Source =
  | { kind: 'packet' }
  | { kind: 'metadata' }
  | { kind: 'ingressIfindex' }
  | { kind: 'rxQueueIndex' }
  /** `data_end`: it grows and shrinks with the packet. */
  | { kind: 'length' }
  | { kind: 'map'; place: EntryPlace }
  /** What a helper gave: nothing that an input could set. */
  | { kind: 'helper'; name: string };

/** How a value was made of what the input says. `value` is what it was in this run, 64 bits, unsigned. */
export type Expression =
  /** `size` bytes from `offset` on, little-endian. */
  | { kind: 'leaf'; value: bigint; depth: number; source: Source; offset: number; size: number }
  | { kind: 'unary'; value: bigint; depth: number; operation: UnaryOperation; bits: number; of: Expression }
  | {
      kind: 'binary';
      value: bigint;
      depth: number;
      operation: BinaryOperation;
      /** 32 or 64: the result is cut to them. */
      bits: number;
      left: Operand;
      right: Operand;
    }
  /** Bytes put together that were stored one by one; undefined: a byte that no input decides. */
  | { kind: 'bytes'; value: bigint; depth: number; pieces: readonly (Piece | undefined)[] }
  /** Too deep to be followed: only its sources are known. */
  | { kind: 'opaque'; value: bigint; depth: number; sources: readonly Source[] };

/** `truncate`: the low bits. `extend`: the low bits, with their sign. `swap`: the low bits, bytes in reverse. */
export type UnaryOperation = 'truncate' | 'extend' | 'swap' | 'negate';
export type BinaryOperation = 'add' | 'sub' | 'mul' | 'div' | 'mod' | 'or' | 'and' | 'xor' | 'lsh' | 'rsh' | 'arsh';

export interface Operand {
  /** Absent: a constant of the program, or what it made without the input. */
  expression: Expression | undefined;
  value: bigint;
}

/** One byte of an expression's value; 0 is the lowest. */
export interface Piece {
  expression: Expression;
  index: number;
}

/** Checksum loops make towers of additions: nobody can look through them, and memory ends. */
const maxDepth = 48;

export function unary(operation: UnaryOperation, bits: number, of: Expression): Expression {
  return bounded({ kind: 'unary', value: 0n, depth: of.depth + 1, operation, bits, of });
}

export function binary(
  operation: BinaryOperation,
  bits: number,
  left: Operand,
  right: Operand,
): Expression | undefined {
  if (left.expression === undefined && right.expression === undefined) return undefined;
  const depth = 1 + Math.max(left.expression?.depth ?? 0, right.expression?.depth ?? 0);
  return bounded({ kind: 'binary', value: 0n, depth, operation, bits, left, right });
}

export function leaf(source: Source, offset: number, size: number): Expression {
  return { kind: 'leaf', value: 0n, depth: 0, source, offset, size };
}

/** What a load of these bytes gives: undefined when no input decides any of them. */
export function joined(pieces: readonly (Piece | undefined)[]): Expression | undefined {
  const [first] = pieces;
  if (pieces.every((piece) => piece === undefined)) return undefined;
  if (first === undefined) return put(pieces);
  const { expression, index } = first;
  const { length } = pieces;
  const whole = pieces.every((piece, at) => piece?.expression === expression && piece.index === index + at);
  if (whole && expression.kind === 'leaf' && index + length <= expression.size) {
    return leaf(expression.source, expression.offset + index, length);
  }
  if (whole && index === 0) return length === 8 ? expression : unary('truncate', 8 * length, expression);
  const leaves = pieces.map((piece) => (piece === undefined ? undefined : leafByte(piece)));
  const start = leaves[0];
  if (start !== undefined && leaves.every((each, at) => each !== undefined && follows(start, each, at))) {
    return leaf(start.source, start.offset, length);
  }
  return put(pieces);
}

function put(pieces: readonly (Piece | undefined)[]): Expression {
  const depth = 1 + Math.max(...pieces.map((piece) => piece?.expression.depth ?? 0));
  return bounded({ kind: 'bytes', value: 0n, depth, pieces });
}

function leafByte({ expression, index }: Piece): { source: Source; offset: number } | undefined {
  if (expression.kind !== 'leaf' || index >= expression.size || expression.source.kind === 'length') return undefined;
  return { source: expression.source, offset: expression.offset + index };
}

function follows(
  start: { source: Source; offset: number },
  other: { source: Source; offset: number },
  distance: number,
): boolean {
  return other.source === start.source && other.offset === start.offset + distance;
}

function bounded(expression: Expression): Expression {
  if (expression.depth <= maxDepth) return expression;
  return { kind: 'opaque', value: 0n, depth: 0, sources: sourcesOf(expression) };
}

/** Everything that decides a value, each kind and place once. */
export function sourcesOf(expression: Expression | undefined): Source[] {
  const found = new Map<string, Source>();
  const seen = new Set<Expression>();
  const visit = (each: Expression | undefined): void => {
    if (each === undefined || seen.has(each) || found.size >= maxSources) return;
    seen.add(each);
    switch (each.kind) {
      case 'leaf':
        found.set(sourceKey(each.source), each.source);
        return;
      case 'unary':
        return visit(each.of);
      case 'binary':
        visit(each.left.expression);
        return visit(each.right.expression);
      case 'bytes':
        for (const piece of each.pieces) visit(piece?.expression);
        return;
      case 'opaque':
        for (const source of each.sources) found.set(sourceKey(source), source);
    }
  };
  visit(expression);
  return [...found.values()];
}

const maxSources = 64;

function sourceKey(source: Source): string {
  switch (source.kind) {
    case 'map':
      return `map ${source.place.map} ${source.place.key.join()}`;
    case 'helper':
      return `helper ${source.name}`;
    case 'packet':
    case 'metadata':
    case 'ingressIfindex':
    case 'rxQueueIndex':
    case 'length':
      return source.kind;
  }
}
