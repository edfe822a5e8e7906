import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './toolchain.ts';

export interface Snippet {
  prefix: string;
  body: string[];
  description: string;
}

export function readSnippets(): Record<string, Snippet> {
  return JSON.parse(readFileSync(join(repository, 'snippets/bpf.json'), 'utf8')) as Record<string, Snippet>;
}

/**
 * What stands in the editor when a user inserts the snippet and changes nothing: each placeholder as its default, a
 * choice as its first entry, and `atCursor` where the cursor ends up.
 */
export function expand(snippet: Snippet, atCursor = ''): string {
  const values = new Map<string, string>();
  const text = snippet.body.join('\n');
  const first = text.replace(
    /\$\{(\d+)(?::([^}]*)|\|([^|]*)\|)\}/g,
    (_, number: string, value?: string, choices?: string) => {
      const chosen = value ?? choices?.split(',')[0] ?? '';
      if (!values.has(number)) values.set(number, chosen);
      return values.get(number) ?? '';
    },
  );
  return first.replace(/\$\{?(\d+)\}?/g, (_, number: string) =>
    number === '0' ? atCursor : (values.get(number) ?? ''),
  );
}

const includes = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/icmp.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdp_maps.h>
`;
const license = 'char _license[] SEC("license") = "GPL";\n';
/** A file with one program of this body. */
export function fileAround(body: string): string {
  return includes + program(body) + license;
}

const program = (body: string): string => `SEC("xdp")\nint prog(struct xdp_md *ctx)\n{\n${body}\nreturn XDP_PASS;\n}\n`;

/** The snippets that stand inside others, outermost first. */
const within: Readonly<Record<string, readonly string[]>> = {
  'Parse Ethernet': [],
  'Parse VLAN': ['Parse Ethernet'],
  'Parse IPv4': ['Parse Ethernet'],
  'Parse IPv6': ['Parse Ethernet'],
  'Parse TCP': ['Parse Ethernet', 'Parse IPv4'],
  'Parse UDP': ['Parse Ethernet', 'Parse IPv4'],
  'Parse ICMP': ['Parse Ethernet', 'Parse IPv4'],
  bpf_printk: [],
};
/** What a program does with the function that a snippet brings. */
const calls: Readonly<Record<string, string>> = {
  'Per-CPU counter': 'count(3);',
  'Ring buffer event': 'send_event(ctx);',
};
/** Snippets that are, or contain, a program of their own. */
const programs = new Set([
  'XDP program',
  'XDP program for multi-buffer packets',
  'Redirect to a device',
  'Redirect to an AF_XDP socket',
  'Tail call',
]);

/** A whole source file around the snippet, as its kind needs. */
export function sourceOf(name: string, snippets: Readonly<Record<string, Snippet>>): string {
  const snippet = snippets[name];
  if (snippet === undefined) throw new Error(`there is no snippet ${name}`);
  const outer = within[name];
  if (outer !== undefined) {
    const body = [...outer, name].reduceRight((inner, one) => expand(snippets[one] ?? snippet, inner), '');
    return fileAround(body);
  }
  const text = `${expand(snippet)}\n`;
  if (name === 'XDP file') return text;
  if (name === 'XDP licence') return includes + program('') + text;
  if (name === 'XDP includes') return text + program('') + license;
  if (programs.has(name)) return includes + text + license;
  return includes + text + program(calls[name] ?? '') + license;
}
