import type { CFunction, CSource } from '../source.ts';
import { t } from '../../text/language.ts';
import { numberOf, scalarSize, typeOfVariable } from './expressions.ts';
import type { Finding } from './finding.ts';
import { dropped, hotPrints } from './habits.ts';
import { compareKernels, firstKernel, isGplOnly } from './helpers.ts';
import type { Knowledge } from './knowledge.ts';
import { pointersIn } from './tokens.ts';

export interface CheckOptions {
  /** The oldest kernel that the program is for, such as `5.15`; undefined: the one that it is loaded into. */
  targetKernel?: string;
}

/**
 * Mistakes that can be seen without a kernel and without compiling, while one types. Few, and only what is surely wrong: the verifier
 * tells the rest on save.
 */
export function check(source: CSource, knowledge: Knowledge, options: CheckOptions = {}): Finding[] {
  const findings: Finding[] = [];
  const isXdp = source.functions.some(({ parameters }) =>
    parameters.some((each) => /\bstruct\s+xdp_md\s*\*/.test(each)),
  );
  if (!isXdp) return findings;
  for (const fn of source.functions) {
    findings.push(...byteOrder(source, knowledge, fn), ...stalePointers(source, fn), ...mapSizes(source, fn));
    if (fn.section?.startsWith('xdp')) findings.push(...uncheckedPacket(source, fn), ...hotPrints(source, fn));
    if (options.targetKernel !== undefined) findings.push(...newerHelpers(source, knowledge, fn, options.targetKernel));
  }
  findings.push(...licence(source, knowledge), ...dropped(source));
  return findings.sort((a, b) => a.start - b.start);
}

/** What is looked at of one function: more of it is generated code, and each look reads the function again. */
const maxLooks = 100;

function* some<T>(all: Iterable<T>): Generator<T> {
  let count = 0;
  for (const each of all) {
    if (count++ >= maxLooks) return;
    yield each;
  }
}

/** Fields that are in network order, by the struct of the kernel's headers that has them. */
const networkFields: Readonly<Record<string, readonly string[]>> = {
  ethhdr: ['h_proto'],
  iphdr: ['tot_len', 'id', 'frag_off', 'saddr', 'daddr'],
  ipv6hdr: ['payload_len'],
  tcphdr: ['source', 'dest', 'seq', 'ack_seq', 'window'],
  udphdr: ['source', 'dest', 'len'],
};

/** `eth->h_proto == ETH_P_IP`: a field in network order, compared with a number in the host's. */
function byteOrder(source: CSource, knowledge: Knowledge, fn: CFunction): Finding[] {
  const found: Finding[] = [];
  const body = source.code.slice(fn.body.start, fn.body.end);
  for (const match of some(body.matchAll(/\b(\w+)->(\w+)\s*(==|!=)\s*(\w+)\b(?!\s*(?:\(|->|\.))/g))) {
    const [, variable = '', field = '', , value = ''] = match;
    const start = fn.body.start + match.index;
    const struct = /^(?:const\s+)?struct\s+(\w+)\s*\*$/.exec(typeOfVariable(source, variable, start) ?? '')?.[1];
    if (struct === undefined || networkFields[struct]?.includes(field) !== true) continue;
    if (!/^(?:\d|0x|ETH_P_)/.test(value)) continue;
    const number = numberOf(source, knowledge, value);
    // Zero, and what reads the same from both ends, is right by luck.
    if (number === undefined || number === 0 || number === 0xffff || number === 0xffffffff) continue;
    const wide = field === 'saddr' || field === 'daddr' || field === 'seq' || field === 'ack_seq';
    const swap = wide ? 'bpf_htonl' : 'bpf_htons';
    found.push({
      code: 'byte-order',
      message: t('`{0}` is in network order: compare it with `{1}({2})`', field, swap, value),
      start,
      end: start + match[0].length,
    });
  }
  return found;
}

/** A packet pointer is followed in a program that never looks at the end of the packet. */
function uncheckedPacket(source: CSource, fn: CFunction): Finding[] {
  const body = source.code.slice(fn.body.start, fn.body.end);
  if (/data_end|data_meta/.test(body)) return [];
  // Another function may do the comparing.
  const context = /(\w+)$/.exec(fn.parameters[0] ?? '')?.[1] ?? 'ctx';
  for (const call of some(body.matchAll(/\b(\w+)\s*\((?=([^;{}]{0,200}))/g))) {
    const isOwn = !/^(?:bpf_\w+|if|for|while|switch|sizeof|return)$/.test(call[1] ?? '');
    if (isOwn && new RegExp(String.raw`\b${context}\b(?!\s*->)`).test(call[2] ?? '')) return [];
  }
  const { packet } = pointersIn(body, []);
  for (const match of body.matchAll(/(?<![\w>.&])(\w+)->\w+/g)) {
    if (!packet.has(match[1] ?? '') || fn.parameters.some((each) => each.endsWith(match[1] ?? ''))) continue;
    const start = fn.body.start + match.index;
    const message = t(
      '`{0}` reads the packet, and nothing here compares with `data_end`: the verifier will refuse it',
      match[0],
    );
    return [{ code: 'unchecked-packet', message, start, end: start + match[0].length }];
  }
  return [];
}

/** A packet pointer is followed after a helper moved the packet, on a straight way, without having been read again. */
function stalePointers(source: CSource, fn: CFunction): Finding[] {
  const body = source.code.slice(fn.body.start, fn.body.end);
  const call = /\bbpf_xdp_adjust_(?:head|tail|meta)\s*\(/g;
  for (const match of some(body.matchAll(call))) {
    // From the end of the statement with the call to the end of its block.
    let depth = 0;
    let at = match.index;
    while (at < body.length && !(depth <= 0 && (body[at] === ';' || body[at] === '{'))) {
      if (body[at] === '(') depth++;
      else if (body[at] === ')') depth--;
      at++;
    }
    // In a branch of its own it ends there, as far as this looks.
    const before = body.slice(0, match.index);
    const condition = /\bif\s*\([^;{}]*$/.test(before);
    if (condition && body[at] === '{') at = endOfBlock(body, at);
    const rest = body.slice(at + 1, endOfEnclosing(body, at + 1));
    const { packet } = pointersIn(before, []);
    for (const name of packet) {
      const use = new RegExp(String.raw`(?<![\w>.&])${name}->\w+|\*\s*${name}\b(?!\s*=[^=])`).exec(rest);
      if (use === null || rest.slice(0, use.index).trimEnd().endsWith('*')) continue;
      const between = rest.slice(0, use.index);
      const isDeclaration = use[0].startsWith('*') && /(?:struct\s+\w+|\w)\s*$/.test(between);
      if (isDeclaration || new RegExp(String.raw`\b${name}\s*=[^=]`).test(between)) continue;
      // A label, a branch or a return makes the way unclear.
      if (/\b(?:goto|case|default|switch|else|for|while)\b|^\s*\w+:/m.test(between)) continue;
      const start = fn.body.start + at + 1 + use.index;
      const message = t(
        '`{0}` was read before `{1}`, which may move the packet: read it from the context again, and check it',
        name,
        match[0].replace(/\s*\($/, ''),
      );
      return [{ code: 'stale-pointer', message, start, end: start + use[0].length }];
    }
  }
  return [];
}

function endOfBlock(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return text.length;
}

/** Where the block that an offset is in ends. */
function endOfEnclosing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth < 0) return at;
  }
  return text.length;
}

/** The variable behind a key or a value is smaller than what the map reads there. */
function mapSizes(source: CSource, fn: CFunction): Finding[] {
  const found: Finding[] = [];
  const body = source.code.slice(fn.body.start, fn.body.end);
  const calls = /\bbpf_map_(?:lookup|update|delete)_elem\s*\(\s*&(\w+)\s*,\s*(&(\w+))\s*(?:,\s*(&(\w+)))?/g;
  for (const match of some(body.matchAll(calls))) {
    const map = source.maps.find(({ name }) => name === match[1]);
    if (map === undefined) continue;
    const parts = [
      { what: 'key', type: map.key, name: match[3], text: match[2] ?? '' },
      { what: 'value', type: map.value, name: match[5], text: match[4] ?? '' },
    ];
    for (const { what, type, name, text } of parts) {
      if (name === undefined || type === undefined) continue;
      const start = fn.body.start + match.index + match[0].lastIndexOf(text);
      const own = typeOfVariable(source, name, start);
      const [has, needs] = [scalarSize(own), scalarSize(type)];
      if (own === undefined || has === undefined || needs === undefined || has >= needs || own.endsWith('*')) continue;
      const message = t(
        '`{0}` has {1} bytes, and the {2} of `{3}` ({4}) has {5}',
        name,
        has,
        t(what),
        map.name,
        type,
        needs,
      );
      found.push({ code: 'map-size', message, start, end: start + text.length });
    }
  }
  return found;
}

function helperCalls(
  source: CSource,
  knowledge: Knowledge,
  fn: CFunction,
): { name: string; id: number; start: number }[] {
  const body = source.code.slice(fn.body.start, fn.body.end);
  return [...body.matchAll(/\b(bpf_\w+)\s*\(/g)].flatMap((match) => {
    const name = match[1] === 'bpf_printk' ? 'bpf_trace_printk' : (match[1] ?? '');
    const id = knowledge.helpers.get(name)?.id;
    return id === undefined ? [] : [{ name: match[1] ?? '', id, start: fn.body.start + match.index }];
  });
}

function newerHelpers(source: CSource, knowledge: Knowledge, fn: CFunction, target: string): Finding[] {
  // Where the program itself asks whether a helper is there.
  if (/bpf_core_enum_value_exists|bpf_ksym_exists|LINUX_KERNEL_VERSION/.test(source.code)) return [];
  return helperCalls(source, knowledge, fn).flatMap(({ name, id, start }) => {
    const since = firstKernel(id);
    if (since === undefined || compareKernels(since, target) <= 0) return [];
    const message = t('`{0}` came with Linux {1}, and this program is for {2} (xdp.targetKernel)', name, since, target);
    return [{ code: 'kernel-too-old' as const, message, start, end: start + name.length }];
  });
}

/** include/linux/license.h, license_is_gpl_compatible(). */
const gplCompatible = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/** A helper for GPL-compatible programs in a file whose licence is another one. */
function licence(source: CSource, knowledge: Knowledge): Finding[] {
  const own = source.variables.find(({ section }) => section === 'license');
  const text = /^"([^"]*)"$/.exec(own?.initializer ?? '')?.[1];
  // Without one here, a header or another file may hold it.
  if (own === undefined || text === undefined || gplCompatible.has(text)) return [];
  for (const fn of source.functions) {
    const call = helperCalls(source, knowledge, fn).find(({ id }) => isGplOnly(id));
    if (call === undefined) continue;
    const message = t('`{0}` is for programs with a GPL-compatible licence, and this one is "{1}"', call.name, text);
    return [{ code: 'licence', message, start: call.start, end: call.start + call.name.length }];
  }
  return [];
}
