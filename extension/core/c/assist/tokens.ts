import type { CSource } from '../source.ts';
import type { Knowledge } from './knowledge.ts';

export const tokenTypes = ['packetPointer', 'mapValue', 'bpfMap', 'bpfHelper'] as const;
export interface Token {
  start: number;
  length: number;
  type: (typeof tokenTypes)[number];
}

/** Where packet pointers, map values, maps and helpers stand, in the order of the text. */
export function tokensOf(source: CSource, knowledge: Knowledge): Token[] {
  const tokens: Token[] = [];
  const maps = new Set(source.maps.map(({ name }) => name));
  for (const { body, parameters } of source.functions) {
    const text = source.code.slice(body.start, body.end);
    const { packet, values } = pointersIn(text, parameters);
    for (const match of text.matchAll(/[A-Za-z_]\w*/g)) {
      const name = match[0];
      const before = text[match.index - 1];
      if (before === '.' || (before === '>' && text[match.index - 2] === '-')) continue;
      const start = body.start + match.index;
      const add = (type: Token['type']): void => void tokens.push({ start, length: name.length, type });
      if (packet.has(name)) add('packetPointer');
      else if (values.has(name)) add('mapValue');
      else if (maps.has(name)) add('bpfMap');
      else if (knowledge.helpers.has(name)) add('bpfHelper');
    }
  }
  return tokens.sort((a, b) => a.start - b.start);
}

/** Variables that are assigned from the packet's context or from other packet pointers, and from lookups. */
export function pointersIn(body: string, parameters: readonly string[]): { packet: Set<string>; values: Set<string> } {
  const packet = new Set(parameters.flatMap((each) => /\b(data|data_end)$/.exec(each)?.[1] ?? []));
  const values = new Set<string>();
  const pointers = new Set([...body.matchAll(/\*\s*(\w+)/g)].map((match) => match[1] ?? ''));
  for (const match of body.matchAll(/\b(\w+)\s*=(?!=)\s*([^;,]{1,400})/g)) {
    const [, name = '', value = ''] = match;
    if (/->data(?:_end|_meta)?\b/.test(value)) packet.add(name);
    else if (/^\s*(?:\([^()]*\)\s*)*bpf_map_lookup_(?:percpu_)?elem\s*\(/.test(value)) values.add(name);
    else if (/^\s*(?:\([^()]*\*\s*\)\s*)*\(?\s*(\w+)\b(?!\s*(?:->|\.|\[|\())/.test(value)) {
      const from = /^\s*(?:\([^()]*\*\s*\)\s*)*\(?\s*(\w+)/.exec(value)?.[1] ?? '';
      if (pointers.has(name) && packet.has(from)) packet.add(name);
    }
  }
  return { packet, values };
}
