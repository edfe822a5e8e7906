import { splitTopLevel } from './text.ts';

export interface Field {
  name: string;
  /** As written; empty for an enumerator. */
  type: string;
  /** The text between the brackets of an array. */
  length: string | undefined;
}

/** The fields of a structure or union, from what stands between its braces. */
export function recordFields(body: string, depth = 0): Field[] {
  // <linux/stddef.h>: __struct_group(tag, name, attributes, fields…) has its fields in the structure as well.
  const text = body
    .replaceAll(/^[ \t]*#[^\n]*$/gm, '')
    .replaceAll(/\b__struct_group\s*\([^,]*,[^,]*,[^,]*,/g, '')
    .replaceAll(/;(\s*)\)\s*;/g, ';$1');
  const fields: Field[] = [];
  let nesting = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') nesting++;
    else if (text[at] === '}') nesting--;
    else if (text[at] === ';' && nesting === 0) {
      fields.push(...fieldsOf(text.slice(from, at), depth));
      from = at + 1;
    }
  }
  // Bit-fields stand twice, once for each byte order.
  return [...new Map(fields.map((field) => [field.name, field])).values()];
}

/** The fields of one declaration; those of an anonymous structure or union count as the outer one's. */
function fieldsOf(text: string, depth: number): Field[] {
  const inner = /^\s*(?:struct|union)\s*\{([\s\S]*)\}\s*(?:__attribute__\s*\(\([^()]*\)\)\s*)?$/.exec(text);
  if (inner !== null) return depth > 6 ? [] : recordFields(inner[1] ?? '', depth + 1);
  const plain = text.replaceAll(/\{[\s\S]*\}/g, ' ').replaceAll(/__attribute__\s*\(\([^()]*\)\)/g, ' ');
  const [first = '', ...others] = splitTopLevel(plain);
  const match = /^([\s\S]*?[\s*])(\w+)\s*(?:\[([^\]]*)\][\s\S]*|:\s*\w+\s*)?$/.exec(first.trimEnd());
  if (match === null) return [];
  const type = (match[1] ?? '').replaceAll(/\s+/g, ' ').trim();
  const base = type.replaceAll('*', '').trim();
  const rest = others.flatMap((each): Field[] => {
    const other = /^(\**)\s*(\w+)\s*(?:\[([^\]]*)\]|:\s*\w+)?\s*$/.exec(each);
    if (other === null) return [];
    return [{ name: other[2] ?? '', type: `${base} ${other[1] ?? ''}`.trim(), length: other[3]?.trim() }];
  });
  return [{ name: match[2] ?? '', type, length: match[3]?.trim() }, ...rest];
}

/** The names of an enum, from what stands between its braces. */
export function enumerators(body: string): Field[] {
  return splitTopLevel(body).flatMap((part) => {
    const name = /^\s*(\w+)/.exec(part)?.[1];
    return name === undefined ? [] : [{ name, type: '', length: undefined }];
  });
}
