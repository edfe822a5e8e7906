import type { CSource, RecordDefinition } from '../../c/source.ts';
import { splitTopLevel } from '../../c/text.ts';
import { lineStart, type QuickFix } from './edits.ts';
import type { Site } from './site.ts';

/** `*(__u32 *)(bytes + 1)` becomes a copy; `option->value` is read in pieces once its structure is packed. */
export function aligned(site: Site): QuickFix[] {
  const copy = copyInstead(site);
  if (copy !== undefined) return [copy];
  const packed = pack(site);
  return packed === undefined ? [] : [packed];
}

/** `({ __u32 value; __builtin_memcpy(&value, bytes + 1, sizeof(value)); value; })`: the same bytes, one by one. */
function copyInstead({ source, at, expression }: Site): QuickFix | undefined {
  const cast = /^\*\s*\(\s*((?:const\s+|volatile\s+)*(?:struct\s+)?\w+)\s*\*\s*\)\s*([\s\S]+)$/.exec(expression);
  const start = source.text.indexOf(expression, lineStart(source.text, at));
  if (cast === null || start < 0 || start > at) return undefined;
  const [, type = '', address = ''] = cast;
  // What is written to is another thing.
  if (/^\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)|^\s*(?:\+\+|--)/.test(source.code.slice(start + expression.length)))
    return undefined;
  const plain = type.replaceAll(/\b(?:const|volatile)\s+/g, '');
  const from = /^\([\s\S]*\)$/.test(address) ? address.slice(1, -1) : address;
  const text = `({ ${plain} value; __builtin_memcpy(&value, ${from}, sizeof(value)); value; })`;
  return {
    title: `Copy the ${plain} instead of reading it where it lies`,
    edits: [{ start, end: start + expression.length, text }],
  };
}

/** Only where the structure is defined here and stays as large as it is: then nothing but the way of reading it changes. */
function pack({ source, fn, expression }: Site): QuickFix | undefined {
  const pointer = /^(\w+)->/.exec(expression)?.[1];
  if (pointer === undefined) return undefined;
  const body = source.code.slice(fn.span.start, fn.body.end);
  const tag = new RegExp(String.raw`\bstruct\s+(\w+)\s*\*\s*(?:const\s+)?${pointer}\b`).exec(body)?.[1];
  const record = source.records.find(({ kind, name }) => kind === 'struct' && name === tag);
  if (record === undefined || !hasNoPadding(record)) return undefined;
  const definition = source.code.slice(record.span.start, record.span.end);
  const close = definition.lastIndexOf('}');
  if (close < 0 || /\bpacked\b/.test(source.text.slice(record.span.start, record.span.end))) return undefined;
  const at = record.span.start + close + 1;
  const edits = [{ start: at, end: at, text: ' __attribute__((packed))' }];
  return { title: `Pack \`struct ${record.name}\`, which has no padding`, edits };
}

const scalarBytes: Readonly<Record<string, number>> = {
  char: 1,
  'unsigned char': 1,
  'signed char': 1,
  bool: 1,
  short: 2,
  'unsigned short': 2,
  int: 4,
  unsigned: 4,
  'unsigned int': 4,
  'long long': 8,
  'unsigned long long': 8,
};

function bytesOf(type: string): number | undefined {
  const bits = /^(?:__)?(?:[us]|be|le|u?int)(8|16|32|64)(?:_t)?$/.exec(type)?.[1];
  return bits === undefined ? scalarBytes[type] : Number(bits) / 8;
}

/** Fields of plain numbers, each where it would stand without padding, and no gap at the end. */
function hasNoPadding({ fields }: RecordDefinition): boolean {
  let offset = 0;
  let widest = 1;
  for (const { type, length } of fields) {
    const bytes = bytesOf(type);
    const count = length === undefined ? 1 : /^\d+$/.test(length) ? Number(length) : undefined;
    if (bytes === undefined || count === undefined || offset % bytes !== 0) return false;
    offset += bytes * count;
    widest = Math.max(widest, bytes);
  }
  return fields.length > 0 && offset % widest === 0;
}

/** How an atomic function reads as plain arithmetic. */
const operators: Readonly<Record<string, string>> = { add: '+=', sub: '-=', and: '&=', or: '|=', xor: '^=' };

/**
 * `__sync_fetch_and_add(&ip->id, 1);` on the packet: no other CPU has it, so that plain arithmetic does the same. Only where nobody
 * uses what the function returns.
 */
export function plainArithmetic({ source, at }: Site): QuickFix | undefined {
  const call = atomicCall(source, at);
  if (call === undefined) return undefined;
  const { start, end, operation, target, operand } = call;
  const operator = operators[operation];
  if (operator === undefined) return undefined;
  const place = target.startsWith('&') ? target.slice(1).trim() : `*${/^\w+$/.test(target) ? target : `(${target})`}`;
  const edits = [{ start, end, text: `${place} ${operator} ${operand}` }];
  return { title: 'Use plain arithmetic: no other CPU has this packet', edits };
}

/** `__sync_fetch_and_sub(p, n)` as `__sync_fetch_and_add(p, -(n))`, which BPF has. */
export function atomicAddition(source: CSource, at: number): QuickFix | undefined {
  const call = atomicCall(source, at);
  if (call === undefined || call.operation !== 'sub') return undefined;
  const { start, end, name, target, operand } = call;
  const negative = /^\w+$/.test(operand) ? `-${operand}` : `-(${operand})`;
  const order = call.order === undefined ? '' : `, ${call.order}`;
  const text = `${name.replace('sub', 'add')}(${target}, ${negative}${order})`;
  return { title: 'Add the negative number: BPF has no atomic subtraction', edits: [{ start, end, text }] };
}

/** The atomic call that is a statement of its own, in whose line the place is. */
function atomicCall(
  { code }: CSource,
  at: number,
):
  | {
      start: number;
      end: number;
      name: string;
      operation: string;
      target: string;
      operand: string;
      order: string | undefined;
    }
  | undefined {
  const from = lineStart(code, at);
  const lineEnd = code.indexOf('\n', at);
  const line = code.slice(from, lineEnd < 0 ? code.length : lineEnd);
  const call = /\b(__sync_(?:fetch_and_(\w+)|(\w+)_and_fetch)|__atomic_(?:fetch_(\w+)|(\w+)_fetch))\s*\(/.exec(line);
  if (call === null || !/(?:^|[;{})])\s*(?:\(\s*void\s*\)\s*)?$/.test(line.slice(0, call.index))) return undefined;
  const start = from + call.index;
  let depth = 0;
  let end = start;
  while (end < code.length) {
    if (code[end] === '(') depth++;
    else if (code[end] === ')' && --depth === 0) break;
    end++;
  }
  if (!/^\)\s*;/.test(code.slice(end))) return undefined;
  const [target, operand, order] = splitTopLevel(code.slice(start + call[0].length, end)).map((each) => each.trim());
  if (target === undefined || operand === undefined) return undefined;
  const operation = call[2] ?? call[3] ?? call[4] ?? call[5] ?? '';
  return { start, end: end + 1, name: call[1] ?? '', operation, target, operand, order };
}

/** `struct key key;` gets `= {}`: its padding and what nobody sets are zero then. With any initialiser clang sets all of it. */
export function initialise({ source, fn, expression }: Site): QuickFix | undefined {
  const named = /^\w+\s*\(([\s\S]*)\)$/.exec(expression);
  const names =
    named === null
      ? [/^&?\*?(\w+)\b/.exec(expression)?.[1]]
      : splitTopLevel(named[1] ?? '').map((each) => /^(?:\([^()]*\)\s*)*&?\s*(\w+)$/.exec(each.trim())?.[1]);
  const body = source.code.slice(fn.body.start, fn.body.end);
  const found = names.flatMap((name) => {
    if (name === undefined) return [];
    const declared = new RegExp(
      String.raw`(?:^|[;{}])\s*(?!return\b|else\b|goto\b)(?:const\s+|volatile\s+)*(?:(?:struct|union)\s+)?\w+(?:\s+\w+)*\s+${name}\s*(?:\[[^\]]*\])?\s*(?=;)`,
    ).exec(body);
    if (declared === null) return [];
    return [{ name, at: fn.body.start + declared.index + declared[0].trimEnd().length }];
  });
  const [only] = found;
  if (only === undefined || found.length > 1) return undefined;
  return { title: `Initialise \`${only.name}\``, edits: [{ start: only.at, end: only.at, text: ' = {}' }] };
}
