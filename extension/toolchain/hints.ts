import { convertBccMethod, findBccForms } from './bcc.ts';
import type { Diagnostic } from './diagnostics.ts';
import { installCommand, type Need } from './distro.ts';

/** What a hint may look at beside the diagnostic. */
export interface HintContext {
  /** The file that is compiled. */
  main: string;
  source: string;
  /** The text of /etc/os-release; the machine's own when absent. */
  osRelease?: string;
}

/**
 * Says what a BPF developer has to do about an error that clang words for C in general; undefined when clang's own
 * words are all that there is to say.
 */
export function explainDiagnostic(diagnostic: Diagnostic, context: HintContext): string | undefined {
  if (diagnostic.severity === 'note') return undefined;
  for (const rule of rules) {
    const match = rule.pattern.exec(diagnostic.message);
    const hint = match === null ? undefined : rule.hint(match, context, diagnostic);
    if (hint !== undefined) return hint;
  }
  return unknownMapMacro(diagnostic, context);
}

/** The header that clang did not find, when that is what the diagnostic says. */
export function missingHeader(message: string): string | undefined {
  return /^'([^']+)' file not found/.exec(message)?.[1];
}

interface Rule {
  pattern: RegExp;
  hint: (match: RegExpExecArray, context: HintContext, diagnostic: Diagnostic) => string | undefined;
}

const rules: readonly Rule[] = [
  { pattern: /^'([^']+)' file not found/, hint: (match, context) => missingHeaderHint(match[1] ?? '', context) },
  {
    pattern: /^no member named '(\w+)' in 'struct/,
    hint: (match, { main, source }, place) => {
      if (place.file !== main) return undefined;
      const replacement = convertBccMethod(source, match[1] ?? '', place);
      return replacement && `this is a method call of BCC, which plain C does not have: write ${replacement}`;
    },
  },
  {
    pattern: /incomplete type 'struct bpf_map_def'/,
    hint: () => 'libbpf 1.0 dropped struct bpf_map_def: define the map with BTF (struct { … } name SEC(".maps"))',
  },
  {
    pattern: /^(?:redefinition|typedef redefinition|conflicting types|redeclaration)/,
    hint: (_match, { source }) =>
      /#\s*include\s*[<"](?:\S*\/)?vmlinux\.h[>"]/.test(source) && /#\s*include\s*<(?:linux|asm|net|sys)\//.test(source)
        ? 'vmlinux.h holds every type of the kernel already: drop the includes of <linux/…> and of the C library, or drop vmlinux.h'
        : undefined,
  },
  {
    pattern: /^Looks like the BPF stack limit/,
    hint: () => 'a BPF program has 512 bytes of stack: keep large values in a per-CPU array map of one entry',
  },
  {
    pattern: /^A call to built-in function '(mem\w+)' is not supported/,
    hint: (match) =>
      `BPF has no C library: ${match[1]} works only for a size that is constant and small (use __builtin_${match[1]}); else write a loop`,
  },
  {
    pattern: /^(?:implicit declaration of|call to undeclared) function '(\w+)'/,
    hint: (match, context) => undeclared(match[1] ?? '', context),
  },
  {
    pattern: /^(?:use of undeclared identifier|unknown type name) '(\w+)'/,
    hint: (match, context) => undeclared(match[1] ?? '', context),
  },
  {
    pattern: /incomplete (?:definition of )?type 'struct (\w+)'/,
    hint: (match, context) => undeclared(match[1] ?? '', context),
  },
];

/** Where the names that XDP programs use come from. */
const headerOf: readonly (readonly [name: RegExp, header: string])[] = [
  [/^(?:XDP_|BPF_(?:F|MAP_TYPE|ANY|NOEXIST|EXIST)|xdp_md$|bpf_(?:devmap|cpumap)_val$)/, 'linux/bpf.h'],
  [/^(?:__[us](?:8|16|32|64)|__be(?:16|32|64)|__sum16)$/, 'linux/types.h'],
  [/^bpf_(?:hton|ntoh|cpu_to_|be\d+_to|le\d+_to)/, 'bpf/bpf_endian.h'],
  [/^(?:bpf_|SEC$|__always_inline$|__uint$|__type$|NULL$)/, 'bpf/bpf_helpers.h'],
  [/^xdp_(?:cursor|parse_|vlan_|is_vlan|advance|remaining|ipv4_|icmp_hdr)/, 'xdp_parse.h'],
  [/^(?:[us](?:8|16|32|64)|be(?:16|32|64))$/, 'xdp_maps.h'],
  [/^(?:ETH_|ethhdr$)/, 'linux/if_ether.h'],
  [/^(?:IPPROTO_|in_addr$)/, 'linux/in.h'],
  [/^in6_addr$/, 'linux/in6.h'],
  [/^iphdr$/, 'linux/ip.h'],
  [/^ipv6hdr$/, 'linux/ipv6.h'],
  [/^tcphdr$/, 'linux/tcp.h'],
  [/^udphdr$/, 'linux/udp.h'],
  [/^(?:icmphdr$|ICMP_)/, 'linux/icmp.h'],
  [/^(?:icmp6hdr$|ICMPV6_)/, 'linux/icmpv6.h'],
];

function undeclared(name: string, { source }: HintContext): string | undefined {
  const header = headerOf.find(([pattern]) => pattern.test(name))?.[1];
  if (header === undefined) return undefined;
  const hasVmlinux = /#\s*include\s*[<"](?:\S*\/)?vmlinux\.h[>"]/.test(source);
  if (hasVmlinux && header.startsWith('linux/')) {
    // vmlinux.h has types and enums only: what the kernel keeps as #define is not in it.
    return name.startsWith('ETH_')
      ? `vmlinux.h has no #define: add #include <xdp_parse.h>, or #define ${name} yourself`
      : `vmlinux.h does not have ${name}: define it yourself`;
  }
  if (source.includes(`${header}>`) || source.includes(`${header}"`)) return undefined;
  return `${name} comes from a header: add #include <${header}>`;
}

function missingHeaderHint(header: string, context: HintContext): string {
  const install = (need: Need): string => installCommand([need], context.osRelease);
  if (/^(?:bpf\/)?(?:bpf_(?:helpers|helper_defs|endian|tracing|core_read)|usdt\.bpf)\.h$/.test(header)) {
    return `it belongs to libbpf: ${install('libbpf-headers')}`;
  }
  if (/\.(?:l?skel|subskel)\.h$/.test(header)) {
    return `it is a skeleton that bpftool gen skeleton makes of the compiled object, for the program in user space that loads it: the BPF source needs none, so drop the include here`;
  }
  if (header.startsWith('uapi/')) {
    return `uapi/ is a folder of the kernel's source tree: installed, the header is <${header.slice('uapi/'.length)}>`;
  }
  if (/^(?:asm|asm-generic|linux)\//.test(header)) {
    return `it belongs to the kernel's headers: ${install('kernel-headers')}. A header of the kernel's inside (such as linux/skbuff.h) cannot be included: use vmlinux.h`;
  }
  if (/^(?:gnu|bits|sys|netinet|arpa)\/|^(?:stdint|stdio|stdlib|string|features)\.h$/.test(header)) {
    return `it belongs to the C library: ${install('libc-headers')}`;
  }
  if (header === 'xdp/xdp_helpers.h' || header === 'xdp/parsing_helpers.h') {
    return 'it belongs to libxdp: install libxdp-dev (libxdp-devel on Fedora)';
  }
  if (header === 'bcc/proto.h')
    return 'it belongs to BCC: <xdp_parse.h> and <linux/…> have the same headers for libbpf programs';
  return 'it was found neither beside the file nor in the workspace: add its folder to the include directories (setting xdp.compile.includePath, or -I in a compile_flags.txt)';
}

/** A map macro that nobody declared reads to clang like an old-style function, and its words help nobody. */
function unknownMapMacro(diagnostic: Diagnostic, { main, source }: HintContext): string | undefined {
  if (diagnostic.file !== main || source.includes('xdp_maps.h')) return undefined;
  const line = source.split('\n')[diagnostic.line - 1] ?? '';
  const macro = /^\s*(BPF_[A-Z_]+)\s*\(/.exec(line)?.[1];
  if (macro === undefined || new RegExp(String.raw`#\s*define\s+${macro}\b`).test(source)) return undefined;
  const bcc = findBccForms(source).find((form) => form.line === diagnostic.line);
  const form = bcc === undefined ? '' : `, and write ${bcc.replacement}: ${bcc.text} is BCC's form`;
  return `${macro} is a macro: add #include <xdp_maps.h>${form}`;
}
