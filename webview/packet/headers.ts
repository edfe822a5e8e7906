import { headers as table } from '../../extension/core/packet/headers/table.ts';
import type { HeaderSpec } from '../../extension/core/packet/headers/spec.ts';
import { inWords } from '../common/language.ts';

/** Every header, with its words and those of its fields in the page's language; names are Scapy's everywhere. */
export const headers: ReadonlyMap<string, HeaderSpec> = new Map(
  [...table].map(([name, spec]) => [name, { ...inWords(spec), fields: spec.fields.map(inWords) }]),
);
