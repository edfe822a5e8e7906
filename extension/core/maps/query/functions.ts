import type { MapSchema } from '../schema.ts';
import { isPerCpu } from '../types.ts';
import type { Field } from './fields.ts';
import { baseOf, memoryOf, type NumberOperand, type Places, readersOf, type Row } from './operands.ts';

/** What can be asked of a field over the CPUs of a per-CPU map; on other maps each is the value itself. */
export const cpuFunctions = ['sum', 'min', 'max', 'avg', 'imbalance'] as const;
export type CpuFunction = (typeof cpuFunctions)[number];

/** undefined when the field is no number. */
export function cpuFunction(schema: MapSchema, name: CpuFunction, field: Field): NumberOperand | undefined {
  const readers = readersOf(schema, field);
  if (readers === undefined) return undefined;
  const { places } = readers;
  const each = (row: Row): (number | bigint)[] => {
    const { view } = memoryOf(row, places);
    const base = baseOf(row, places);
    return places.offsets.map((offset) => readers.readAt(view, base + offset));
  };
  const divided = name === 'avg' || name === 'imbalance';
  const signed =
    field.layout.kind === 'float' ? 'float' : 'signed' in field.layout && field.layout.signed ? 'signed' : 'unsigned';
  return {
    kind: 'number',
    domain: divided ? 'float' : signed,
    each: undefined,
    names: [],
    address: undefined,
    read: (row) => over(name, each(row), places),
  };
}

function over(name: CpuFunction, values: readonly (number | bigint)[], places: Places): number | bigint | undefined {
  switch (name) {
    case 'sum':
      return total(values);
    case 'min':
      return values.reduce((least, value) => (value < least ? value : least));
    case 'max':
      return values.reduce((most, value) => (value > most ? value : most));
    case 'avg':
      return Number(total(values)) / places.offsets.length;
    case 'imbalance': {
      // 1: every CPU has as much; as many as there are CPUs: one has all. Of nothing there is no share.
      const mean = Number(total(values)) / places.offsets.length;
      const most = Number(values.reduce((max, value) => (value > max ? value : max)));
      return mean === 0 ? undefined : most / mean;
    }
  }
}

function total(values: readonly (number | bigint)[]): number | bigint {
  let sum = 0;
  for (const value of values) {
    if (typeof value === 'bigint') return values.reduce((all: bigint, each) => all + BigInt(each), 0n);
    sum += value;
  }
  if (Number.isSafeInteger(sum) || values.some((value) => !Number.isInteger(value))) return sum;
  return values.reduce((all: bigint, each) => all + BigInt(each), 0n);
}

export function isCpuFunction(name: string): name is CpuFunction {
  return cpuFunctions.some((each) => each === name);
}

/** Imbalance means nothing where there is one value. */
export function fitsMap(schema: MapSchema, name: CpuFunction, field: Field): boolean {
  return name !== 'imbalance' || (field.in === 'value' && isPerCpu(schema.type) && field.slot === undefined);
}
