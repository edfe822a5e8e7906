import { splitTopLevel } from '../../c/text.ts';
import { type Edit, lineStart, type QuickFix } from './edits.ts';
import { baseOf, failingAction, guard, insertBefore, type Site } from './site.ts';

/** `if (!value) return XDP_PASS;` before the first use, or as a condition before it. */
export function nullCheck(site: Site): QuickFix | undefined {
  const name = pointerOf(site);
  if (name === undefined) return undefined;
  const title = `Check that \`${name}\` is not NULL`;
  switch (site.position.kind) {
    case 'before': {
      const action = failingAction(site);
      return action === undefined ? undefined : insertBefore(site, title, guard(`!${name}`, action));
    }
    case 'and': {
      const { operand } = site.position;
      return { title, edits: [{ start: operand, end: operand, text: `${name} && ` }] };
    }
    case 'none':
      return undefined;
  }
}

/** The variable that the expression goes through, or the one argument of a call that a lookup gave and nobody tested. */
function pointerOf({ source, fn, expression, statement }: Site): string | undefined {
  const base = baseOf(expression);
  if (base !== undefined)
    return isVariable(source.code.slice(fn.span.start, fn.body.end), base.name) ? base.name : undefined;
  const call = /^\w+\s*\(([\s\S]*)\)$/.exec(expression);
  if (call === null) return undefined;
  const before = source.code.slice(fn.body.start, statement);
  const names = splitTopLevel(call[1] ?? '').filter((each) => {
    const gave = new RegExp(
      String.raw`\b${each}\s*=\s*bpf_(?:map_lookup_elem|ringbuf_reserve|sk_lookup|skc_lookup)\w*\s*\(`,
    );
    return /^\w+$/.test(each) && gave.test(before);
  });
  return names.length === 1 ? names[0] : undefined;
}

function isVariable(text: string, name: string): boolean {
  return new RegExp(String.raw`\*\s*${name}\b`).test(text);
}

/** `table[index & (COUNT - 1)]` where the table's length is a power of two, else a test before the access. */
export function limitIndex(site: Site): QuickFix[] {
  const { source, fn, expression, position, at } = site;
  const access = /^([\w.>-]+)\[([^[\]]+)\]$/.exec(expression);
  if (access === null) return [];
  const [, table = '', index = ''] = access;
  const length = lengthOf(site, table);
  if (length === undefined) return [];
  const fixes: QuickFix[] = [];
  // A write stands at its operator, behind what it writes to.
  const whole = source.text.indexOf(expression, lineStart(source.text, at));
  const open = whole < 0 ? -1 : whole + table.length;
  const start = open + 1;
  const count = numberOf(site, length);
  // Not on the stack: there clang may make one `|` of the address and the index, which no pointer allows.
  const body = source.code.slice(fn.body.start, fn.body.end);
  const isLocal = body.search(new RegExp(String.raw`\w(?<!\breturn)\s+${table.replaceAll(/\W/g, '')}\s*\[`)) >= 0;
  const isPowerOfTwo = count !== undefined && count > 0 && (count & (count - 1)) === 0;
  if (!isLocal && isPowerOfTwo && open >= 0 && whole <= at) {
    const simple = /^\w+$/.test(index) ? index : `(${index})`;
    const edit: Edit = { start, end: start + index.length, text: `${simple} & (${length} - 1)` };
    fixes.push({ title: `Mask the index with \`${length} - 1\``, edits: [edit] });
  }
  const action = failingAction(site);
  if (position.kind === 'before' && action !== undefined && /^\w+$/.test(index)) {
    fixes.push(
      insertBefore(
        site,
        `Check that \`${index}\` is below \`${length}\``,
        guard(`(__u64)${index} >= ${length}`, action),
      ),
    );
  }
  return fixes;
}

/** How many elements a table has, as the source writes it: a local array, a field, or a map's value. */
function lengthOf({ source, fn }: Site, table: string): string | undefined {
  const name = table.split(/->|\./).at(-1) ?? '';
  const body = source.code.slice(fn.body.start, fn.body.end);
  if (name === table) {
    const local = new RegExp(String.raw`(?:^|[;{}])\s*(?!return\b)\w[\w\s]*[\s*]${name}\s*\[([^\]]+)\]\s*[;=]`).exec(
      body,
    )?.[1];
    if (local !== undefined) return local.trim();
    const map = new RegExp(String.raw`\b${name}\s*=\s*bpf_map_lookup_elem\s*\(\s*&(\w+)`).exec(body)?.[1];
    const value = source.maps.find((each) => each.name === map)?.value;
    return /\[([^\]]+)\]$/.exec(value ?? '')?.[1]?.trim();
  }
  const lengths = source.records.flatMap(({ fields }) =>
    fields.filter((each) => each.name === name).map(({ length }) => length),
  );
  return lengths.length === 1 ? lengths[0] : undefined;
}

function numberOf({ source }: Site, text: string): number | undefined {
  const value = source.defines.find(({ name, parameters }) => name === text && parameters === undefined)?.body ?? text;
  const number = /^\(?(0x[\da-f]+|\d+)[uUlL]*\)?$/i.exec(value.trim())?.[1];
  return number === undefined ? undefined : Number(number);
}

/** `if (length > sizeof(buffer)) return …;` before a call that fills a local buffer. */
export function limitSize(site: Site): QuickFix | undefined {
  const { source, fn, expression, position } = site;
  const call = /^(\w+)\s*\(([\s\S]*)\)$/.exec(expression);
  if (call === null || position.kind !== 'before') return undefined;
  const args = splitTopLevel(call[2] ?? '');
  const body = source.code.slice(fn.body.start, fn.body.end);
  const isBuffer = (name: string): boolean => new RegExp(String.raw`\b${name}\s*\[[^\]]+\]\s*[;=]`).test(body);
  const at = args.findIndex((arg) => /^\w+$/.test(arg) && isBuffer(arg));
  const buffer = args[at];
  const size = args[at + 1];
  const action = failingAction(site);
  if (buffer === undefined || size === undefined || !/^\w+$/.test(size) || /^\d/.test(size) || action === undefined)
    return undefined;
  // clang compares the pointers instead, and the verifier does not see that this bounds their difference.
  if (new RegExp(String.raw`\b${size}\s*=[^;]*end\b[^;]*-`).test(body)) return undefined;
  // Compared without a sign, so that a negative size is too large as well. Zero is not taken by every helper.
  const condition = `(__u64)${size} - 1 >= sizeof(${buffer})`;
  return insertBefore(site, `Check that \`${size}\` fits into \`${buffer}\``, guard(condition, action));
}
