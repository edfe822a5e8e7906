/** A helper function, as the documentation in a kernel's <linux/bpf.h> tells it. */
export interface Helper {
  name: string;
  /** Its number: BPF_FUNC_…. undefined where the header lists none. */
  id: number | undefined;
  returns: string;
  parameters: string[];
  /** Paragraphs of the description, with the header's own emphasis as Markdown. */
  description: string;
  returnText: string;
}

/** The helpers that a <linux/bpf.h> documents: scripts/bpf_doc.py reads the same comment. */
export function parseHelpers(uapi: string): Map<string, Helper> {
  const ids = new Map<string, number>();
  for (const match of uapi.matchAll(/\bFN\((\w+), (\d+), ##ctx\)/g)) ids.set(`bpf_${match[1]}`, Number(match[2]));
  if (ids.size === 0) {
    const list = /#define __BPF_FUNC_MAPPER\(FN\)([\s\S]*?)\n\s*\/\*/.exec(uapi)?.[1] ?? '';
    let id = 0;
    for (const match of list.matchAll(/\bFN\((\w+)\)/g)) ids.set(`bpf_${match[1]}`, id++);
  }
  const helpers = new Map<string, Helper>();
  const start = uapi.indexOf('Start of BPF helper function descriptions');
  const text = start < 0 ? '' : uapi.slice(start, uapi.indexOf('*/', start));
  const head = /^ \* (\w[\w\s]*?\**)\s*(bpf_\w+)\(([^)]*)\)$/gm;
  const heads = [...text.matchAll(head)];
  for (const [index, match] of heads.entries()) {
    const end = heads[index + 1]?.index ?? text.length;
    const body = text.slice(match.index + match[0].length, end).replaceAll(/^ \* ?/gm, '');
    const parts = /\n\tDescription\n([\s\S]*?)(?:\n\tReturn\n([\s\S]*))?$/.exec(body);
    const name = match[2] ?? '';
    helpers.set(name, {
      name,
      id: ids.get(name),
      returns: (match[1] ?? '').trim(),
      parameters: (match[3] ?? '')
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '' && each !== 'void'),
      description: markdown(parts?.[1] ?? ''),
      returnText: markdown(parts?.[2] ?? ''),
    });
  }
  return helpers;
}

/** From reStructuredText, indented by two tabs. */
export function markdown(text: string): string {
  return text
    .replaceAll(/^\t\t/gm, '')
    .replaceAll(/\*\*([^*]+)\*\*(?:\\ )?(\([^)]*\))?/g, '`$1$2`')
    .replaceAll(/\\ /g, '')
    .trim();
}

/**
 * The first kernel with a helper, by the helper's number: numbers only grow. Source: bcc's docs/kernel-versions.md and the kernel's
 * own history of include/uapi/linux/bpf.h.
 */
const firstWith: readonly (readonly [upTo: number, kernel: string])[] = [
  [3, '3.19'],
  [11, '4.1'],
  [16, '4.2'],
  [22, '4.3'],
  [25, '4.4'],
  [26, '4.5'],
  [30, '4.6'],
  [36, '4.8'],
  [41, '4.9'],
  [44, '4.10'],
  [45, '4.11'],
  [47, '4.12'],
  [50, '4.13'],
  [53, '4.14'],
  [57, '4.15'],
  [59, '4.16'],
  [64, '4.17'],
  [80, '4.18'],
  [83, '4.19'],
  [90, '4.20'],
  [92, '5.0'],
  [98, '5.1'],
  [108, '5.2'],
  [110, '5.3'],
  [118, '5.5'],
  [119, '5.6'],
  [120, '5.7'],
  [121, '5.6'],
  [124, '5.7'],
  [125, '5.8'],
  [127, '5.7'],
  [135, '5.8'],
  [141, '5.9'],
  [155, '5.10'],
  [162, '5.11'],
  [163, '5.12'],
  [165, '5.13'],
  [168, '5.14'],
  [175, '5.15'],
  [179, '5.16'],
  [185, '5.17'],
  [193, '5.18'],
  [203, '5.19'],
  [207, '6.0'],
  [209, '6.1'],
  [211, '6.2'],
];

export function firstKernel(id: number): string | undefined {
  return id < 1 ? undefined : firstWith.find(([upTo]) => id <= upTo)?.[1];
}

/** Numbers of the helpers that programs of a type may call, asked of Linux 6.18 by loading a call of each. */
const callableFrom: Readonly<Record<string, string>> = {
  xdp: '1-3 5-8 12 14-17 22-23 25 28 35 37 42 44 51 54-55 65 69 80 84-89 93-94 99-100 105-106 109-110 112-115 117-118 120 123 125 130-134 136-141 148-149 153-154 156-158 160 163-165 169-172 175-178 180-182 188-191 194-211',
  tc: '1-3 5-26 28-35 37-43 46-48 50 55 66 68-69 79-80 83-89 93-100 105-110 112-115 117-118 120 122-125 130-141 148-149 151-158 160 163-165 169-172 175-178 180-182 191-192 194-211',
  socket_filter:
    '1-3 5-8 12 14-17 22 25-26 35 37 42 46-47 55 68 80 87-89 93-94 105-106 109 112-115 117-118 120 122-123 125 130-134 136-141 148-149 153-154 156-158 160 164-165 169-172 175-178 180-182 191 194-203 208-211',
  kprobe:
    '1-8 12 14-17 22 25 27 35 37 42 45 55 67 80 87-89 93-94 105-106 109 112-115 117-118 120 123 125 130-134 141 148-149 153-154 156-158 164-165 169-177 180-182 191 194-195 197-203 208-211',
  cgroup_skb:
    '1-3 5-8 12 14-17 22 25-26 35 37 42 46-47 55 68 79-81 83-89 93-99 105-109 112-115 117-118 120 122-123 125 128-134 136-141 148-149 153-154 156-158 160 164-165 169-172 175-178 180-182 191 194-203 208-211',
  sock_ops:
    '1-3 5-8 12 14-17 22 25 35 37 42 46 49 53 55 57 59 70 80-81 87-89 93-94 96 105-109 112-115 117-118 120 122-123 125 130-134 136-144 148-149 153-154 156-158 160 164-165 169-172 175-178 180-182 191 194-203 208-211',
  sk_msg:
    '1-3 5-8 12 14-17 22 25 35 37 42 55 60-63 71 80 87-91 93-94 105-109 112-115 117-118 120 122-123 125 130-134 136-141 148-149 153-154 156-158 160 164-165 169-172 175-178 180-182 191 194-203 208-211',
  sk_lookup:
    '1-3 5-8 12 14-17 22 25 35 37 42 55 80 86-89 93-94 105-106 109 112-115 117-118 120 123-125 130-134 136-141 148-149 153-154 156-158 160 164-165 169-172 175-178 180-182 191 194-203 208-211',
};
/** Likewise, with a licence that is not compatible with the GPL. */
const gplOnly = ranges('4 6 22 25 27 35 45 55-56 67 69 100 110 112-115 119 158 163 165 169-173 175-177 191 204-207');
const callable = new Map(Object.entries(callableFrom).map(([type, text]) => [type, ranges(text)]));

function ranges(text: string): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const part of text.split(' ')) {
    const [from = 0, to = from] = part.split('-').map(Number);
    for (let id = from; id <= to; id++) numbers.add(id);
  }
  return numbers;
}

/** The program types that may call a helper, of those that are known here. */
export function programTypesOf(id: number): string[] {
  return [...callable].filter(([, ids]) => ids.has(id)).map(([type]) => type);
}

export function isGplOnly(id: number): boolean {
  return gplOnly.has(id);
}

/** -1, 0 or 1, as `5.4` stands to `5.15`. */
export function compareKernels(left: string, right: string): number {
  const [a, b] = [left, right].map((each) => each.split('.').map(Number));
  for (let index = 0; index < 2; index++) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
