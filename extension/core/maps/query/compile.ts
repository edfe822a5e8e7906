import { suggest } from '../../packet/fail.ts';
import type { MapSchema } from '../schema.ts';
import { compareOperands, compareToLiteral, isTrue, type Test } from './compare.ts';
import { type Field, fieldNames, findField } from './fields.ts';
import { cpuFunction, cpuFunctions, fitsMap, isCpuFunction } from './functions.ts';
import { type NumberOperand, type Operand, operandOf } from './operands.ts';
import { type Comparison, type Filter, parseFilter, parseTerm, type Term } from './parse.ts';
import { filterError } from './tokens.ts';

/** The rates that a filter and a sort key ask for, by number: `read` of each is sampled with every reading of the map. */
export type RateOperands = NumberOperand[];

/**
 * A filter checked against the map's types. On per-CPU maps a number is the sum over all CPUs, and an address, a text or a
 * name fits when that of any CPU does. `rates`: takes what rate() asks for. Throws `filter-invalid` with its place.
 */
export function compileFilter(schema: MapSchema, text: string, rates: RateOperands = []): Test {
  return new Compiler(schema, rates).filter(parseFilter(text));
}

/** What a table is sorted by: `packets`, `key`, `max(bytes)`, `rate(packets)`, `cpu3.packets`. */
export function compileOperand(schema: MapSchema, text: string, rates: RateOperands = []): Operand {
  return new Compiler(schema, rates).operand(parseTerm(text));
}

class Compiler {
  readonly #schema: MapSchema;
  readonly #rates: RateOperands;

  constructor(schema: MapSchema, rates: RateOperands) {
    this.#schema = schema;
    this.#rates = rates;
  }

  filter(filter: Filter): Test {
    switch (filter.kind) {
      case 'or': {
        const parts = filter.parts.map((part) => this.filter(part));
        return (row) => parts.some((part) => part(row));
      }
      case 'and': {
        const parts = filter.parts.map((part) => this.filter(part));
        return (row) => parts.every((part) => part(row));
      }
      case 'not': {
        const of = this.filter(filter.of);
        return (row) => !of(row);
      }
      case 'truth':
        return isTrue(this.operand(filter.term), filter.term);
      case 'compare':
        return this.#compare(filter);
    }
  }

  operand(term: Term): Operand {
    return this.#tryOperand(term) ?? this.#unknown(term);
  }

  #compare({ op, left, right, at, length }: Extract<Filter, { kind: 'compare' }>): Test {
    const one = this.#tryOperand(left);
    const other = this.#tryOperand(right);
    if (one !== undefined && other !== undefined) return compareOperands(op, one, other, { at, length });
    if (one !== undefined) return compareToLiteral(op, one, right);
    if (other !== undefined) return compareToLiteral(turned(op, { at, length }), other, left);
    return this.#unknown(left);
  }

  /** undefined for what is no field: then it may be a literal. */
  #tryOperand(term: Term): Operand | undefined {
    switch (term.kind) {
      case 'string':
        return undefined;
      case 'word': {
        const field = this.#field(term);
        if (field === undefined) return undefined;
        const operand = operandOf(this.#schema, field);
        if (operand !== undefined) return operand;
        const inner = fieldNames(this.#schema).filter((name) => /^(value\.)?/.test(name) && name.startsWith(term.text));
        throw filterError(`${term.text} is made of several values.`, term, suggestionOf(inner, this.#schema));
      }
      case 'call':
        return this.#call(term);
      case 'mask': {
        const of = this.#tryOperand(term.of) ?? this.#unknown(term.of);
        const mask = term.mask.kind === 'word' ? literalInteger(term.mask.text) : undefined;
        if (of.kind !== 'number' || of.domain === 'float') throw filterError('& takes a whole number.', term.of);
        if (mask === undefined) throw filterError('After & stands a number such as 0x4.', term.mask);
        return { ...of, each: undefined, names: [], address: undefined, read: (row) => masked(of.read(row), mask) };
      }
    }
  }

  #call(term: Extract<Term, { kind: 'call' }>): Operand {
    const { name, argument } = term;
    const field = this.#field(argument);
    if (field === undefined) return this.#unknown(argument);
    if (name === 'rate') {
      const operand = operandOf(this.#schema, field);
      if (operand?.kind !== 'number') throw filterError(`${argument.text} is no number: it has no rate.`, argument);
      const number = this.#rates.push(operand) - 1;
      return rateOperand(number);
    }
    if (!isCpuFunction(name)) {
      throw filterError(`There is no function ${name}().`, term, `There are ${[...cpuFunctions, 'rate'].join(', ')}.`);
    }
    if (!fitsMap(this.#schema, name, field)) {
      throw filterError(`${name}() compares CPUs: it needs a value of a per-CPU map.`, term);
    }
    const operand = cpuFunction(this.#schema, name, field);
    if (operand === undefined) throw filterError(`${argument.text} is no number.`, argument);
    return operand;
  }

  #field(term: Extract<Term, { kind: 'word' }>): Field | undefined {
    const field = findField(this.#schema, term.text);
    if (field !== 'ambiguous') return field;
    throw filterError(`Key and value both have ${term.text}.`, term, `Write key.${term.text} or value.${term.text}.`);
  }

  #unknown(term: Term): never {
    const name = term.kind === 'word' ? term.text : undefined;
    const names = fieldNames(this.#schema);
    if (name === undefined) throw filterError('A field must be named here.', term, suggestionOf(names, this.#schema));
    throw filterError(`This map has no field ${name}.`, term, suggest(name, names));
  }
}

function rateOperand(number: number): NumberOperand {
  return {
    kind: 'number',
    domain: 'float',
    each: undefined,
    names: [],
    address: undefined,
    read: (row) => {
      const rate = row.rates[number];
      return rate === undefined || Number.isNaN(rate) ? undefined : rate;
    },
  };
}

function suggestionOf(names: readonly string[], schema: MapSchema): string {
  const shown = names.length > 0 ? names : fieldNames(schema);
  return `Name one of ${shown.slice(0, 12).join(', ')}${shown.length > 12 ? ', …' : ''}.`;
}

function turned(op: Comparison, at: { at: number; length: number }): Comparison {
  switch (op) {
    case '<':
      return '>';
    case '<=':
      return '>=';
    case '>':
      return '<';
    case '>=':
      return '<=';
    case '~':
      throw filterError('Before ~ stands a field.', at);
    case '==':
    case '!=':
      return op;
  }
}

function literalInteger(text: string): bigint | undefined {
  return /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text) : undefined;
}

function masked(value: number | bigint | undefined, mask: bigint): number | bigint | undefined {
  return value === undefined ? undefined : Number(BigInt.asIntN(64, BigInt(value) & mask));
}
