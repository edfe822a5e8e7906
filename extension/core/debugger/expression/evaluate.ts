import { bareType, type CType, sizeOfType, typeText } from '../../dwarf/types.ts';
import { halves, type Inspector } from '../inspector.ts';
import {
  assign,
  baseTypes,
  dereference,
  integerValue,
  isScalar,
  isSigned,
  NoValue,
  numberOf,
  partOf,
  type TypedValue,
} from '../values.ts';
import type { Timeline } from '../timeline.ts';
import { memberOf } from './members.ts';
import { ExpressionError } from './lex.ts';
import { type Expression, parseExpression } from './parse.ts';
import { callFunction, constants } from './builtins.ts';

/** What names mean where the program stands. */
export interface Surroundings {
  inspector: Inspector;
  /** Assignments need it; without it they are refused. */
  timeline?: Timeline;
  variable(name: string): TypedValue | undefined;
  /** `struct iphdr`, `__u32`; undefined for what is no type of the program. */
  namedType(name: string): CType | undefined;
}

/** The value of a C expression. Throws ExpressionError and NoValue. */
export function evaluate(text: string, surroundings: Surroundings): TypedValue {
  return evaluateExpression(parseExpression(text, typeTest(surroundings)), surroundings);
}

/** The same for an expression that was read before. */
export function evaluateExpression(expression: Expression, surroundings: Surroundings): TypedValue {
  return new Evaluator(surroundings).value(expression);
}

/** Tells names of types from those of variables, for parseExpression(). */
export function typeTest(surroundings: Surroundings): (name: string) => boolean {
  return (name) => surroundings.variable(name) === undefined && typeNamed([name], surroundings) !== undefined;
}

/** Is it true, as C has it? */
export function isTrue(value: TypedValue, inspector: Inspector): boolean {
  return numberOf(decayed(value), inspector) !== 0n;
}

class Evaluator {
  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  value(expression: Expression): TypedValue {
    switch (expression.kind) {
      case 'number': {
        const { long, unsigned } = expression;
        const type = long
          ? unsigned
            ? baseTypes.unsignedLong
            : baseTypes.long
          : unsigned
            ? baseTypes.unsigned
            : baseTypes.int;
        return integerValue(expression.value, type);
      }
      case 'name':
        return this.name(expression.name);
      case 'unary':
        return this.unary(expression.operator, expression.operand);
      case 'binary':
        return this.binary(expression);
      case 'condition':
        return this.value(isTrue(this.value(expression.test), this.around.inspector) ? expression.yes : expression.no);
      case 'cast':
        return this.cast(this.type(expression.type), this.value(expression.operand));
      case 'sizeofType':
        return integerValue(BigInt(sizeOfType(this.type(expression.type))), baseTypes.unsignedLong);
      case 'sizeof':
        return integerValue(BigInt(sizeOfType(this.value(expression.operand).type)), baseTypes.unsignedLong);
      case 'index': {
        const base = this.value(expression.base);
        return this.element(base, this.number(this.value(expression.index)));
      }
      case 'member': {
        const base = this.value(expression.base);
        const whole = expression.arrow ? dereference(base, this.around.inspector) : base;
        return memberOf(whole, expression.member);
      }
      case 'call':
        return callFunction(
          expression.name,
          expression.operands.map((operand) => this.number(this.value(operand))),
        );
      case 'assign': {
        const { inspector, timeline } = this.around;
        if (timeline === undefined) throw new ExpressionError('an assignment is not possible here');
        const target = this.value(expression.target);
        assign(target, this.number(this.value(expression.value)), inspector, timeline);
        return target;
      }
    }
  }

  private name(name: string): TypedValue {
    const register = /^\$?r(\d|10)$/.exec(name);
    const variable = this.around.variable(name);
    if (variable !== undefined) return variable;
    if (register !== null && name.startsWith('$')) {
      return { type: baseTypes.unsignedLong, storage: { kind: 'register', register: Number(register[1]) } };
    }
    const constant = constants[name];
    if (constant !== undefined) return integerValue(BigInt(constant), baseTypes.int);
    throw new ExpressionError(`there is no variable ${name} here`);
  }

  private unary(operator: '*' | '&' | '-' | '+' | '~' | '!', operand: Expression): TypedValue {
    const value = this.value(operand);
    const { inspector } = this.around;
    if (operator === '*') return dereference(value, inspector);
    if (operator === '&') {
      if (value.storage.kind !== 'memory') throw new NoValue('it has no address');
      const target = value.type;
      return integerValue(value.storage.pointer, { kind: 'pointer', target });
    }
    const number = this.number(value);
    if (operator === '!') return integerValue(number === 0n ? 1n : 0n, baseTypes.int);
    const type = promoted(value.type);
    return this.fitted(operator === '-' ? -number : operator === '~' ? ~number : number, type);
  }

  private binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): TypedValue {
    const { inspector } = this.around;
    const truth = (value: boolean): TypedValue => integerValue(value ? 1n : 0n, baseTypes.int);
    if (operator === '&&' || operator === '||') {
      const first = isTrue(this.value(left), inspector);
      if (first === (operator === '||')) return truth(first);
      return truth(isTrue(this.value(right), inspector));
    }
    const a = decayed(this.value(left));
    const b = decayed(this.value(right));
    const pointer = this.pointerArithmetic(operator, a, b);
    if (pointer !== undefined) return pointer;
    const type = operator === '<<' || operator === '>>' ? promoted(a.type) : commonType(a.type, b.type);
    const x = this.converted(this.number(a), type);
    const y = this.converted(this.number(b), type);
    const compared = comparisons[operator];
    if (compared !== undefined) return truth(compared(x, y));
    if ((operator === '/' || operator === '%') && y === 0n) throw new NoValue('it divides by zero');
    const operation = arithmetic[operator];
    if (operation === undefined) throw new ExpressionError(`"${operator}" is not supported`);
    const width = BigInt(8 * sizeOfType(type));
    // Shifts beyond the width mean nothing in C; BPF masks them.
    return this.fitted(operation(x, operator === '<<' || operator === '>>' ? this.number(b) & (width - 1n) : y), type);
  }

  /** Comparing pointers, and moving them by elements. A packet's end may have lost its region (`(void *)(long)ctx->data_end`). */
  private pointerArithmetic(operator: string, a: TypedValue, b: TypedValue): TypedValue | undefined {
    const left = bareType(a.type);
    const right = bareType(b.type);
    if (left.kind !== 'pointer' && right.kind !== 'pointer') return undefined;
    if (left.kind === 'pointer' && right.kind === 'pointer') {
      const [x, y] = [this.number(a), this.number(b)].map((pointer) => BigInt(halves(pointer).low >>> 0)) as [
        bigint,
        bigint,
      ];
      if (operator === '-') return integerValue((x - y) / BigInt(Math.max(1, sizeOfType(left.target))), baseTypes.long);
      const compared = comparisons[operator];
      return compared === undefined ? undefined : integerValue(compared(x, y) ? 1n : 0n, baseTypes.int);
    }
    if (operator !== '+' && operator !== '-') return undefined;
    const [pointer, offset] = left.kind === 'pointer' ? [a, b] : [b, a];
    const bare = bareType(pointer.type);
    const step = BigInt(Math.max(1, bare.kind === 'pointer' ? sizeOfType(bare.target) : 1));
    const distance = this.number(offset) * step;
    return integerValue(this.number(pointer) + (operator === '-' ? -distance : distance), pointer.type);
  }

  private element(base: TypedValue, index: bigint): TypedValue {
    const bare = bareType(base.type);
    if (bare.kind === 'array') return partOf(base, bare.element, Number(index) * sizeOfType(bare.element));
    if (bare.kind !== 'pointer') throw new NoValue(`a ${typeText(base.type)} has no elements`);
    const pointer = numberOf(base, this.around.inspector) + index * BigInt(Math.max(1, sizeOfType(bare.target)));
    return { type: bare.target, storage: { kind: 'memory', pointer: BigInt.asUintN(64, pointer) } };
  }

  private cast(type: CType, value: TypedValue): TypedValue {
    if (!isScalar(type)) throw new NoValue(`nothing can be cast to ${typeText(type)}`);
    return this.fitted(this.number(decayed(value)), type);
  }

  private type({ words, pointers }: { words: string[]; pointers: number }): CType {
    let type = typeNamed(words, this.around);
    if (type === undefined) throw new ExpressionError(`there is no type ${words.join(' ')}`);
    for (let star = 0; star < pointers; star++) type = { kind: 'pointer', target: type };
    return type;
  }

  private number(value: TypedValue): bigint {
    return numberOf(decayed(value), this.around.inspector);
  }

  private converted(value: bigint, type: CType): bigint {
    const bits = 8 * Math.max(1, sizeOfType(type));
    return isSigned(type) ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  }

  private fitted(value: bigint, type: CType): TypedValue {
    return integerValue(this.converted(value, type), type);
  }
}

/** An array as the pointer to its first element. */
function decayed(value: TypedValue): TypedValue {
  const bare = bareType(value.type);
  if (bare.kind !== 'array' || value.storage.kind !== 'memory') return value;
  return integerValue(value.storage.pointer, { kind: 'pointer', target: bare.element });
}

/** C11 6.3.1.1: what is smaller than an int becomes an int. */
function promoted(type: CType): CType {
  return sizeOfType(type) < 4 ? baseTypes.int : type;
}

/** C11 6.3.1.8, the usual arithmetic conversions. */
export function commonType(a: CType, b: CType): CType {
  const left = promoted(a);
  const right = promoted(b);
  const size = Math.max(sizeOfType(left), sizeOfType(right));
  const unsigned = [left, right].some((type) => sizeOfType(type) === size && !isSigned(type));
  if (size > 4) return unsigned ? baseTypes.unsignedLong : baseTypes.long;
  return unsigned ? baseTypes.unsigned : baseTypes.int;
}

const comparisons: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
};

const arithmetic: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
};

/** Types that C and the kernel's headers have, also where the program's debug information does not mention them. */
const builtIn = new Map<string, CType>();
for (const size of [1, 2, 4, 8]) {
  for (const signed of [true, false]) {
    const letter = signed ? 's' : 'u';
    const bits = 8 * size;
    for (const name of [`__${letter}${bits}`, `${letter}${bits}`, `${signed ? '' : 'u'}int${bits}_t`])
      builtIn.set(name, { kind: 'base', name, size, encoding: signed ? 'signed' : 'unsigned' });
  }
}
for (const [name, size] of [
  ['__be16', 2],
  ['__be32', 4],
  ['__be64', 8],
] as const)
  builtIn.set(name, { kind: 'typedef', name, target: { kind: 'base', name: 'unsigned', size, encoding: 'unsigned' } });

function typeNamed(words: readonly string[], around: Surroundings): CType | undefined {
  const [first = ''] = words;
  if (words.length === 2 && /^(struct|union|enum)$/.test(first)) return around.namedType(words.join(' '));
  if (words.length === 1 && first === 'void') return { kind: 'void' };
  const basic = basicType(words);
  if (basic !== undefined) return basic;
  return words.length === 1 ? (around.namedType(first) ?? builtIn.get(first)) : undefined;
}

/** `unsigned long int` in any order. */
function basicType(words: readonly string[]): CType | undefined {
  if (words.length === 0 || !words.every((word) => /^(unsigned|signed|char|short|int|long|_Bool|bool)$/.test(word)))
    return undefined;
  const size = words.some((word) => /^(char|_Bool|bool)$/.test(word))
    ? 1
    : words.includes('short')
      ? 2
      : words.includes('long')
        ? 8
        : 4;
  const encoding = words.some((word) => /bool$/i.test(word))
    ? 'bool'
    : words.includes('unsigned')
      ? 'unsigned'
      : 'signed';
  return { kind: 'base', name: words.join(' '), size, encoding };
}
