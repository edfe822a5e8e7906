import type { Expression, Operand, Source } from './provenance.ts';

/** Bytes of the input that are to be set; `value` is little-endian over `size` bytes. For `length`: the packet's new length. */
export interface Assignment {
  source: Source;
  offset: number;
  size: number;
  value: bigint;
}

/** Ways tried for one value: most expressions have one. */
const maxSolutions = 3;

/**
 * What the input has to be so that an expression has another value, all else being as it was in the run. Several ways where
 * several parts of the input could make it so; none where nobody can tell.
 */
export function solve(expression: Expression, target: bigint): Assignment[][] {
  const wanted = BigInt.asUintN(64, target);
  switch (expression.kind) {
    case 'leaf':
      return solveLeaf(expression, wanted);
    case 'unary':
      return solveUnary(expression, wanted);
    case 'binary':
      return solveBinary(expression, wanted);
    case 'bytes':
      return solveBytes(expression, wanted);
    case 'opaque':
      return [];
  }
}

function solveLeaf(
  { source, offset, size, value }: Extract<Expression, { kind: 'leaf' }>,
  wanted: bigint,
): Assignment[][] {
  if (source.kind === 'helper') return [];
  if (source.kind === 'length') {
    // A pointer: how far it is to move is how much longer the packet is to be.
    const distance = BigInt.asIntN(64, wanted - value);
    if (offset !== 0) return [];
    return distance > 65_536n || distance < -65_536n ? [] : [[{ source, offset, size, value: distance }]];
  }
  return wanted === low(wanted, 8 * size) ? [[{ source, offset, size, value: wanted }]] : [];
}

function solveUnary(expression: Extract<Expression, { kind: 'unary' }>, wanted: bigint): Assignment[][] {
  const { operation, bits, of } = expression;
  const rest = of.value - low(of.value, bits);
  switch (operation) {
    case 'truncate':
      if (wanted !== low(wanted, bits)) return [];
      return firstOf([rest | wanted, wanted], (value) => solve(of, value));
    case 'extend':
      if (BigInt.asUintN(64, BigInt.asIntN(bits, wanted)) !== wanted) return [];
      return firstOf([rest | low(wanted, bits), wanted], (value) => solve(of, value));
    case 'swap': {
      if (wanted !== low(wanted, bits)) return [];
      const swapped = swapBytes(wanted, bits);
      return firstOf([rest | swapped, swapped], (value) => solve(of, value));
    }
    case 'negate':
      return wanted === low(wanted, bits) ? solve(of, low(-wanted, bits)) : [];
  }
}

function solveBinary(expression: Extract<Expression, { kind: 'binary' }>, wanted: bigint): Assignment[][] {
  const { operation, bits, left, right } = expression;
  if (wanted !== low(wanted, bits)) return [];
  if ((operation === 'or' || operation === 'add' || operation === 'xor') && apart(left, right)) {
    return solveParts(left, right, wanted);
  }
  const solutions: Assignment[][] = [];
  if (left.expression !== undefined) {
    for (const value of leftFor(operation, bits, left.value, right.value, wanted)) {
      solutions.push(...solve(left.expression, low(value, bits)));
    }
  }
  if (right.expression !== undefined) {
    for (const value of rightFor(operation, bits, left.value, right.value, wanted)) {
      solutions.push(...solve(right.expression, low(value, bits)));
    }
  }
  return solutions.slice(0, maxSolutions);
}

/** Values of the left operand that give the result with the right one as it is; verified where the inverse is not exact. */
function leftFor(operation: BinaryName, bits: number, left: bigint, right: bigint, wanted: bigint): bigint[] {
  const shift = right & BigInt(bits - 1);
  switch (operation) {
    case 'add':
      return [wanted - right];
    case 'sub':
      return [wanted + right];
    case 'xor':
      return [wanted ^ right];
    case 'and':
      return (wanted & ~right) === 0n ? [(left & ~right) | wanted] : [];
    case 'or':
      return (right & ~wanted) === 0n ? [wanted & ~right, wanted] : [];
    case 'mul':
      return right !== 0n && wanted % right === 0n ? [wanted / right] : [];
    case 'div':
      return right === 0n ? [] : [wanted * right];
    case 'mod':
      return right !== 0n && wanted < right ? [left - (left % right) + wanted, wanted] : [];
    case 'lsh': {
      const kept = (low(left, bits) >> (BigInt(bits) - shift)) << (BigInt(bits) - shift);
      return low(wanted, Number(shift)) === 0n
        ? [shift === 0n ? wanted : kept | (wanted >> shift), wanted >> shift]
        : [];
    }
    case 'rsh': {
      const value = wanted << shift;
      return low(value, bits) === value ? [value | low(left, Number(shift)), value] : [];
    }
    case 'arsh': {
      const value = low(wanted << shift, bits);
      const back = low(BigInt.asIntN(bits, value) >> shift, bits);
      return back === wanted ? [value | low(left, Number(shift)), value] : [];
    }
  }
}

type BinaryName = Extract<Expression, { kind: 'binary' }>['operation'];

function rightFor(operation: BinaryName, bits: number, left: bigint, right: bigint, wanted: bigint): bigint[] {
  switch (operation) {
    case 'sub':
      return [left - wanted];
    case 'add':
    case 'xor':
    case 'and':
    case 'or':
    case 'mul':
      return leftFor(operation, bits, right, left, wanted);
    case 'div':
    case 'mod':
    case 'lsh':
    case 'rsh':
    case 'arsh':
      return [];
  }
}

/** Operands that have no bit in common, as in `high << 8 | low`: each gets its own bits. */
function solveParts(left: Operand, right: Operand, wanted: bigint): Assignment[][] {
  const mine = (operand: Operand): Assignment[][] => {
    const part = wanted & possibleBits(operand);
    if (part === operand.value) return [[]];
    return operand.expression === undefined ? [] : solve(operand.expression, part);
  };
  if ((wanted & ~(possibleBits(left) | possibleBits(right))) !== 0n) return [];
  return mine(left)
    .flatMap((one) => mine(right).map((other) => [...one, ...other]))
    .slice(0, maxSolutions);
}

function apart(left: Operand, right: Operand): boolean {
  return (possibleBits(left) & possibleBits(right)) === 0n;
}

/** Bits that an operand may have at all. */
function possibleBits({ expression, value }: Operand): bigint {
  return expression === undefined ? value : bitsOf(expression);
}

function bitsOf(expression: Expression): bigint {
  switch (expression.kind) {
    case 'leaf':
      return ones(8 * expression.size);
    case 'unary': {
      const { operation, bits, of } = expression;
      const inner = low(bitsOf(of), bits);
      if (operation === 'truncate') return inner;
      return operation === 'swap' ? swapBytes(inner, bits) : ones(64);
    }
    case 'binary': {
      const { operation, bits, left, right } = expression;
      const [a, b] = [possibleBits(left), possibleBits(right)];
      if (operation === 'and') return a & b;
      if (operation === 'or' || operation === 'xor') return a | b;
      if (right.expression === undefined && operation === 'lsh')
        return low(a << (right.value & BigInt(bits - 1)), bits);
      if (right.expression === undefined && operation === 'rsh')
        return low(a, bits) >> (right.value & BigInt(bits - 1));
      return ones(bits);
    }
    case 'bytes':
      return expression.pieces.reduce(
        (all, piece, at) => (piece === undefined ? all : all | (0xffn << BigInt(8 * at))),
        0n,
      );
    case 'opaque':
      return ones(64);
  }
}

/** Every expression that has a byte here gets the value that has that byte. */
function solveBytes({ pieces, value }: Extract<Expression, { kind: 'bytes' }>, wanted: bigint): Assignment[][] {
  if (wanted !== low(wanted, 8 * pieces.length)) return [];
  const values = new Map<Expression, bigint>();
  for (const [at, piece] of pieces.entries()) {
    const byte = (wanted >> BigInt(8 * at)) & 0xffn;
    if (byte === ((value >> BigInt(8 * at)) & 0xffn)) continue;
    if (piece === undefined) return [];
    const { expression, index } = piece;
    const before = values.get(expression) ?? expression.value;
    const shift = BigInt(8 * index);
    values.set(expression, (before & ~(0xffn << shift)) | (byte << shift));
  }
  let solutions: Assignment[][] = [[]];
  for (const [expression, each] of values) {
    const own = solve(expression, each);
    solutions = solutions.flatMap((one) => own.map((other) => [...one, ...other])).slice(0, maxSolutions);
  }
  return solutions;
}

function firstOf(values: readonly bigint[], attempt: (value: bigint) => Assignment[][]): Assignment[][] {
  for (const value of values) {
    const solutions = attempt(value);
    if (solutions.length > 0) return solutions;
  }
  return [];
}

function swapBytes(value: bigint, bits: number): bigint {
  let swapped = 0n;
  for (let at = 0; at < bits; at += 8) swapped = (swapped << 8n) | ((value >> BigInt(at)) & 0xffn);
  return swapped;
}

function low(value: bigint, bits: number): bigint {
  return BigInt.asUintN(bits, value);
}

function ones(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}
