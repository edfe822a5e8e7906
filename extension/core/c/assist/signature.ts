import type { CSource } from '../source.ts';
import { helperText } from './completion.ts';
import type { Knowledge } from './knowledge.ts';

export interface Signature {
  label: string;
  documentation: string;
  parameters: string[];
  active: number;
}

/** The helper whose arguments are being written at an offset. */
export function signatureAt(source: CSource, knowledge: Knowledge, offset: number): Signature | undefined {
  let depth = 0;
  let commas = 0;
  const from = Math.max(0, offset - 2000);
  for (let at = offset - 1; at >= from; at--) {
    const char = source.code[at];
    if (char === ')' || char === ']') depth++;
    else if (char === '[') depth--;
    else if (char === ',' && depth === 0) commas++;
    else if (char === ';' || char === '{' || char === '}') return undefined;
    else if (char === '(' && depth-- === 0) {
      const name = /(\w+)\s*$/.exec(source.code.slice(Math.max(0, at - 80), at))?.[1] ?? '';
      const helper = knowledge.helpers.get(name);
      if (helper === undefined) return undefined;
      const { parameters, returns } = helper;
      const label = `${returns} ${name}(${parameters.join(', ')})`;
      return {
        label,
        documentation: helperText(helper),
        parameters,
        active: Math.min(commas, Math.max(0, parameters.length - 1)),
      };
    }
  }
  return undefined;
}
