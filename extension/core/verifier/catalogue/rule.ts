import { english } from '../../text/language.ts';
import type { Way } from '../follow.ts';
import type { RegisterValue } from '../values.ts';
import type { FailureCode } from './codes.ts';

/** What is known about a failure beside the message itself. */
export interface RuleContext {
  /** The C expression in backticks, `this access` where it is not known. Starts no sentence. */
  subject: string;
  /** The function that the failing instruction calls. */
  helper: string | undefined;
  /** What the register of the message held. */
  value: RegisterValue | undefined;
  /** Where that came from. */
  way: Way | undefined;
  /** The function that gave the value. */
  giver: string | undefined;
  /** The value was a pointer once, and the named function made a number of it. */
  lost: { kind: 'packet' | 'reference'; by: string } | undefined;
}

/** One template of the verifier, and what it means. The first rule that fits one of the messages is taken. */
export interface Rule {
  code: FailureCode;
  pattern: RegExp;
  /** The rule fits only if this holds too. */
  when?: (context: RuleContext) => boolean;
  /** One to three sentences in plain words. */
  explain: (match: Groups, context: RuleContext) => string;
  /** What to write instead. */
  fix?: string | ((match: Groups, context: RuleContext) => string | undefined);
}

/** Named groups of the pattern; a group that took no part is ''. */
export type Groups = Readonly<Record<string, string>>;

/** `bpf_x` as text; `the function` where it has no name of its own, as functions of the program have in the log. */
export function functionName(name: string | undefined): string {
  return name === undefined || /^pc[+-]/.test(name) ? 'the function' : `\`${name}\``;
}

/** Upper case at the start of a sentence. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const types: Readonly<Record<string, string>> = {
  scalar: 'a plain number',
  inv: 'a plain number',
  ctx: 'the context of the program',
  map_ptr: 'a map',
  map_value: 'a map value',
  map_value_or_null: 'a map value that may be NULL',
  map_key: 'a map key',
  fp: 'the address of a local variable',
  pkt: 'a packet pointer',
  pkt_meta: 'a pointer to packet metadata',
  pkt_end: 'the end of the packet',
  sock: 'a socket',
  sock_common: 'a socket',
  tcp_sock: 'a TCP socket',
  sock_or_null: 'a socket that may be NULL',
  mem: 'a piece of memory',
  mem_or_null: 'a piece of memory that may be NULL',
  rdonly_mem: 'read-only memory',
  ringbuf_mem: 'a record of a ring buffer',
  alloc_mem: 'a record of a ring buffer',
  ringbuf_mem_or_null: 'a record of a ring buffer that may be NULL',
  alloc_mem_or_null: 'a record of a ring buffer that may be NULL',
  buf: 'a buffer',
  func: 'a function of the program',
  dynptr_ptr: 'a dynptr',
  unknown: 'something without a value',
  '?': 'something without a value',
};

/** The verifier's name of a kind of value, in words. */
export function typeWords(type: string): string {
  const plain = type.trim().replace(/\(.*$/, '');
  const known = types[plain];
  if (known !== undefined) return known;
  if (plain.endsWith('_or_null')) return `${typeWords(plain.slice(0, -'_or_null'.length))} that may be NULL`;
  const structure = /^(?:trusted_|untrusted_|rcu_|percpu_|user_)*ptr_(?:or_null_)?(\w*)$/.exec(plain);
  if (structure !== null)
    return structure[1] ? `a pointer to the kernel's \`struct ${structure[1]}\`` : 'a pointer to a kernel structure';
  return `\`${plain}\``;
}

/** `fp, pkt, map_value` in words. */
export function typeList(types: string): string {
  const words = [
    ...new Set(
      types
        .split(',')
        .map((type) => type.trim())
        .filter((type) => type !== '')
        .map(typeWords),
    ),
  ].slice(0, 8);
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : (words[0] ?? 'something else');
}

export function bytes(count: string | number): string {
  return Number(count) === 1 ? english('1 byte') : `${count} bytes`;
}
