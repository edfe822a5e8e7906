import { blankComments, placeOf, readCall } from '../core/c/text.ts';

/**
 * BCC rewrites C before it compiles it: `BPF_HASH(counts)` and `counts.lookup(&key)` are its own language, not C.
 * Here their meaning is spelled out in the form that libbpf programs use.
 * Source: the reference guide of BCC, section "Maps".
 */

/** The arguments behind the name, with BCC's default for each. */
const keyValue = ['u64', 'u64', '10240'];
const value = ['u64', '10240'];
const shortForms: Readonly<Record<string, readonly string[]>> = {
  BPF_HASH: keyValue,
  BPF_LRU_HASH: keyValue,
  BPF_PERCPU_HASH: keyValue,
  BPF_LRU_PERCPU_HASH: keyValue,
  BPF_LPM_TRIE: keyValue,
  BPF_ARRAY: value,
  BPF_PERCPU_ARRAY: value,
  BPF_PERF_OUTPUT: ['1024'],
};

/** Macros that only BCC has. `$0` is the name, `$1` the next argument. */
const onlyBcc: Readonly<Record<string, string>> = {
  BPF_HISTOGRAM: 'BPF_ARRAY($0, u64, 64)',
  BPF_RINGBUF_OUTPUT: 'BPF_RINGBUF($0, $1 * 4096)',
  BPF_TABLE: 'BPF_MAP(name, BPF_MAP_TYPE_…, key, value, max)',
  BPF_PERCPU_TABLE: 'BPF_MAP(name, BPF_MAP_TYPE_PERCPU_…, key, value, max)',
};

export interface BccForm {
  line: number;
  column: number;
  /** As it stands in the source, such as `BPF_HASH(counts)`. */
  text: string;
  /** What to write instead. */
  replacement: string;
}

/** Map macros in a form that only BCC understands. */
export function findBccForms(source: string): BccForm[] {
  const text = blankComments(source);
  const forms: BccForm[] = [];
  for (const match of text.matchAll(/^[ \t]*(BPF_[A-Z_]+)[ \t]*\(/gm)) {
    const macro = match[1] ?? '';
    const start = match.index + match[0].indexOf(macro);
    const call = readCall(text, start, match.index + match[0].length - 1);
    if (call === undefined) continue;
    const replacement = replacementOf(macro, call.args);
    if (replacement === undefined) continue;
    forms.push({ ...placeOf(text, start), text: text.slice(start, call.end), replacement });
  }
  return forms;
}

function replacementOf(macro: string, args: readonly string[]): string | undefined {
  const defaults = shortForms[macro];
  if (defaults !== undefined) {
    const given = args.length - 1;
    if (given < 0 || given >= defaults.length) return undefined;
    return `${macro}(${[...args, ...defaults.slice(given)].join(', ')})`;
  }
  return onlyBcc[macro]?.replace('$0', args[0] ?? 'name').replace('$1', args[1] ?? '8');
}

/** `$map` is the map, `$1` … its arguments, `$*` all of them. */
const methods: Readonly<Record<string, string>> = {
  lookup: 'bpf_map_lookup_elem(&$map, $1)',
  lookup_or_init:
    'bpf_map_lookup_elem(&$map, $1), and where that is NULL bpf_map_update_elem(&$map, $1, $2, BPF_NOEXIST)',
  lookup_or_try_init:
    'bpf_map_lookup_elem(&$map, $1), and where that is NULL bpf_map_update_elem(&$map, $1, $2, BPF_NOEXIST)',
  update: 'bpf_map_update_elem(&$map, $1, $2, BPF_ANY)',
  insert: 'bpf_map_update_elem(&$map, $1, $2, BPF_NOEXIST)',
  delete: 'bpf_map_delete_elem(&$map, $1)',
  increment: 'v = bpf_map_lookup_elem(&$map, &key) with $1 as the key, then if (v) __sync_fetch_and_add(v, 1)',
  atomic_increment: 'v = bpf_map_lookup_elem(&$map, &key) with $1 as the key, then if (v) __sync_fetch_and_add(v, 1)',
  push: 'bpf_map_push_elem(&$map, $*)',
  pop: 'bpf_map_pop_elem(&$map, $1)',
  peek: 'bpf_map_peek_elem(&$map, $1)',
  call: 'bpf_tail_call($1, &$map, $2)',
  redirect_map: 'bpf_redirect_map(&$map, $*)',
  perf_submit: 'bpf_perf_event_output($1, &$map, BPF_F_CURRENT_CPU, $2, $3)',
  ringbuf_output: 'bpf_ringbuf_output(&$map, $*)',
  ringbuf_reserve: 'bpf_ringbuf_reserve(&$map, $1, 0)',
  ringbuf_submit: 'bpf_ringbuf_submit($*)',
  ringbuf_discard: 'bpf_ringbuf_discard($*)',
};

/**
 * The helper call for a BCC method call such as `counts.lookup(&key)`.
 * @param place of the call or of its method name; the call nearest to it on the line is taken. 1-based.
 */
export function convertBccMethod(
  source: string,
  method: string,
  place: { line: number; column: number },
): string | undefined {
  const form = methods[method];
  if (form === undefined) return undefined;
  const lines = blankComments(source).split('\n');
  const text = lines.slice(place.line - 1).join('\n');
  const lineLength = lines[place.line - 1]?.length ?? 0;
  const calls = [...text.matchAll(new RegExp(String.raw`\b(\w+)\s*\.\s*${method}\s*\(`, 'g'))].filter(
    (match) => match.index <= lineLength,
  );
  const nearest = calls.toSorted((a, b) => Math.abs(a.index - place.column) - Math.abs(b.index - place.column))[0];
  if (nearest?.[1] === undefined) return undefined;
  const call = readCall(text, nearest.index, nearest.index + nearest[0].length - 1);
  if (call === undefined) return undefined;
  return form
    .replaceAll('$map', nearest[1])
    .replaceAll('$*', call.args.join(', '))
    .replace(/\$(\d)/g, (_, digit: string) => call.args[Number(digit) - 1] ?? '…');
}
