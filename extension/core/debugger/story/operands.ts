import { bareType, type CType, sizeOfType } from '../../dwarf/types.ts';
import { isAddressName } from '../../maps/fieldNames.ts';
import type { Cpu } from '../../vm/engine/cpu.ts';
import { insnClass, sourceRegister } from '../../vm/isa/opcodes.ts';
import { commonType, evaluateExpression, isTrue, type Surroundings, typeTest } from '../expression/evaluate.ts';
import { ExpressionError } from '../expression/lex.ts';
import { type Expression, parseExpression } from '../expression/parse.ts';
import { type Inspector, joined } from '../inspector.ts';
import { isNetworkOrder, present } from '../present.ts';
import { baseTypes, integerValue, isScalar, isSigned, NoValue, numberOf, type TypedValue } from '../values.ts';
import { expand, type Macros } from './macros.ts';
import type { BranchTest } from './types.ts';

/** What a conditional jump compares. */
export interface Jump {
  left: bigint;
  right: bigint;
  /** The second operand is part of the instruction. */
  immediate: boolean;
  bits: 32 | 64;
}

/** The operands of the conditional jump that is about to run. */
export function jumpOf({ code, slot, lo, hi }: Cpu): Jump {
  const op = code.opcode[slot]!;
  const immediate = (op & sourceRegister) === 0;
  const bits = (op & 7) === insnClass.jmp32 ? 32 : 64;
  const register = (number: number): bigint =>
    bits === 32 ? BigInt(lo[number]! >>> 0) : joined(hi[number]!, lo[number]!);
  const right = immediate ? BigInt.asUintN(bits, BigInt(code.imm[slot]!)) : register(code.src[slot]!);
  return { left: register(code.dst[slot]!), right, immediate, bits };
}

export interface TestSetting {
  surroundings: Surroundings;
  inspector: Inspector;
  macros: Macros;
  /** What a function gives back; undefined for what is none. */
  resultOf(name: string): CType | undefined;
}

const comparisons: Readonly<Record<string, { yes: string; no: string; holds(a: bigint, b: bigint): boolean }>> = {
  '==': { yes: '=', no: '≠', holds: (a, b) => a === b },
  '!=': { yes: '≠', no: '=', holds: (a, b) => a !== b },
  '<': { yes: '<', no: '≥', holds: (a, b) => a < b },
  '>': { yes: '>', no: '≤', holds: (a, b) => a > b },
  '<=': { yes: '≤', no: '>', holds: (a, b) => a <= b },
  '>=': { yes: '≥', no: '<', holds: (a, b) => a >= b },
};

/**
 * A test with its operands as they are now. What cannot be evaluated without running it again (a call) is taken from the
 * registers that the jump compares, where they leave no doubt which is which.
 */
export function evaluateTest(text: string, jump: Jump | undefined, setting: TestSetting): BranchTest {
  try {
    const expression = parseExpression(expand(text, setting.macros), typeTest(setting.surroundings));
    return { text, ...outcomeOf(text, expression, jump, setting) };
  } catch (error) {
    if (!(error instanceof ExpressionError) && !(error instanceof NoValue)) throw error;
    return { text, truth: undefined, values: undefined };
  }
}

/** What a switch looks at. */
export function switchValue(text: string, { surroundings, inspector, macros }: TestSetting): string | undefined {
  try {
    const expression = parseExpression(expand(text, macros), typeTest(surroundings));
    return brief(evaluateExpression(expression, surroundings), nameOf(expression) ?? '', inspector);
  } catch (error) {
    if (error instanceof ExpressionError || error instanceof NoValue) return undefined;
    throw error;
  }
}

type Outcome = Pick<BranchTest, 'truth' | 'values'>;

function outcomeOf(text: string, expression: Expression, jump: Jump | undefined, setting: TestSetting): Outcome {
  const { inspector } = setting;
  if (expression.kind === 'unary' && expression.operator === '!') {
    const { truth, values } = outcomeOf(text.replace(/^!\s*/, ''), expression.operand, jump, setting);
    return { truth: truth === undefined ? undefined : !truth, values };
  }
  const comparison = expression.kind === 'binary' ? comparisons[expression.operator] : undefined;
  if (expression.kind === 'binary' && comparison !== undefined) {
    const sides = sidesOf(expression, jump, setting);
    if (sides === undefined) return { truth: undefined, values: undefined };
    const { left, right, truth } = sides;
    const [a, b] = alike(left, right, inspector);
    const name = nameOf(expression.left) ?? nameOf(expression.right) ?? '';
    const values = `${brief(a, name, inspector)} ${truth ? comparison.yes : comparison.no} ${brief(b, name, inspector)}`;
    return { truth, values };
  }
  const value = valueOf(expression, setting) ?? callResult(expression, jump, setting);
  if (value === undefined) return { truth: undefined, values: undefined };
  const shown = brief(value, nameOf(expression) ?? '', inspector);
  const subject = expression.kind === 'call' ? `${expression.name}()` : text;
  return { truth: isTrue(value, inspector), values: `${subject} = ${shown}` };
}

interface Sides {
  left: TypedValue;
  right: TypedValue;
  truth: boolean;
}

function sidesOf(
  expression: Extract<Expression, { kind: 'binary' }>,
  jump: Jump | undefined,
  setting: TestSetting,
): Sides | undefined {
  const { inspector, surroundings } = setting;
  const left = valueOf(expression.left, setting);
  const right = valueOf(expression.right, setting);
  if (left !== undefined && right !== undefined)
    return { left, right, truth: isTrue(evaluateExpression(expression, surroundings), inspector) };
  const known = left ?? right;
  const [unknown, other] =
    left === undefined ? [expression.left, expression.right] : [expression.right, expression.left];
  const type = known === undefined ? undefined : callType(unknown, setting);
  if (known === undefined || type === undefined || jump === undefined) return undefined;
  // The compiler may have turned `x < 0` into `x <= -1`: then the constant is another, and x is still the register.
  const isNumber = jump.immediate && isConstant(other, setting);
  const number = isNumber ? jump.left : otherThan(numberOf(known, inspector), jump);
  if (number === undefined) return undefined;
  const result = integerValue(number, isScalar(type) ? type : baseTypes.long);
  const [a, b] = left === undefined ? [result, known] : [known, result];
  const common = commonType(a.type, b.type);
  const width = 8 * sizeOfType(common);
  const fit = (value: TypedValue): bigint => {
    const operand = numberOf(value, inspector);
    return isSigned(common) ? BigInt.asIntN(width, operand) : BigInt.asUintN(width, operand);
  };
  const holds = comparisons[expression.operator]?.holds(fit(a), fit(b));
  return holds === undefined ? undefined : { left: a, right: b, truth: holds };
}

function isConstant(expression: Expression, setting: TestSetting): boolean {
  switch (expression.kind) {
    case 'number':
    case 'sizeofType':
      return true;
    case 'name':
      return setting.surroundings.variable(expression.name) === undefined;
    case 'unary':
    case 'cast':
      return isConstant(expression.operand, setting);
    case 'binary':
      return isConstant(expression.left, setting) && isConstant(expression.right, setting);
    default:
      return false;
  }
}

/** The operand of a jump that is not the known one; undefined where the known one is none of the two. */
function otherThan(known: bigint, { left, right, bits }: Jump): bigint | undefined {
  const number = BigInt.asUintN(bits, known);
  if (number === right) return left;
  return number === left ? right : undefined;
}

/** The value of a call, where the jump compares it with 0. */
function callResult(expression: Expression, jump: Jump | undefined, setting: TestSetting): TypedValue | undefined {
  const type = callType(expression, setting);
  if (type === undefined || jump === undefined || !jump.immediate || jump.right !== 0n) return undefined;
  return integerValue(jump.left, isScalar(type) ? type : baseTypes.long);
}

function callType(expression: Expression, setting: TestSetting): CType | undefined {
  if (expression.kind === 'cast') return callType(expression.operand, setting);
  return expression.kind === 'call' ? setting.resultOf(expression.name) : undefined;
}

/** Undefined for what would have to be run again, and what has no value. */
function valueOf(expression: Expression, { surroundings, inspector }: TestSetting): TypedValue | undefined {
  try {
    const value = evaluateExpression(expression, surroundings);
    numberOf(value, inspector);
    return value;
  } catch (error) {
    if (error instanceof ExpressionError || error instanceof NoValue) return undefined;
    throw error;
  }
}

/** What is compared with a field in network order is shown as that. */
function alike(left: TypedValue, right: TypedValue, inspector: Inspector): [TypedValue, TypedValue] {
  const order = isNetworkOrder(left.type) ? left.type : isNetworkOrder(right.type) ? right.type : undefined;
  if (order === undefined) return [left, right];
  const retyped = (value: TypedValue): TypedValue =>
    isNetworkOrder(value.type) || bareType(value.type).kind === 'pointer'
      ? value
      : integerValue(numberOf(value, inspector), order);
  return [retyped(left), retyped(right)];
}

/** The name that says what a value is: of a variable or a member. */
function nameOf(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'member':
      return expression.member;
    case 'cast':
      return nameOf(expression.operand);
    case 'unary':
      return expression.operator === '*' ? nameOf(expression.operand) : undefined;
    case 'index':
      return nameOf(expression.base);
    default:
      return undefined;
  }
}

/** A value in a few words: ethertypes in hex, addresses as such, other fields in network order as the number that they mean. */
export function brief(value: TypedValue, name: string, inspector: Inspector): string {
  const { text } = present(value, name, inspector);
  const network = /^(.+) \((0x[0-9a-f]+), network order\)$/.exec(text);
  if (network !== null) return (/proto|type/i.test(name) ? network[2] : network[1]) ?? text;
  if (isAddressName(name)) return text.replace(/ \(network order\)$/, '');
  return text;
}
