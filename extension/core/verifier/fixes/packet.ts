import type { QuickFix } from './edits.ts';
import { baseOf, failingAction, guard, insertBefore, type Site } from './site.ts';

/** `if ((void *)(ip + 1) > data_end) return XDP_PASS;` before the access, or as a condition before it. */
export function boundsCheck(site: Site): QuickFix | undefined {
  const base = baseOf(site.expression);
  const end = base === undefined ? undefined : limitOf(site, base.name);
  if (base === undefined || end === undefined || base.name === end) return undefined;
  const through = `(void *)(${base.name} + ${base.bytes})`;
  const title = `Check that \`${base.name}\` lies inside the packet`;
  switch (site.position.kind) {
    case 'before': {
      const action = failingAction(site);
      return action === undefined ? undefined : insertBefore(site, title, guard(`${through} > ${end}`, action));
    }
    case 'and': {
      const { operand } = site.position;
      return { title, edits: [{ start: operand, end: operand, text: `${through} <= ${end} && ` }] };
    }
    case 'none':
      return undefined;
  }
}

/** `if ((void *)(eth + 1) < data_end) return …;` was meant the other way round. */
export function turnComparison(site: Site): QuickFix | undefined {
  const { source, fn, statement } = site;
  const base = baseOf(site.expression);
  if (base === undefined) return undefined;
  const before = source.code.slice(fn.body.start, statement);
  const wrong = new RegExp(
    String.raw`\bif\s*\((?:\([^()]*\)\s*)?\(?\s*${base.name}\s*\+[^<>=&|;]*(<=?)\s*(?:\([^()]*\)\s*)?\w*end\w*\)\s*(?:return|goto)\b`,
  );
  const match = wrong.exec(before);
  if (match === null) return undefined;
  const start = fn.body.start + match.index + match[0].indexOf('<');
  const edits = [{ start, end: start + (match[1]?.length ?? 1), text: '>' }];
  return { title: 'Turn the comparison with the end of the packet round', edits };
}

/** What bounds a pointer: the end of the packet, and for metadata the start of the packet. */
function limitOf(site: Site, name: string): string | undefined {
  const { source, fn } = site;
  const body = source.code.slice(fn.body.start, fn.body.end);
  if (!new RegExp(String.raw`\b${name}\s*=\s*(?:\([^()]*\)\s*)*\w+->data_meta\b`).test(body)) return packetEnd(site);
  const data = /\b(\w+)\s*=\s*(?:\([^()]*\)\s*)*\w+->data\b/.exec(body)?.[1];
  if (data !== undefined) return `${cast(body, data)}${data}`;
  const context = contextOf(fn.parameters);
  return context === undefined ? undefined : `(void *)(long)${context}->data`;
}

/** The name that the function has the end of the packet under. */
function packetEnd({ source, fn }: Site): string | undefined {
  const body = source.code.slice(fn.body.start, fn.body.end);
  const local = /\b(\w+)\s*=\s*(?:\([^()]*\)\s*)*\w+->data_end\b/.exec(body)?.[1];
  if (local !== undefined) return `${cast(body, local)}${local}`;
  const parameter = fn.parameters.find((each) => /\bdata_end$/.test(each));
  if (parameter !== undefined) return /\bvoid\s*\*\s*data_end$/.test(parameter) ? 'data_end' : '(void *)data_end';
  const context = contextOf(fn.parameters);
  return context === undefined ? undefined : `(void *)(long)${context}->data_end`;
}

/** clang compares pointers to different types with a warning. */
function cast(body: string, name: string): string {
  return new RegExp(String.raw`\bvoid\s*\*\s*${name}\b`).test(body) ? '' : '(void *)';
}

function contextOf(parameters: readonly string[]): string | undefined {
  return parameters.map((each) => /\bstruct\s+xdp_md\s*\*\s*(\w+)$/.exec(each)?.[1]).find((name) => name !== undefined);
}

/** After a helper that moved the packet: the pointers are read from the context again, and checked again. */
export function rederive(site: Site): QuickFix | undefined {
  const { source, fn, position } = site;
  const base = baseOf(site.expression);
  const context = contextOf(fn.parameters);
  const action = failingAction(site);
  if (base === undefined || context === undefined || action === undefined || position.kind !== 'before')
    return undefined;
  const body = source.code.slice(fn.body.start, site.statement);
  const values = assignments(body);
  const order: string[] = [];
  if (!derive(base.name, values, order)) return undefined;
  const isMeta = order.some((name) => values.get(name)?.includes('->data_meta'));
  const limit = [...values].find(
    ([, value]) => value.includes(isMeta ? '->data' : '->data_end') && !value.includes('->data_meta'),
  );
  if (limit === undefined) return undefined;
  const [end, endValue] = limit;
  const statements = order.map((name) => `${name} = ${values.get(name)};`);
  if (!order.includes(end)) statements.push(`${end} = ${endValue};`);
  const check = guard(`(void *)(${base.name} + ${base.bytes}) > ${cast(body, end)}${end}`, action);
  return insertBefore(site, 'Read the packet pointers again, and check them', [...statements, ...check]);
}

/** The last plain assignment of each variable before the place. */
function assignments(body: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const match of body.matchAll(/(?:^|[;{}\s*])(\w+)\s*=(?!=)\s*([^;{}]+);/g)) {
    values.set(match[1] ?? '', (match[2] ?? '').replaceAll(/\s+/g, ' ').trim());
  }
  return values;
}

/** Lists what has to be assigned again, first things first; false where a value is not made of packet pointers alone. */
function derive(name: string, values: ReadonlyMap<string, string>, order: string[], depth = 0): boolean {
  const value = values.get(name);
  if (value === undefined || depth > 6) return false;
  if (order.includes(name)) return true;
  if (!/^(?:\([^()]*\)\s*)*\w+->data(?:_meta|_end)?$/.test(value)) {
    const words =
      value.replaceAll(/sizeof\s*\([^()]*\)|\((?:struct\s+)?\w+\s*\**\)/g, ' ').match(/[A-Za-z_]\w*/g) ?? [];
    const variables = words.filter((word) => values.has(word));
    if (variables.length === 0 || words.some((word) => !values.has(word) && !/^[A-Z_]+$/.test(word))) return false;
    if (!variables.every((each) => derive(each, values, order, depth + 1))) return false;
  }
  order.push(name);
  return true;
}
